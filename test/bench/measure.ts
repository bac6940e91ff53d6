// Runs one command and says what it took: seconds from the start of the process to its end, and the most memory that
// the process itself ever had. Nothing here knows what is compared.

import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export type Measured = {
  readonly seconds: number;
  /** `VmHWM` of the process itself, not of its children; 0 if it was too short to be looked at. */
  readonly peakMiB: number;
  readonly stdout: string;
};

export type Command = {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that are as they should be; default 0. */
  readonly mayExit?: readonly number[];
};

const lookEveryMs = 20;
/** How much of the processor must be idle before a run begins. */
const quietShare = 0.9;

/** Runs a command to its end. @throws If it fails: what fails is not measured. */
export async function measure({ argv, env = {}, mayExit = [0] }: Command): Promise<Measured> {
  const [program, ...args] = argv;
  const options: SpawnOptions = {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  const began = performance.now();
  const child = spawn(program, args, options);
  let peakKiB = 0;
  const look = setInterval(() => {
    peakKiB = Math.max(peakKiB, peakOf(child.pid));
  }, lookEveryMs);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] = (texts[name] + text).slice(-1_000_000);
    });
  }
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  const seconds = (performance.now() - began) / 1000;
  clearInterval(look);
  if (exitCode === null || !mayExit.includes(exitCode)) {
    throw new Error(`${argv.join(' ')} ended with ${exitCode}: ${texts.stderr}`);
  }
  return { seconds, peakMiB: peakKiB / 1024, stdout: texts.stdout };
}

function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Processor time of a process so far, of what it started and of what that started, in seconds. */
export function cpuSecondsOf(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // In ticks of 10 ms: its own, and of children that have ended.
    const ticks = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    const own = ticks.reduce((sum, text) => sum + Number(text), 0) / 100;
    return children.reduce((sum, child) => sum + cpuSecondsOf(Number(child)), own);
  } catch {
    return 0;
  }
}

/** Waits until others leave the machine alone, or for so long. */
export async function untilQuiet(patienceSeconds: number): Promise<void> {
  const deadline = performance.now() + patienceSeconds * 1000;
  for (let before = cpuTimes(); performance.now() < deadline; ) {
    await sleep(1000);
    const now = cpuTimes();
    if ((now.idle - before.idle) / (now.all - before.all) > quietShare) return;
    before = now;
  }
}

function cpuTimes(): { idle: number; all: number } {
  const values =
    readFileSync('/proc/stat', 'utf8').split('\n')[0]?.split(/\s+/).slice(1, 9).map(Number) ?? [];
  return { idle: (values[3] ?? 0) + (values[4] ?? 0), all: values.reduce((sum, value) => sum + value, 0) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
