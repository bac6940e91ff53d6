// Brings a file of the log back: inflated, held against its key and its own head, and under its name only when it is on the disk.

import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { OffsiteError } from '../base/errors.ts';
import { GunzipFailed, gunzip, NotGzip } from '../gzip/gunzip.ts';
import type { ArchiveStore } from '../store/store.ts';
import { foreignError } from './cluster.ts';
import type { Cluster, StoredWal } from './read-wal.ts';
import { readSegmentHeader, segmentHeaderBytes } from './segment.ts';

type WalObject = Pick<StoredWal, 'name' | 'kind' | 'key' | 'sha256'>;

/** The longest segment that Postgres knows. */
const longestBytes = 2 ** 30;

/**
 * Brings a file back.
 *
 * @param path - Replaced, if it is there.
 * @throws {@link OffsiteError} `ARCHIVE_DAMAGED` if it is not what its key says, `ARCHIVE_GONE` if it went meanwhile, or what the
 *   store says. The path is as it was then.
 */
export async function bringWal(
  store: ArchiveStore,
  cluster: Cluster,
  wal: StoredWal,
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const partial = `${path}.offsite-${process.pid}`;
  try {
    await using file = await open(partial, 'w+', 0o600);
    await inflateInto(file, store, wal, signal);
    if (wal.kind === 'segment' || wal.kind === 'begun') await assertHead(file, cluster, wal);
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
export async function proveWal(store: ArchiveStore, cluster: Cluster, wal: WalObject): Promise<void> {
  const head = Buffer.alloc(segmentHeaderBytes);
  let bytes = 0;
  for await (const chunk of plainOf(store, wal)) {
    if (bytes < head.length) head.set(chunk.subarray(0, head.length - bytes), bytes);
    bytes += chunk.length;
    // A few bytes of gzip can hold any number.
    if (bytes > longestBytes) throw damaged(wal, 'a segment', `more than ${longestBytes} bytes`);
  }
  if (wal.kind === 'segment') assertHeader(head.subarray(0, bytes), bytes, cluster, wal);
}

/** A small file of the log, as text. */
export async function readWalText(store: ArchiveStore, wal: StoredWal): Promise<string> {
  return Buffer.concat(await Array.fromAsync(plainOf(store, wal))).toString('utf8');
}

async function inflateInto(
  file: FileHandle,
  store: ArchiveStore,
  wal: StoredWal,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const chunk of plainOf(store, wal, signal)) {
    for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
  }
}

/** Its plain bytes. @throws At their end, if they are not what the key says. */
async function* plainOf(store: ArchiveStore, wal: WalObject, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const opened = await store.open(wal.key);
  if (opened === undefined) {
    throw new OffsiteError('ARCHIVE_GONE', `${wal.name} went while it was being fetched`, {
      expected: wal.key,
      found: 'no such object any more',
      hint: 'retention or a person removed it: run again, and see what there is',
    });
  }
  const hash = createHash('sha256');
  try {
    // zlib, which is no program that would have to be started anew for each segment.
    for await (const chunk of gunzip(opened.body, { by: 'zlib', onChunk: () => undefined, signal })) {
      hash.update(chunk);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof NotGzip || error instanceof GunzipFailed)
      throw damaged(wal, 'whole gzip', error.message);
    throw error;
  }
  const found = hash.digest('hex');
  if (found !== wal.sha256) throw damaged(wal, `SHA-256 ${wal.sha256}`, `SHA-256 ${found}`);
}

async function assertHead(file: FileHandle, cluster: Cluster, wal: StoredWal): Promise<void> {
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(segmentHeaderBytes), 0, segmentHeaderBytes, 0);
  assertHeader(buffer.subarray(0, bytesRead), size, cluster, wal);
}

function assertHeader(head: Uint8Array, bytes: number, cluster: Cluster, { name }: WalObject): void {
  const { systemIdentifier } = readSegmentHeader(name, head, bytes);
  if (systemIdentifier !== cluster.systemIdentifier)
    throw foreignError(cluster.source, cluster.systemIdentifier, systemIdentifier);
}

function damaged({ name, key }: WalObject, expected: string, found: string): OffsiteError {
  return new OffsiteError('ARCHIVE_DAMAGED', `${name} in the vault is not what was stored`, {
    expected,
    found,
    hint: `recovery cannot go past it: recover to a point before it, and find out who changed ${key} (its earlier versions may be whole)`,
  });
}
