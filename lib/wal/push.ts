// push: one file of the log is looked at, compressed and stored under a key that says what it holds.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { parseWalFile, type WalFile, walKey } from '../archive/wal-names.ts';
import { nothingIf, OffsiteError } from '../base/errors.ts';
import { freeNow, giveBack, takeBlock } from '../base/read-blocks.ts';
import { chooseCompressor, compressMembers } from '../gzip/compressor.ts';
import { combineCrc32 } from '../gzip/crc32-combine.ts';
import { crcText } from '../gzip/gzip-members.ts';
import type { Compressor } from '../gzip/member-stream.ts';
import type { ArchiveStore } from '../store/store.ts';
import { foreignError, headOfSegment } from './cluster.ts';
import { parseHistory } from './history.ts';
import { conflictError, listWal } from './read-wal.ts';

export type PushOptions = {
  readonly store: ArchiveStore;
  readonly source: string;
  /** Of the file; its name is the log's own. */
  readonly path: string;
  /** Whose log the source's is; a file that names no cluster is taken for its. */
  readonly systemIdentifier: string | undefined;
  /** Whose it was before: what waits of theirs is stored as theirs. */
  readonly formers?: readonly string[] | undefined;
  readonly compressor?: Compressor | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type PushedWal = {
  readonly name: string;
  readonly key: string;
  /** `there` if the store had these very bytes already. */
  readonly outcome: 'stored' | 'there';
  readonly systemIdentifier: string;
  readonly plainBytes: number;
};

const usualSegmentBytes = 16 * 2 ** 20;
/** A history has a line for each promotion, a label nine. */
const smallFileBytes = 1024 * 1024;

/**
 * Brings a file of the log into the store.
 *
 * @returns Once the store has acknowledged it.
 * @throws {@link OffsiteError} `WAL_INVALID`, `WAL_FOREIGN`, `WAL_CONFLICT` if it is there with other bytes, `WAL_UNREADABLE`, or what
 *   kept it from being stored.
 */
export async function pushWal(options: PushOptions): Promise<PushedWal> {
  const { store, source, path, compressor, signal } = options;
  const file = walFileOf(path);
  await using handle = await open(path).catch((error: Error) => {
    throw unreadableError(path, error.message);
  });
  const { size: plainBytes } = await handle.stat();
  const found = await clusterOf(handle, file, plainBytes);
  const systemIdentifier = found ?? options.systemIdentifier;
  if (systemIdentifier === undefined)
    throw new OffsiteError('WAL_FOREIGN', `it is not known whose ${file.name} is`, {
      expected: 'a segment that was handed over before, or the data directory to run in',
      found: 'neither',
      hint: 'Postgres runs its archive_command in its data directory; elsewhere, hand a segment over first (offsite wal push FILE)',
    });
  const known = [options.systemIdentifier, ...(options.formers ?? [])];
  if (options.systemIdentifier !== undefined && !known.includes(systemIdentifier))
    throw foreignError(source, options.systemIdentifier, systemIdentifier);
  const { sha256, crc } = await sumsOf(handle, signal);
  const key = walKey({ source, systemIdentifier, file, sha256 });
  const pushed = { name: file.name, key, systemIdentifier, plainBytes };
  const sums = await sumsThere(store, { source, systemIdentifier }, file);
  // What a timeline ended in may differ from promotion to promotion, and no recovery needs it.
  if (file.kind !== 'partial' && sums.some((one) => one !== sha256))
    throw conflictError(file.name, `SHA-256 ${sha256}`, sums);
  if (sums.includes(sha256)) return { ...pushed, outcome: 'there' };
  const chunks = compressed(handle, { name: file.name, crc }, compressor, signal);
  const stored = await store
    .upload(key, chunks, { expectedBytes: plainBytes, ...(signal && { signal }) })
    .catch(nothingIf(/^ARCHIVE_EXISTS$/));
  // Its key says what it holds.
  return { ...pushed, outcome: stored === undefined ? 'there' : 'stored' };
}

function walFileOf(path: string): WalFile {
  const file = parseWalFile(basename(path));
  if (file !== undefined) return file;
  throw new OffsiteError('WAL_INVALID', `'${path}' is no file of the write-ahead log`, {
    expected: 'a name such as 00000001000000000000000A or 00000002.history',
    found: basename(path),
    hint: "in archive_command, hand over %p: archive_command = 'offsite wal push %p'",
  });
}

/** The cluster that a segment says it is of. @throws {@link OffsiteError} `WAL_INVALID` */
async function clusterOf(handle: FileHandle, file: WalFile, bytes: number): Promise<string | undefined> {
  if (file.kind !== 'history' && file.kind !== 'label')
    return (await headOfSegment(handle, file.name)).systemIdentifier;
  const text = bytes <= smallFileBytes ? (await handle.readFile()).toString() : '';
  const isWhole =
    file.kind === 'history' ? parseHistory(text) !== undefined : /^START WAL LOCATION: /.test(text);
  if (isWhole) return undefined;
  throw new OffsiteError('WAL_INVALID', `${file.name} is not what its name says; nothing was stored of it`, {
    expected: file.kind === 'history' ? "a timeline's history" : 'the label of a base backup',
    found: bytes === 0 ? 'nothing' : 'other text',
    hint: 'a copy that is under way must have another name until it is whole: see offsite wal archive-command',
  });
}

/** Its blocks, each to be given back. */
async function* blocksOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const block = takeBlock();
    const { bytesRead } = await handle.read(block, 0, block.length, at);
    if (bytesRead === 0) return void giveBack(block);
    at += bytesRead;
    yield block.subarray(0, bytesRead);
  }
}

/** Of a segment of 1 GiB this takes seconds, and who is told to end has few. */
async function sumsOf(
  handle: FileHandle,
  signal: AbortSignal | undefined,
): Promise<{ readonly sha256: string; readonly crc: number }> {
  const hash = createHash('sha256');
  let crc = 0;
  for await (const block of blocksOf(handle)) {
    hash.update(block);
    crc = crc32(block, crc);
    giveBack(block);
    signal?.throwIfAborted();
  }
  return { sha256: hash.digest('hex'), crc };
}

/**
 * The file once more, in as few programs as can be: nobody inflates the members of a segment side by side. Its second SHA-256 would
 * cost as much as the first, and finds no more of what changes by chance.
 *
 * @throws {@link OffsiteError} `WAL_INVALID` at its end, if it is not what it was.
 */
async function* compressed(
  handle: FileHandle,
  expected: { readonly name: string; readonly crc: number },
  compressor: Compressor = chooseCompressor(),
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const { memberPlainBytes, longMemberPlainBytes } = compressor;
  const plainBytesEach = longMemberPlainBytes === undefined ? memberPlainBytes : usualSegmentBytes;
  let crc = 0;
  for await (const { pieces, member } of compressMembers(blocksOf(handle), compressor, {
    signal,
    plainBytesEach,
  })) {
    crc = combineCrc32(crc, Number.parseInt(member.crc32, 16), member.plainBytes);
    for (const piece of pieces) {
      yield piece;
      if (!giveBack(piece)) freeNow(piece);
    }
  }
  if (crc === expected.crc) return;
  throw new OffsiteError(
    'WAL_INVALID',
    `${expected.name} changes while it is read; nothing was stored of it`,
    {
      expected: `CRC-32 ${crcText(expected.crc)}`,
      found: `CRC-32 ${crcText(crc)}`,
      hint: 'a copy that is under way must have another name until it is whole: see offsite wal archive-command',
    },
  );
}

/** What is there under the name. Where an agent may not look, as is its way, the names are looked at by who may: nothing is lost. */
async function sumsThere(
  store: ArchiveStore,
  cluster: { readonly source: string; readonly systemIdentifier: string },
  file: WalFile,
): Promise<string[]> {
  const listing = listWal(store, cluster, `${file.name}-`).catch(nothingIf(/^CREDENTIALS_REFUSED$/));
  return (await listing)?.map(({ sha256 }) => sha256) ?? [];
}

export function unreadableError(path: string, found: string): OffsiteError {
  return new OffsiteError('WAL_UNREADABLE', `${path} cannot be read`, {
    expected: 'a file that this user may read',
    found,
    hint: 'run this as the user that Postgres runs as (sudo -u postgres), or let this one read it (chmod)',
  });
}
