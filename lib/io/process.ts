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

/**
 * Runs a program and gives what it writes to stdout.
 *
 * @param explain - Makes the error to throw of a failed child.
 * @remarks Leaving the iteration early ends the child, and waits until it is gone.
 * @throws What `explain` returns, in place of the end of the stream.
 */
export async function* stdoutOf(
  command: Command,
  explain: (failure: ChildFailure) => Error,
): AsyncGenerator<Buffer> {
  const child = execa(command.program, command.args, {
    ...(command.env === undefined ? {} : { env: command.env, extendEnv: false }),
    stdin: 'ignore',
    buffer: false,
    encoding: 'buffer',
    forceKillAfterDelay: 3000,
  });
  let stderr = Buffer.alloc(0);
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-stderrTailBytes);
  });
  try {
    yield* child.readable({ binary: true }) as AsyncIterable<Buffer>;
  } catch (error) {
    throw explain(failureOf(command.program, error, stderr));
  } finally {
    child.kill();
    await child.catch(() => undefined);
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
