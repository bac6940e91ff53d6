// Inflates gzip on its way to a server: by igzip where that is installed, which is twice as fast as Node's zlib and
// works on a core of its own, else by zlib. Both read over the seams between members and take a stream that was cut at one
// for whole, so whoever reads compares the bytes of both sides with the manifest.

import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, type ZlibOptions } from 'node:zlib';
import { findProgram } from '../base/find-program.ts';
import { OutputPipe } from '../base/output-pipe.ts';
import { type ChildFailure, endOf, killGroup } from '../base/process.ts';
import { started } from '../base/started.ts';

export type GunzipOptions = {
  /** Sees each compressed chunk before it is inflated. */
  readonly onChunk: (chunk: Buffer) => void;
  /** Called after the last of them. */
  readonly onEnd?: (() => void) | undefined;
  /** igzip's path, or `zlib`; the faster that there is when not given. */
  readonly by?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

export class NotGzip extends Error {}
/** igzip was killed, or could not be started: nothing is known of the bytes by that. */
export class GunzipFailed extends Error {}

// Node's default of 16 KiB halves the rate (design/performance.md).
const chunkBytes = 256 * 1024;
/** Some chunks ahead of the reader: the thread that inflates then hardly waits for the one that reads. */
const inflating = { chunkSize: chunkBytes, readableHighWaterMark: 4 * chunkBytes } as ZlibOptions;

/** igzip's exit code for bytes that it cannot inflate. */
const notGzipExitCode = 1;

/**
 * Inflates a stream, once.
 *
 * @param compressed - Let go of in any case; leaving the iteration early, too, ends all that runs.
 * @throws {@link NotGzip}, {@link GunzipFailed}, what the compressed stream throws, or the signal's reason.
 */
export async function* gunzip(
  compressed: Readable,
  options: GunzipOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const { signal, by = findProgram('igzip') ?? 'zlib' } = options;
  const breakOff = () => compressed.destroy(signal?.reason);
  signal?.addEventListener('abort', breakOff, { once: true });
  if (signal?.aborted) breakOff();
  try {
    yield* by === 'zlib' ? byZlib(compressed, options) : byChild(by, compressed, options);
  } finally {
    signal?.removeEventListener('abort', breakOff);
    compressed.destroy();
  }
}

async function* byZlib(
  compressed: Readable,
  options: GunzipOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const inflater = createGunzip(inflating);
  // Its failure comes out of the inflater too, which is where we read.
  const feeding = pipeline(seen(compressed, options), inflater).catch(() => undefined);
  try {
    yield* inflater as AsyncIterable<Buffer>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code?.startsWith('Z_') ? new NotGzip(message) : error;
  } finally {
    inflater.destroy();
    compressed.destroy();
    await feeding;
  }
}

async function* byChild(
  program: string,
  compressed: Readable,
  options: GunzipOptions,
): AsyncGenerator<Buffer, void, undefined> {
  // Of its own group: a Ctrl-C is for us to act on.
  const pipe = OutputPipe.open();
  const child = spawn(program, ['-d', '-c'], {
    detached: true,
    env: { LC_ALL: 'C' },
    stdio: ['pipe', pipe?.writing ?? 'pipe', 'pipe'],
  });
  pipe?.handedOver();
  started(child, 'igzip');
  const ended = endOf(child);
  const source: { failure?: { readonly error: unknown } } = {};
  const feeding = feed(seen(compressed, options), child.stdin as Writable).catch((error: unknown) => {
    source.failure = { error };
    killGroup(child.pid, 'SIGKILL');
  });
  try {
    if (child.pid !== undefined) yield* pipe?.read() ?? (child.stdout as AsyncIterable<Buffer>);
    const failure = await ended;
    if (source.failure !== undefined) throw source.failure.error;
    if (failure === undefined) return await feeding;
    throw gunzipError(failure);
  } finally {
    pipe?.close();
    killGroup(child.pid, 'SIGKILL');
    compressed.destroy();
    await ended;
    await feeding;
  }
}

function gunzipError({ exitCode, signal, startError }: Omit<ChildFailure, 'program'>): Error {
  if (exitCode === notGzipExitCode) return new NotGzip('igzip finds no whole gzip stream in it');
  const end = signal === undefined ? `ended with exit code ${exitCode}` : `was ended by ${signal}`;
  return new GunzipFailed(`igzip ${startError === undefined ? end : `could not be started: ${startError}`}`);
}

async function* seen(
  compressed: Readable,
  { onChunk, onEnd }: GunzipOptions,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of compressed as AsyncIterable<Buffer>) {
    onChunk(chunk);
    yield chunk;
  }
  onEnd?.();
}

/** Settles when all was taken, or nothing more will be. @throws What the source throws. */
async function feed(source: AsyncIterable<Buffer>, sink: Writable): Promise<void> {
  // EPIPE of a child that is gone: how it ended says more.
  sink.on('error', () => undefined);
  for await (const chunk of source) {
    if (!(await written(sink, chunk))) return;
  }
  sink.end();
}

function written(sink: Writable, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    sink.write(chunk, (error) => resolve(!error));
  });
}
