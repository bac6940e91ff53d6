// An archive's bytes on their way to psql: inflated, and checked against the manifest while they pass. Nothing is kept,
// neither on disk nor in memory.

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Manifest } from '../archive/manifest.ts';
import { OffsiteError } from '../base/errors.ts';
import { GunzipFailed, gunzip, NotGzip } from '../gzip/gunzip.ts';

export type ArchiveBytes = Pick<Manifest, 'id' | 'sha256' | 'compressedBytes' | 'plainBytes'>;

const smallBytes = 1024 ** 2;

/** What inflates so many compressed bytes soonest: a process takes its time to start. @returns As of `gunzip`. */
export function inflaterOf(compressedBytes: number): string | undefined {
  return compressedBytes < smallBytes ? 'zlib' : undefined;
}

/** Bytes that have passed so far. */
export type InflateProgress = { compressedBytes: number; plainBytes: number };

const wordsOf = { compressedBytes: 'compressed bytes', plainBytes: 'plain bytes', sha256: 'sha256' } as const;

export type InflatedArchive = {
  /** Leaving the iteration early closes the download. */
  readonly dump: AsyncGenerator<Buffer>;
  readonly progress: Readonly<InflateProgress>;
};

export type InflateOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Called after the last compressed byte. */
  readonly onDownloaded?: (() => void) | undefined;
  /** As of `gunzip`. */
  readonly by?: string | undefined;
};

/**
 * Inflates an archive while it is downloaded.
 *
 * @returns The dump's plain text. It ends only if every byte was as the manifest says; else, in place of its end, it
 *   throws `OffsiteError` `ARCHIVE_DAMAGED`, `STORE_UNREACHABLE` if the download broke off, or `RESTORE_FAILED` if
 *   igzip did.
 */
export function inflateArchive(
  body: Readable,
  expected: ArchiveBytes,
  { signal, onDownloaded, by = inflaterOf(expected.compressedBytes) }: InflateOptions = {},
): InflatedArchive {
  const progress: InflateProgress = { compressedBytes: 0, plainBytes: 0 };
  const hash = createHash('sha256');
  // A few bytes of gzip can hold any number: what is more than the manifest says goes nowhere.
  const count = (what: keyof InflateProgress, { length }: Buffer) => {
    progress[what] += length;
    if (progress[what] <= expected[what]) return;
    throw differing(expected.id, wordsOf[what], expected[what], `more than ${expected[what]}`);
  };
  const onChunk = (chunk: Buffer) => {
    hash.update(chunk);
    count('compressedBytes', chunk);
  };
  async function* dump(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of gunzip(body, { onChunk, onEnd: onDownloaded, by, signal })) {
        count('plainBytes', chunk);
        yield chunk;
      }
    } catch (error) {
      throw inflateError(error, expected, progress);
    }
    const { compressedBytes, plainBytes } = progress;
    const found = { compressedBytes, plainBytes, sha256: hash.digest('hex') };
    for (const what of ['compressedBytes', 'plainBytes', 'sha256'] as const)
      if (found[what] !== expected[what])
        throw differing(expected.id, wordsOf[what], expected[what], found[what]);
  }
  return { dump: dump(), progress };
}

function inflateError(error: unknown, expected: ArchiveBytes, { compressedBytes }: InflateProgress): unknown {
  if (error instanceof OffsiteError) return error;
  const found = `${(error as Error).message}, after ${compressedBytes} of ${expected.compressedBytes} bytes`;
  if (error instanceof NotGzip) return damaged(expected.id, 'whole gzip members up to the last byte', found);
  if (error instanceof GunzipFailed) {
    return new OffsiteError('RESTORE_FAILED', `igzip did not inflate ${expected.id}`, {
      expected: 'exit code 0, or 1 if the archive is damaged',
      found,
      hint: 'run the same command again; if it stays, see whether memory is left (free -m). Without igzip on the PATH, Node inflates it',
      cause: error,
    });
  }
  return new OffsiteError('STORE_UNREACHABLE', `the download of ${expected.id} broke off`, {
    expected: `${expected.compressedBytes} bytes`,
    found,
    hint: "run the same command again; if it stays, 'offsite doctor' looks at the way to the store",
    cause: error,
  });
}

function differing(id: string, what: string, wanted: string | number, found: string | number): OffsiteError {
  return damaged(id, `${what} ${wanted}, as in the manifest`, `${what} ${found}`);
}

function damaged(id: string, expected: string, found: string): OffsiteError {
  return new OffsiteError('ARCHIVE_DAMAGED', `the archive ${id} is damaged`, {
    expected,
    found,
    hint: "back up again now (offsite backup), restore from a neighbour meanwhile (offsite list), and let 'offsite verify' look at this one",
  });
}
