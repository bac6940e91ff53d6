// open-archive: reads the very bytes that a manifest speaks of, and fails rather than end when they are others.

import { createHash } from 'node:crypto';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore, OpenObject, Reading } from '../store/store.ts';
import { ofDatabase } from './kind.ts';
import type { Manifest } from './manifest.ts';
import type { ArchiveId } from './names.ts';

/**
 * Opens an archive by the version that its manifest names.
 *
 * @throws {@link OffsiteError} `ARCHIVE_MISSING` if that version is not there.
 */
export async function openArchive(
  store: ArchiveStore,
  id: ArchiveId,
  { versionId, compressedBytes }: Pick<Manifest, 'versionId' | 'compressedBytes'>,
  reading?: Reading,
  { keysOf, words: { undoFlag, list } } = ofDatabase,
): Promise<OpenObject> {
  const key = keysOf(id).archive;
  const opened = await store.open(key, versionId, reading);
  if (opened !== undefined) return opened;
  throw new OffsiteError('ARCHIVE_MISSING', `${id.id} has a manifest, but its archive is not there`, {
    expected: `${compressedBytes} bytes at ${key}${versionId ? `, version ${versionId}` : ''}`,
    found: 'nothing',
    hint: `'offsite undo ${id.id}${undoFlag}' brings it back while the bucket keeps its versions; else take another one (${list}). Find out who deleted it`,
  });
}

/** A gzip member's end: CRC-32 and length of its plain text. */
const trailerBytes = 8;
/** Header, an empty deflate stream, trailer. */
const shortestMember = 20;

/**
 * Compares an archive's bytes with its manifest while they pass: the length and each member's trailer at once, all of them
 * by their sum at their end. Nothing is inflated.
 */
export class ArchiveProof {
  bytes = 0;
  readonly #manifest: Manifest;
  readonly #hash = createHash('sha256');
  readonly #trailer = Buffer.alloc(trailerBytes);
  #member = 0;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
  }

  /** Of the bytes so far. */
  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  /** @throws {@link OffsiteError} `ARCHIVE_DAMAGED` as soon as it shows. */
  push(chunk: Uint8Array): void {
    if (this.bytes + chunk.length > this.#manifest.compressedBytes)
      throw damaged(this.#manifest, 'more bytes');
    this.#hash.update(chunk);
    this.#lookAtTrailers(chunk);
    this.bytes += chunk.length;
  }

  /** @throws {@link OffsiteError} `ARCHIVE_DAMAGED` if they are not all of the bytes, or others. */
  finish(): void {
    const { compressedBytes, sha256 } = this.#manifest;
    if (this.bytes === compressedBytes && this.sha256 === sha256) return;
    throw damaged(this.#manifest, `${this.bytes} bytes, sha256 ${this.sha256}`);
  }

  #lookAtTrailers(chunk: Uint8Array): void {
    const end = this.bytes + chunk.length;
    for (let member = this.#next; member !== undefined; member = this.#next) {
      const memberEnd = member.offset + member.compressedBytes;
      const trailerAt = memberEnd - trailerBytes;
      if (trailerAt >= end) return;
      const from = Math.max(trailerAt, this.bytes);
      this.#trailer.set(chunk.subarray(from - this.bytes, memberEnd - this.bytes), from - trailerAt);
      if (memberEnd > end) return;
      const found = this.#trailer.readUInt32LE().toString(16).padStart(8, '0');
      if (found !== member.crc32) {
        const where = `member ${this.#member}, which ends at byte ${memberEnd}`;
        throw damaged(this.#manifest, `CRC-32 ${found} in the trailer of ${where}, and not ${member.crc32}`);
      }
      this.#member += 1;
    }
  }

  /** The member whose trailer comes next; what is too short for one is no member. */
  get #next(): Manifest['members'][number] | undefined {
    const { members } = this.#manifest;
    while ((members[this.#member]?.compressedBytes ?? shortestMember) < shortestMember) this.#member += 1;
    return members[this.#member];
  }
}

/** Passes bytes on, and fails if they are not those of the manifest: see {@link ArchiveProof}. */
export function checked(manifest: Manifest) {
  const proof = new ArchiveProof(manifest);
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      proof.push(chunk);
      yield chunk;
    }
    proof.finish();
  };
}

function damaged(manifest: Manifest, found: string): OffsiteError {
  return new OffsiteError('ARCHIVE_DAMAGED', `${manifest.id} is not what the agent wrote`, {
    expected: `${manifest.compressedBytes} bytes, sha256 ${manifest.sha256}`,
    found,
    hint: "run the same command again; if it stays, take another archive ('offsite list')",
  });
}
