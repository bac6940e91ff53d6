// Child processes under rule 1: a stream that ends has succeeded. Its end comes only after the child's exit code 0;
// in any other case it fails with what the child said.

import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { gatherMs, outputOf } from './child-output.ts';

/** A program to run. Secrets belong into `env`: arguments can be read by every user of the machine. */
export type Command = {
  readonly program: string;
  readonly args: readonly string[];
  /** The complete environment; left out, it is this process's own. */
  readonly env?: Readonly<Record<string, string>>;
};

/** How a child ended, other than well. */
export type ChildFailure = {
  readonly program: string;
  /** `undefined` if it never started or was killed. */
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** `ENOENT` and the like, if it never started. */
  readonly startError: string | undefined;
  /** The last of what it wrote to stderr. */
  readonly stderr: string;
};

const stderrTailBytes = 8192;
/** How long a child may take to end by itself. */
const graceMs = 3000;

/**
 * Runs a program and gives what it writes to stdout.
 *
 * @param explain - Makes the error to throw of a failed child.
 * @param signal - Ends the child when it aborts; its reason is thrown then.
 * @remarks Leaving the iteration early ends the child, and waits until it is gone.
 * @throws What `explain` returns, in place of the end of the stream.
 */
export async function* stdoutOf(
  command: Command,
  explain: (failure: ChildFailure) => Error,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const { program, args, env } = command;
  // A group of its own: a shell line's pg_dump must end with its shell.
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...(env && { env }),
  });
  const ended = endOf(child);
  const kill = (name: NodeJS.Signals) => killGroup(child.pid, name);
  let harder: NodeJS.Timeout | undefined;
  const end = () => {
    kill('SIGTERM');
    // A child that is stopped, or does not listen, must not hold us up.
    harder ??= setTimeout(() => kill('SIGKILL'), graceMs);
  };
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  try {
    if (child.pid !== undefined) yield* outputOf(child, gatherMs);
    const failure = await ended;
    if (failure !== undefined) throw signal?.aborted ? signal.reason : explain({ program, ...failure });
  } finally {
    signal?.removeEventListener('abort', end);
    end();
    await ended;
    clearTimeout(harder);
  }
}

/** How a child ends: `undefined` if well. To be asked for right after it was started. */
export async function endOf(child: ChildProcess): Promise<Omit<ChildFailure, 'program'> | undefined> {
  let stderr = Buffer.alloc(0);
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-stderrTailBytes);
  });
  const saidAll = new Promise((resolve) => child.stderr?.on('close', resolve));
  const { promise, resolve } = Promise.withResolvers<Omit<ChildFailure, 'program' | 'stderr'>>();
  child.on('error', (error: NodeJS.ErrnoException) => {
    if (child.pid !== undefined) return;
    resolve({ exitCode: undefined, signal: undefined, startError: error.code ?? String(error) });
  });
  child.on('exit', (exitCode, signal) => {
    if (child.pid === undefined) return;
    resolve({ exitCode: exitCode ?? undefined, signal: signal ?? undefined, startError: undefined });
  });
  const end = await promise;
  if (end.exitCode === 0) return undefined;
  // Its last words are in the pipe; but something that it started may hold that open for ever.
  if (end.startError === undefined) await Promise.race([saidAll, sleep(graceMs, undefined, { ref: false })]);
  return { ...end, stderr: stderr.toString('utf8').trim() };
}

/** Ends a child and what it started; there may be nothing left to end. */
export function killGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
