// An archive's bytes on their way to psql: inflated, and checked against the manifest while they pass. Nothing is kept,
// neither on disk nor in memory.

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, type ZlibOptions } from 'node:zlib';
import { OffsiteError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';

/** What the bytes must be. */
export type ArchiveBytes = Pick<Manifest, 'id' | 'sha256' | 'compressedBytes' | 'plainBytes'>;

/** Bytes that have passed so far. */
export type InflateProgress = { compressedBytes: number; plainBytes: number };

export type InflatedArchive = {
  /** Leaving the iteration early closes the download. */
  readonly dump: AsyncGenerator<Buffer>;
  readonly progress: Readonly<InflateProgress>;
};

// Node's default of 16 KiB halves the rate (design/performance.md).
const chunkBytes = 256 * 1024;
/** Some chunks ahead of the reader: the thread that inflates then hardly waits for the one that reads. */
const aheadBytes = 4 * chunkBytes;

/**
 * Inflates an archive while it is downloaded.
 *
 * @param body - The archive's bytes.
 * @param onDownloaded - Called after the last compressed byte.
 * @returns The dump's plain text. It ends only if every byte was as the manifest says; else, in place of its end, it
 *   throws `OffsiteError` `ARCHIVE_DAMAGED`, or `STORE_UNREACHABLE` if the download broke off.
 */
export function inflateArchive(
  body: Readable,
  expected: ArchiveBytes,
  signal?: AbortSignal,
  onDownloaded?: () => void,
): InflatedArchive {
  const progress: InflateProgress = { compressedBytes: 0, plainBytes: 0 };
  return { dump: inflate(body, expected, { progress, onDownloaded }, signal), progress };
}

async function* inflate(
  body: Readable,
  expected: ArchiveBytes,
  { progress, onDownloaded }: { progress: InflateProgress; onDownloaded: (() => void) | undefined },
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const gunzip = createGunzip({ chunkSize: chunkBytes, readableHighWaterMark: aheadBytes } as ZlibOptions);
  async function* hashed(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk);
      progress.compressedBytes += chunk.length;
      yield chunk;
    }
    onDownloaded?.();
  }
  // Its failure comes out of gunzip too, which is where we read.
  const feeding = pipeline(body, hashed, gunzip, signal ? { signal } : {}).catch(() => undefined);
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      progress.plainBytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw explain(error, expected, progress);
  } finally {
    gunzip.destroy();
    body.destroy();
    await feeding;
  }
  const compared: [string, string | number, string | number][] = [
    ['compressed bytes', expected.compressedBytes, progress.compressedBytes],
    ['plain bytes', expected.plainBytes, progress.plainBytes],
    ['sha256', expected.sha256, hash.digest('hex')],
  ];
  const different = compared.find(([, wanted, found]) => wanted !== found);
  if (different === undefined) return;
  const [what, wanted, found] = different;
  throw damaged(expected.id, `${what} ${wanted}, as in the manifest`, `${what} ${found}`);
}

function explain(error: unknown, expected: ArchiveBytes, { compressedBytes }: InflateProgress): unknown {
  if (error instanceof OffsiteError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const found = `${message}, after ${compressedBytes} of ${expected.compressedBytes} bytes`;
  if (code?.startsWith('Z_')) return damaged(expected.id, 'whole gzip members up to the last byte', found);
  return new OffsiteError('STORE_UNREACHABLE', `the download of ${expected.id} broke off`, {
    expected: `${expected.compressedBytes} bytes`,
    found,
    hint: 'try again; the archive itself was not touched',
    cause: error,
  });
}

function damaged(id: string, expected: string, found: string): OffsiteError {
  return new OffsiteError('ARCHIVE_DAMAGED', `the archive ${id} is damaged`, {
    expected,
    found,
    hint: "back up again now (offsite backup), restore from a neighbour meanwhile (offsite list), and let 'offsite verify' look at this one",
  });
}
