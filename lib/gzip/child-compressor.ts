// igzip and pigz: a child process for each member, fed while the dump comes. A pipe has no seams, so only a process of
// its own makes a member of its own; starting one costs about 2 ms (docs/performance.md).

import { type ChildProcess, spawn } from 'node:child_process';
import { OutputPipe } from '../base/output-pipe.ts';
import { endOf, killGroup } from '../base/process.ts';
import { exhaustion, started } from '../base/started.ts';
import { type Compressor, compressorError, type MemberStream } from './member-stream.ts';

/**
 * igzip's level 2 is as fast as its level 1 and 1.5 % smaller; pigz's level 4 is the smallest that two cores do at
 * the rate of Node's zlib (docs/performance.md). Neither writes a name or a time.
 */
const argumentsOf = { igzip: ['-2', '-n', '-c'], pigz: ['-4', '-n', '-c', '-p', '2'] } as const;

/**
 * Long enough that a child for each member costs 1 % of the time, short enough that a reader holds two of them inflated
 * in 16 MiB (docs/performance.md).
 */
const memberPlainBytes = 8 * 1024 * 1024;

/**
 * For a stream whose rate the forks decide: half of them, and 0.3 of the 3 CPU seconds of a base backup of 650 MB. Longer ones are not
 * inflated side by side; what cannot be compressed grows a little.
 */
const longMemberPlainBytes = 15 * 1024 * 1024;

/** How long a compressor may take nothing and give nothing, while it has something to do. */
const stallLimitMs = 5 * 60_000;

/**
 * Makes a compressor of a program that reads plain bytes on stdin and writes one gzip member to stdout.
 *
 * @param name - Decides the arguments.
 */
export function childCompressor(
  name: keyof typeof argumentsOf,
  program: string,
  limitMs: number = stallLimitMs,
): Compressor {
  const args = argumentsOf[name];
  return {
    name: `${name}${args[0]}`,
    memberPlainBytes,
    longMemberPlainBytes,
    open: () => new ChildMember(name, program, args, limitMs),
  };
}

class ChildMember implements MemberStream {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #pipe: OutputPipe | undefined;
  readonly #pieces: Buffer[] = [];
  readonly #closed: Promise<void>;
  /** Set once it is known that nothing good comes of it. */
  #failure: Error | undefined;
  #isClosed = false;
  #isBusy = false;
  readonly #stall: NodeJS.Timeout;

  constructor(name: string, program: string, args: readonly string[], limitMs: number) {
    this.#name = name;
    this.#pipe = OutputPipe.open();
    this.#child = spawn(program, args, {
      // Of its own: a Ctrl-C is for us to act on. And GZIP or PIGZ of the caller would change the arguments.
      detached: true,
      env: { LC_ALL: 'C' },
      stdio: ['pipe', this.#pipe?.writing ?? 'pipe', 'pipe'],
    });
    this.#pipe?.handedOver();
    started(this.#child, name);
    // EPIPE of a child that is gone: how it ended says more.
    this.#child.stdin?.on('error', () => undefined);
    this.#closed = this.#run();
    this.#stall = setTimeout(() => {
      if (this.#isBusy) this.#fail(`it took nothing and gave nothing for ${limitMs / 1000} s`);
    }, limitMs);
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#isClosed) this.#failure ??= this.#error('exit code 0 before all of the plain text was read');
    if (this.#failure !== undefined) throw this.#failure;
    this.#isBusy = true;
    this.#stall.refresh();
    const { promise, resolve } = Promise.withResolvers<void>();
    // Called with an error when the child is gone; its end says why.
    this.#child.stdin?.write(chunk, (error) => (error ? this.#closed.then(resolve) : resolve()));
    await promise;
    this.#isBusy = false;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async end(): Promise<Buffer[]> {
    this.#isBusy = true;
    this.#stall.refresh();
    this.#child.stdin?.end();
    await this.#closed;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#pieces;
  }

  async abort(): Promise<void> {
    killGroup(this.#child.pid, 'SIGKILL');
    await this.#closed;
  }

  /** Collects what it gives until it is gone. */
  async #run(): Promise<void> {
    const ended = endOf(this.#child);
    try {
      if (this.#child.pid !== undefined) {
        for await (const piece of this.#pipe?.read() ?? (this.#child.stdout as AsyncIterable<Buffer>)) {
          this.#pieces.push(piece);
          this.#stall.refresh();
        }
      }
    } catch (error) {
      this.#fail(`its output cannot be read: ${(error as Error).message}`);
    }
    this.#pipe?.close();
    const failure = await ended;
    if (failure !== undefined) {
      const { startError, signal, exitCode, stderr } = failure;
      const end = startError ?? (signal === undefined ? `exit code ${exitCode}` : `ended by ${signal}`);
      const words = stderr.split('\n').at(-1);
      this.#failure ??= exhaustion(this.#name, startError) ?? this.#error(words ? `${end}: ${words}` : end);
    }
    clearTimeout(this.#stall);
    this.#isClosed = true;
  }

  #fail(found: string): void {
    this.#failure ??= this.#error(found);
    killGroup(this.#child.pid, 'SIGKILL');
  }

  #error(found: string): Error {
    return compressorError(this.#name, `exit code 0 of ${this.#name}`, found);
  }
}
