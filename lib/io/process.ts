// Child processes under rule 1: a stream that ends has succeeded. Its end comes only after the child's exit code 0;
// in any other case it fails with what the child said.

import { execa } from 'execa';

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
  const child = execa(command.program, command.args, {
    ...(command.env === undefined ? {} : { env: command.env, extendEnv: false }),
    stdin: 'ignore',
    buffer: false,
    encoding: 'buffer',
    // A group of its own: a shell line's pg_dump must end with its shell.
    detached: true,
  });
  const kill = (name: NodeJS.Signals) => killGroup(child.pid, name);
  const onAbort = () => kill('SIGTERM');
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  let stderr = Buffer.alloc(0);
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-stderrTailBytes);
  });
  try {
    yield* child.readable({ binary: true }) as AsyncIterable<Buffer>;
  } catch (error) {
    throw signal?.aborted ? signal.reason : explain(failureOf(command.program, error, stderr));
  } finally {
    signal?.removeEventListener('abort', onAbort);
    kill('SIGTERM');
    const harder = setTimeout(() => kill('SIGKILL'), graceMs);
    await child.catch(() => undefined);
    clearTimeout(harder);
  }
}

/** Ends a child and what it started; there may be nothing left to end. */
function killGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function failureOf(program: string, error: unknown, stderr: Buffer): ChildFailure {
  const { exitCode, signal, code } = error as { exitCode?: number; signal?: string; code?: string };
  return {
    program,
    exitCode,
    signal,
    startError: exitCode === undefined && signal === undefined ? (code ?? String(error)) : undefined,
    stderr: stderr.toString('utf8').trim(),
  };
}
