// Brings a file of the log back: inflated, held against its key and its own head, and under its name only when it is on the disk.

import { open, rename, rm } from 'node:fs/promises';
import { OffsiteError } from '../base/errors.ts';
import { giveBack } from '../base/read-blocks.ts';
import { GunzipFailed, gunzip, NotGzip } from '../gzip/gunzip.ts';
import type { ArchiveStore } from '../store/store.ts';
import { Beginnings } from './beginnings.ts';
import { foreignError, headOfSegment } from './cluster.ts';
import { type Cluster, conflictError, type StoredWal } from './read-wal.ts';
import { readSegmentHeader, type SegmentHeader, segmentHeaderBytes } from './segment.ts';

type WalObject = Pick<StoredWal, 'name' | 'kind' | 'key' | 'sha256'>;

/** What the segment was while it was being written, as somebody stored it then. */
export type BegunCopy = Pick<StoredWal, 'name' | 'filledBytes' | 'sha256'>;

/** Of a segment, or of a copy that goes further than others: those others. */
export function copiesOf<Wal extends Pick<StoredWal, 'name' | 'kind'>>(
  { name, kind }: Pick<StoredWal, 'name' | 'kind'>,
  listed: readonly Wal[],
): Wal[] {
  if (kind !== 'segment' && kind !== 'begun') return [];
  const isEarlier = (other: string) => kind === 'segment' || other < name;
  return listed.filter(
    (one) => one.kind === 'begun' && one.name.startsWith(name.slice(0, 24)) && isEarlier(one.name),
  );
}

/** The longest segment that Postgres knows. */
const longestBytes = 2 ** 30;

/** What a file is called while a process brings it. */
export function partialOf(path: string, process: number | ''): string {
  return `${path}.offsite-${process}`;
}

/**
 * Brings a file back.
 *
 * @param path - Replaced, if it is there.
 * @param copies - Of it, from when it was being written.
 * @throws {@link OffsiteError} `ARCHIVE_DAMAGED` if it is not what its key says, `WAL_CONFLICT` if a copy did not become it,
 *   `ARCHIVE_GONE` if it went meanwhile, or what the store says. The path is as it was then.
 */
export async function bringWal(
  store: ArchiveStore,
  cluster: Cluster,
  wal: StoredWal,
  path: string,
  signal?: AbortSignal,
  copies: readonly BegunCopy[] = [],
): Promise<void> {
  const partial = partialOf(path, process.pid);
  try {
    await using file = await open(partial, 'w+', 0o600);
    for await (const chunk of plainOf(store, wal, copies, signal))
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
    if (wal.kind === 'segment' || wal.kind === 'begun')
      assertOf(cluster, await headOfSegment(file, wal.name));
    await file.sync();
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * Reads a file through, as recovery would.
 *
 * @throws As {@link bringWal}, and `WAL_INVALID` or `WAL_FOREIGN` of what its key should never have had.
 */
export async function proveWal(
  store: ArchiveStore,
  cluster: Cluster,
  wal: WalObject,
  copies: readonly BegunCopy[] = [],
): Promise<void> {
  const head = Buffer.alloc(segmentHeaderBytes);
  let bytes = 0;
  for await (const chunk of plainOf(store, wal, copies)) {
    if (bytes < head.length) head.set(chunk.subarray(0, head.length - bytes), bytes);
    bytes += chunk.length;
    // A few bytes of gzip can hold any number.
    if (bytes > longestBytes) throw damaged(wal, 'a segment', `more than ${longestBytes} bytes`);
  }
  if (wal.kind === 'segment') assertOf(cluster, readSegmentHeader(wal.name, head.subarray(0, bytes), bytes));
}

/** A small file of the log, as text. */
export async function readWalText(store: ArchiveStore, wal: StoredWal): Promise<string> {
  const chunks = await Array.fromAsync(plainOf(store, wal, []), (chunk) => Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** Its plain bytes, which change once more are asked for. @throws At their end, if they are not what the key says, or what a copy says that they began as. */
async function* plainOf(
  store: ArchiveStore,
  wal: WalObject,
  copies: readonly BegunCopy[],
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const opened = await store.open(wal.key);
  if (opened === undefined) {
    throw new OffsiteError('ARCHIVE_GONE', `${wal.name} went while it was being fetched`, {
      expected: wal.key,
      found: 'no such object any more',
      hint: "retention or a person removed it: 'offsite wal window' shows what can be recovered",
    });
  }
  const passing = new Beginnings(copies.map(({ filledBytes = 0 }) => filledBytes));
  try {
    for await (const chunk of gunzip(opened.body, { onChunk: () => undefined, signal })) {
      passing.push(chunk);
      yield chunk;
      giveBack(chunk);
    }
  } catch (error) {
    if (error instanceof NotGzip || error instanceof GunzipFailed)
      throw damaged(wal, 'whole gzip', error.message);
    throw error;
  }
  const { whole, of } = passing.sums();
  if (whole !== wal.sha256) throw damaged(wal, `SHA-256 ${wal.sha256}`, `SHA-256 ${whole}`);
  const strange = copies.filter(({ filledBytes = 0, sha256 }) => of(filledBytes) !== sha256);
  if (strange.length > 0)
    throw conflictError(
      wal.name,
      `what ${strange.map(({ name }) => name).join(', ')} began`,
      strange.map(({ sha256 }) => sha256),
    );
}

function assertOf(cluster: Cluster, { systemIdentifier }: SegmentHeader): void {
  if (systemIdentifier !== cluster.systemIdentifier)
    throw foreignError(cluster.source, cluster.systemIdentifier, systemIdentifier);
}

function damaged({ name, key }: WalObject, expected: string, found: string): OffsiteError {
  return new OffsiteError('ARCHIVE_DAMAGED', `${name} in the vault is not what was stored`, {
    expected,
    found,
    hint: `recovery cannot go past it: 'offsite wal window' shows what can be recovered; find out who changed ${key} (its earlier versions may be whole)`,
  });
}
