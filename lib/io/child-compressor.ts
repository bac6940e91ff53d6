// igzip and pigz: a child process for each member, fed while the dump comes. A pipe has no seams, so only a process of
// its own makes a member of its own; starting one costs about 2 ms (docs/performance.md).

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { type Compressor, compressorFailed, type MemberStream } from './member-stream.ts';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * igzip's level 2 is as fast as its level 1 and 1.5 % smaller; pigz at level 4 is the smallest that pg_dump does not have
 * to wait long for (docs/performance.md). Neither writes a name or a time.
 */
const arguments_ = { igzip: ['-2', '-n', '-c'], pigz: ['-4', '-n', '-c', '-p', '2'] } as const;

const stderrTailBytes = 2048;

/**
 * Makes a compressor of a program that reads plain bytes on stdin and writes one gzip member to stdout.
 *
 * @param name - Decides the arguments.
 * @param program - Its path.
 */
export function childCompressor(name: keyof typeof arguments_, program: string): Compressor {
  const args = arguments_[name];
  return { name: `${name}${args[0]}`, open: () => new ChildMember(name, program, args) };
}

class ChildMember implements MemberStream {
  readonly #name: string;
  readonly #child: Child;
  readonly #pieces: Buffer[] = [];
  readonly #closed: Promise<void>;
  /** Set once it is known that nothing good comes of it. */
  #failure: Error | undefined;
  #isClosed = false;
  #stderr = '';

  constructor(name: string, program: string, args: readonly string[]) {
    this.#name = name;
    this.#child = spawn(program, args, {
      // Of its own: a Ctrl-C is for us to act on. And GZIP or PIGZ of the caller would change the arguments.
      detached: true,
      env: { LC_ALL: 'C' },
      stdio: 'pipe',
    });
    const { stdin, stdout, stderr } = this.#child;
    stdout.on('data', (piece: Buffer) => this.#pieces.push(piece));
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrTailBytes);
    });
    // EPIPE of a child that is gone: how it ended says more.
    stdin.on('error', () => undefined);
    this.#closed = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.#failure ??= this.#failed(error.message);
      });
      this.#child.on('close', (exitCode, signal) => {
        if (exitCode !== 0) {
          this.#failure ??= this.#failed(signal === null ? `exit code ${exitCode}` : `ended by ${signal}`);
        }
        this.#isClosed = true;
        resolve();
      });
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#isClosed)
      throw this.#failure ?? this.#failed('exit code 0 before all of the plain text was read');
    const { promise, resolve } = Promise.withResolvers<void>();
    // Called with an error when the child is gone; its close says why.
    this.#child.stdin.write(chunk, (error) => (error ? this.#closed.then(resolve) : resolve()));
    await promise;
    if (this.#failure !== undefined) throw this.#failure;
  }

  async end(): Promise<Buffer[]> {
    this.#child.stdin.end();
    await this.#closed;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#pieces;
  }

  async abort(): Promise<void> {
    this.#child.kill('SIGKILL');
    // Of one that never started, there may be no close.
    if (this.#child.pid !== undefined) await this.#closed;
  }

  #failed(found: string): Error {
    const words = this.#stderr.trim().split('\n').at(-1);
    return compressorFailed(this.#name, `exit code 0 of ${this.#name}`, words ? `${found}: ${words}` : found);
  }
}
