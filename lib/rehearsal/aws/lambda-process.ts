// A process that has a function loaded. As Lambda does, it is kept for the events to come, and no event finds it at work on
// another: starting one is most of what an invocation takes.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Answer, Assignment } from './lambda-bootstrap.ts';

export type Start = {
  readonly folder: string;
  /** All that it sees. */
  readonly env: Readonly<Record<string, string>>;
  readonly memoryMiB: number;
  /** Ends it. */
  readonly signal: AbortSignal;
};

/** What came of an event. */
export type Ending = {
  /** Missing if the process died, or its time was over, before it could say. */
  readonly answer: Answer | undefined;
  readonly timedOut: boolean;
  /** How it died: `signal: SIGKILL`. */
  readonly death: string;
  /** All that it wrote to stdout and stderr. */
  readonly logs: string;
};

const bootstrap = fileURLToPath(new URL('lambda-bootstrap.ts', import.meta.url));
/** Which of its outputs they are: the others are stdout and stderr. */
const answers = 2;
/** Of all functions: each takes some 80 MiB. */
const mostWaiting = 4;
/** Those that wait for an event, the longest first. */
const waiting: { readonly key: string; readonly child: ChildProcess }[] = [];

/** Hands an event to a process that waits for one, or to one that is started for it. */
export async function handle(start: Start, assignment: Assignment): Promise<Ending> {
  const key = JSON.stringify(start.env);
  const at = waiting.findIndex((one) => one.key === key);
  const [kept] = at < 0 ? [] : waiting.splice(at, 1);
  const child = kept?.child ?? startProcess(start);
  const ending = await handOver(child, assignment);
  const { answer } = ending;
  const mayStay = answer !== undefined && !answer.isLast && answer.peakMemoryMiB <= start.memoryMiB;
  if (mayStay) waiting.push({ key, child });
  else child.kill('SIGKILL');
  while (waiting.length > mostWaiting) waiting.shift()?.child.kill('SIGKILL');
  return ending;
}

function startProcess({ folder, env, signal }: Start): ChildProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', bootstrap], {
    cwd: folder,
    env,
    signal,
    killSignal: 'SIGKILL',
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  // Its end tells.
  for (const part of [child, ...child.stdio]) part?.on('error', () => undefined);
  child.once('exit', () => {
    const at = waiting.findIndex((one) => one.child === child);
    if (at >= 0) waiting.splice(at, 1);
  });
  return child;
}

async function handOver(child: ChildProcess, assignment: Assignment): Promise<Ending> {
  const { mark, deadlineMs } = assignment;
  const outputs = child.stdio.slice(1, 4) as Readable[];
  const written = outputs.map(() => '');
  let logs = '';
  let timedOut = false;
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  for (const [index, output] of outputs.entries()) {
    output.setEncoding('utf8').on('data', (chunk: string) => {
      written[index] += chunk;
      if (index !== answers) logs += chunk;
      if (written.every((text) => text.includes(mark))) end();
    });
  }
  child.once('close', end);
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, deadlineMs - Date.now());
  child.stdin?.write(`${JSON.stringify(assignment)}\n`);
  await over;
  clearTimeout(timer);
  child.off('close', end);
  for (const output of outputs) output.removeAllListeners('data');
  const [answer = '', rest] = written[answers]?.split(mark) ?? [];
  return {
    answer: rest === undefined || timedOut ? undefined : (JSON.parse(answer) as Answer),
    timedOut,
    death: child.signalCode === null ? `exit status ${child.exitCode}` : `signal: ${child.signalCode}`,
    logs: logs.replaceAll(mark, ''),
  };
}
