// fetch: brings an archive back, checked against its manifest. What is cut short in a file is kept, and can be gone on
// with.

import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Manifest } from '../archive/manifest.ts';
import { type ArchiveId, archiveKeys } from '../archive/names.ts';
import { ArchiveProof, checked, openArchive } from '../archive/open-archive.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { exitCodes, nothingIf, OffsiteError } from '../base/errors.ts';
import type { FilePlace } from '../base/output-file.ts';
import {
  inUse,
  type KeptPartial,
  keptPartials,
  noteEveryMs,
  type Origin,
  PartialFile,
  removeKept,
} from '../base/partial-file.ts';
import { formatBytes } from '../base/quantities.ts';
import type { ArchiveStore, OpenObject } from '../store/store.ts';

export type FetchOptions = {
  readonly store: ArchiveStore;
  readonly id: ArchiveId;
  /** Connections that bring it side by side. */
  readonly connections: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Fetches an archive into a stream, in order.
 *
 * @param destination - Opened once the archive is; ended when all of it is written, and destroyed on failure.
 * @throws `OffsiteError` `ARCHIVE_DAMAGED` if the bytes are not those of the manifest. They are written by then:
 *   whoever reads the stream must look at the exit code.
 */
export async function fetchTo(
  { store, id, connections, signal }: FetchOptions,
  destination: () => Writable,
): Promise<Manifest> {
  const manifest = await readManifest(store, id);
  const { body } = await openArchive(store, id, manifest, { connections });
  await pipeline(body, checked(manifest), destination(), signal === undefined ? {} : { signal });
  return manifest;
}

export type FetchFileOptions = FetchOptions & {
  readonly place: FilePlace;
  /** The bucket's name: with the key it says which object is meant. */
  readonly bucket: string;
  /** Whether to go on with what an earlier run left. */
  readonly resume: boolean;
  /** Told what a person should know on the way. */
  readonly tell: (sentence: string) => void;
};

export type FetchedFile = {
  readonly manifest: Manifest;
  /** Bytes that an earlier run had brought. */
  readonly resumedAtBytes: number;
};

/**
 * Fetches an archive into a file, which has its name only once it is whole and on the disk.
 *
 * @throws {@link OffsiteError} `ARCHIVE_DAMAGED`, `ARCHIVE_CHANGED`, `ARCHIVE_MISSING`, `DISK_FULL`, `PARTIAL_FOREIGN` or
 *   `PARTIAL_IN_USE` if what was left is not to be gone on with; or what cut it short: then what has come is kept.
 */
export async function fetchFile(options: FetchFileOptions): Promise<FetchedFile> {
  const { store, id, place, bucket, connections, resume, tell } = options;
  const manifest = await readManifest(store, id);
  const left = await keptPartials(place);
  const kept = resume ? chooseKept(left, options) : undefined;
  const from = kept?.proven.bytes ?? 0;
  const opened = await openArchive(store, id, manifest, { connections, from });
  try {
    const origin = originOf(bucket, manifest, opened);
    const earlier = left.filter((one) => one.writer === undefined && isSame(one.origin, origin));
    if (kept !== undefined && !earlier.includes(kept)) throw foreign(kept, origin);
    if (kept === undefined && !resume) tellOf(earlier, manifest, tell);
    const proof = new ArchiveProof(manifest);
    const file =
      kept === undefined
        ? await PartialFile.begin(place, origin, manifest.compressedBytes)
        : await goOn(kept, manifest, proof);
    if (file === undefined) {
      tell(`${kept?.path} is not what was written to it: it begins anew`);
      return await fetchFile(options);
    }
    if (from > 0) tell(`going on at ${formatBytes(from)} of ${formatBytes(manifest.compressedBytes)}`);
    await fill(file, opened.body, proof, options);
    for (const one of earlier.filter(({ stateFile }) => stateFile !== kept?.stateFile)) await removeKept(one);
    return { manifest, resumedAtBytes: from };
  } finally {
    opened.body.destroy();
  }
}

/** @throws What reading, writing or comparing threw; of the first, what has come is kept. */
async function fill(
  file: PartialFile,
  body: Readable,
  proof: ArchiveProof,
  { place, signal, tell }: FetchFileOptions,
): Promise<void> {
  const breakOff = () => body.destroy(signal?.reason);
  signal?.addEventListener('abort', breakOff, { once: true });
  if (signal?.aborted) breakOff();
  const note = () => file.note(() => proof.sha256);
  // Also where nothing comes any more.
  const timer = setInterval(() => {
    if (proof.bytes === file.bytes) note().catch(() => undefined);
  }, noteEveryMs);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      proof.push(chunk);
      await file.write(chunk);
      await note();
    }
    signal?.throwIfAborted();
    proof.finish();
    await file.finish(place);
  } catch (error) {
    clearInterval(timer);
    const isCutShort =
      signal?.aborted || (error instanceof OffsiteError && error.exitCode === exitCodes.store);
    const isOfDisk =
      !(error instanceof OffsiteError) && (error as NodeJS.ErrnoException).syscall !== undefined;
    const keptBytes = isCutShort
      ? await file.keep(proof.sha256).catch(() => file.leave())
      : isOfDisk
        ? await file.leave()
        : 0;
    if (keptBytes === 0) await file.remove();
    else
      tell(
        `${formatBytes(keptBytes)} are kept in ${file.path}: the same command with --resume goes on with them${isOfDisk ? ' once there is room (rm gives it back, too)' : ''}`,
      );
    throw error;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', breakOff);
  }
}

/** @returns `undefined` if what is there is not what was written; it is removed then. */
async function goOn(
  kept: KeptPartial,
  manifest: Manifest,
  proof: ArchiveProof,
): Promise<PartialFile | undefined> {
  const file = await PartialFile.goOn(kept, manifest.compressedBytes);
  const reading = file.readAgain((chunk) => proof.push(chunk));
  const isSame = await reading.then(
    () => proof.sha256 === kept.proven.sha256,
    nothingIf(/^ARCHIVE_DAMAGED$/),
  );
  if (isSame) return file;
  await file.remove();
  return undefined;
}

function originOf(bucket: string, manifest: Manifest, { versionId, etag }: OpenObject): Origin {
  const { archive: key } = archiveKeys(manifest);
  const { compressedBytes: bytes, sha256 } = manifest;
  return { bucket, key, versionId, etag, bytes, sha256 };
}

function isSame(one: Origin, other: Origin): boolean {
  return Object.entries(other).every(([name, value]) => one[name] === value);
}

/** What an earlier run left of this archive, most of it; nothing, where there is nothing at all. */
function chooseKept(
  left: readonly KeptPartial[],
  { id, bucket, place, tell }: FetchFileOptions,
): KeptPartial | undefined {
  const { archive: key } = archiveKeys(id);
  const [most] = left
    .filter(({ origin }) => isSame(origin, { bucket, key }))
    .toSorted((one, other) => other.proven.bytes - one.proven.bytes);
  if (most === undefined && left[0] !== undefined) throw foreign(left[0], { bucket, key });
  if (most === undefined) tell(`there is nothing of it beside ${place.file} to go on with: it begins anew`);
  if (most?.writer === undefined) return most;
  throw inUse(most, `process ${most.writer}, which writes it`);
}

function foreign({ path, origin }: KeptPartial, expected: Origin): OffsiteError {
  return new OffsiteError('PARTIAL_FOREIGN', `${path} is of other bytes`, {
    expected: describe(expected),
    found: describe(origin),
    hint: 'remove it, or leave out --resume: another begins beside it',
  });
}

function describe({ bucket, key, versionId, etag, bytes }: Origin): string {
  const more = etag === undefined ? '' : `, version ${versionId ?? 'none'}, ETag ${etag}, ${bytes} bytes`;
  return `s3://${bucket}/${key}${more}`;
}

function tellOf(
  earlier: readonly KeptPartial[],
  { compressedBytes }: Manifest,
  tell: (sentence: string) => void,
): void {
  for (const { path, proven } of earlier) {
    if (proven.bytes === 0) continue;
    const share = `${formatBytes(proven.bytes)} of ${formatBytes(compressedBytes)}`;
    tell(`${share} are there already, in ${path}: --resume goes on with them`);
  }
}
