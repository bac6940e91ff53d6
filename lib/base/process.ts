// Child processes under rule 1: a stream that ends has succeeded. Its end comes only after the child's exit code 0;
// in any other case it fails with what the child said.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OutputPipe } from './output-pipe.ts';
import { exhaustion, started } from './started.ts';

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

export type RunOptions = {
  /** Makes the error to throw of a failed child. */
  readonly errorOf: (failure: ChildFailure) => Error;
  /** Ends the child when it aborts; its reason is thrown then, however the child ends. */
  readonly signal?: AbortSignal | undefined;
  /** Told of what could not be ended, as `sudo (process 12)`: it is another user's. */
  readonly onRemaining?: ((what: string) => void) | undefined;
  /** Told what a child that ended well wrote to stderr, unless that is nothing. */
  readonly onWords?: ((stderr: string) => void) | undefined;
};

const stderrTailBytes = 8192;
/** What has come is given on after so long, however little, where somebody waits for it. */
const gatherMs = 10;
/** How long a child may take to end by itself, and how long once it was killed. */
const graceMs = 3000;
const killedWithinMs = 500;
const pollMs = 50;

/**
 * Runs a program and gives what it writes to stdout, which may be much.
 *
 * @remarks Leaving the iteration early ends the child, and waits until it is gone.
 * @throws What `errorOf` returns, in place of the end of the stream.
 */
export function stdoutOf(command: Command, options: RunOptions): AsyncGenerator<Buffer> {
  return outputOf(command, options, () => OutputPipe.open(gatherMs));
}

/**
 * Runs a program and gives all that it writes to stdout, which is little.
 *
 * @param input - What it reads on stdin.
 * @throws What `errorOf` returns of a failed child.
 */
export async function textOf(command: Command, options: RunOptions, input = ''): Promise<string> {
  const chunks = await Array.fromAsync(outputOf(command, options, () => undefined, input));
  return Buffer.concat(chunks).toString('utf8');
}

async function* outputOf(
  { program, args, env }: Command,
  { errorOf, signal, onRemaining, onWords }: RunOptions,
  openPipe: () => OutputPipe | undefined,
  input?: string,
): AsyncGenerator<Buffer> {
  const pipe = openPipe();
  // A group of its own: a shell line's pg_dump must end with its shell.
  const child = spawn(program, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', pipe?.writing ?? 'pipe', 'pipe'],
    detached: true,
    ...(env && { env }),
  });
  pipe?.handedOver();
  started(child, program);
  // EPIPE of a child that is gone: how it ended says more.
  child.stdin?.on('error', () => undefined).end(input);
  const ended = endOf(child, onWords && ((words) => signal?.aborted || onWords(words)));
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => undefined);
  let ending: Promise<boolean> | undefined;
  const end = () => {
    // Whom no signal reaches, the closed pipe does.
    pipe?.close();
    child.stdout?.destroy();
    ending ??= endGroup(child.pid);
    reject(signal?.reason);
  };
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  try {
    if (child.pid !== undefined) yield* pipe?.read() ?? (child.stdout as AsyncIterable<Buffer>);
    const failure = await Promise.race([ended, aborted]);
    // Told to stop, it has not succeeded, whatever its exit code.
    if (signal?.aborted) throw signal.reason;
    // What was left running in the background.
    ending ??= Promise.resolve(true);
    killGroup(child.pid, 'SIGTERM');
    if (failure !== undefined)
      throw exhaustion(program, failure.startError) ?? errorOf({ program, ...failure });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', end);
    end();
    if (!(await ending)) {
      onRemaining?.(`${program} (process ${child.pid})`);
      child.unref();
      child.stderr?.destroy();
    }
  }
}

/**
 * How a child ends: `undefined` if well. To be asked for right after it was started.
 *
 * @param onWords - Told what one that ended well wrote to stderr, unless that is nothing.
 */
export async function endOf(
  child: ChildProcess,
  onWords?: (stderr: string) => unknown,
): Promise<Omit<ChildFailure, 'program'> | undefined> {
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
  const isWell = end.exitCode === 0;
  if (isWell && onWords === undefined) return undefined;
  // Its last words are in the pipe; but something that it started may hold that open for ever.
  if (end.startError === undefined) await Promise.race([saidAll, sleep(graceMs, undefined, { ref: false })]);
  const words = stderr.toString('utf8').trim();
  if (!isWell) return { ...end, stderr: words };
  if (words !== '') onWords?.(words);
  return undefined;
}

/** Ends a child and what it started. @returns Whether that is so; another user's process may not be ended. */
async function endGroup(pid: number | undefined): Promise<boolean> {
  if (pid === undefined) return true;
  for (const [name, withinMs] of [
    ['SIGTERM', graceMs],
    // A child that is stopped, or does not listen, must not hold us up.
    ['SIGKILL', killedWithinMs],
  ] as const) {
    killGroup(pid, name);
    // By the clock: on a machine with much to do, looking takes its time, and an interrupted agent has little.
    for (const began = performance.now(); performance.now() - began < withinMs; await sleep(pollMs)) {
      if (!isRunning(pid)) return true;
    }
  }
  return !isRunning(pid);
}

/** Whether anything of a group runs. What has ended, and nobody has waited for, does not: few containers have an init. */
function isRunning(group: number): boolean {
  if (killGroup(group, 0) === 'gone') return false;
  try {
    return readdirSync('/proc').some((name) => /^\d+$/.test(name) && isMember(name, group));
  } catch {
    return true;
  }
}

function isMember(pid: string, group: number): boolean {
  const { state, group: ofGroup } = statOf(pid);
  return ofGroup === group && state !== 'Z';
}

type ProcessStat = {
  readonly state?: string;
  readonly parent?: number;
  readonly group?: number;
  /** In ticks since the boot. */
  readonly began?: string | undefined;
};

/** @returns Nothing of one that has ended, or that the system hides. */
export function statOf(pid: number | string): ProcessStat {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name, in which anything may stand.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state = '', parent, group] = fields;
    return { state, parent: Number(parent), group: Number(group), began: fields[19] };
  } catch {
    return {};
  }
}

/**
 * Ends what others have started in this process and left running: a credential_process of the SDK's that hangs. What is in a
 * group of its own was started to outlive us, or is ended by who started it.
 */
export function endLeftovers(of = process.pid): void {
  const { group } = statOf('self');
  for (const pid of childrenOf(of)) {
    if (statOf(pid).group !== group) continue;
    endLeftovers(Number(pid));
    try {
      process.kill(Number(pid), 'SIGTERM');
    } catch {
      // It has ended by itself, or is another user's.
    }
  }
}

function childrenOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  } catch {
    return [];
  }
}

/** Sends a signal to a child and what it started; 0 only asks. */
export function killGroup(pid: number | undefined, name: NodeJS.Signals | 0): 'sent' | 'gone' | 'refused' {
  if (pid === undefined) return 'gone';
  try {
    process.kill(-pid, name);
    return 'sent';
  } catch (error) {
    // EPERM, of a sudo: nothing that a listener could do about it.
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? 'gone' : 'refused';
  }
}
