// What the commands say. Nothing else in bin writes text to a person: it may hold what strangers wrote. Whoever reads it
// may go, a disk may be full, a terminal be closed: what a command does goes on all the same.

import type { Deviation } from '../../lib/archive/verdict.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { printable, printableLines } from '../../lib/base/printable.ts';
import { wrap } from '../../lib/base/wrap.ts';
import type { Answers } from './answers.ts';
import { retyped } from './retyped.ts';

let fault: NodeJS.ErrnoException | undefined;
let isTold = false;

const keptLines = 50;
const said: string[] = [];

/** The last lines that were printed or told. */
export function saidLines(): string {
  return said.join('\n');
}

function keep(text: string): void {
  said.push(...text.trimEnd().split('\n'));
  said.splice(0, said.length - keptLines);
}

/** Lets nothing end the program that stdout or stderr refuse to take. */
export function bearBrokenOutput(): void {
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error) => {
    fault ??= error;
  });
}

/**
 * What kept stdout from taking all that was printed, once: a reader that has gone (`EPIPE`), a full disk.
 *
 * @returns `undefined` if it took all of it.
 */
export async function printFault(): Promise<NodeJS.ErrnoException | undefined> {
  await new Promise<void>((resolve) => process.stdout.write('', () => setImmediate(resolve)));
  const found = isTold ? undefined : fault;
  isTold ||= found !== undefined;
  return found;
}

/**
 * Makes sure that what is written to stdout goes somewhere, where that is all that a command is for.
 *
 * @throws {@link OffsiteError} `USAGE` if it was closed (`1>&-`).
 */
export function assertStdoutIsOpen(): void {
  if (!stdoutIsClosed) return;
  throw new OffsiteError('USAGE', 'stdout is closed', {
    expected: 'a stdout to write to',
    found: 'none (1>&-)',
    hint: 'name a file: -o FILE',
  });
}

/** As bin/offsite found it. */
const stdoutIsClosed = process.env.OFFSITE_NO_STDOUT !== undefined;

/** Gives what was asked for, to stdout. @param paint - Puts colours of ours into what was made printable. */
export function print(text: string, paint = (printed: string) => printed): void {
  if (stdoutIsClosed) fault ??= Object.assign(new Error('stdout is closed (1>&-)'), { code: 'EBADF' });
  const printed = printableLines(text);
  keep(printed);
  process.stdout.write(paint(printed));
}

export function clearScreen(): void {
  process.stdout.write(process.env.TERM === 'dumb' ? '\n' : '\u001b[2J\u001b[H');
}

/** Gives what was asked for to a program: one line, whatever it holds. */
export function printJson<C extends keyof Answers>(_command: C, answer: Answers[C]): void {
  print(`${JSON.stringify(answer)}\n`);
}

/** What is not as it should be, for a person. */
export function deviationLines(deviations: readonly Deviation[]): string[] {
  return deviations.flatMap(({ what, expected, found }) => [
    `  ${printable(what)}`,
    `    expected  ${printable(expected)}`,
    `    found     ${printable(found)}`,
  ]);
}

/** Says a line on the way there, to stderr; on a terminal, no wider than that. */
export function tell(line: string): void {
  const { isTTY } = process.stderr;
  // A terminal that was never told how wide it is says 0.
  const columns = process.stderr.columns || 80;
  const printed = printableLines(retyped(line));
  keep(printed);
  const lines = printed.split('\n');
  process.stderr.write(`${(isTTY ? lines.flatMap((one) => broken(one, columns)) : lines).join('\n')}\n`);
}

/** Breaks a line at spaces. What goes on stands below what it goes on with, and not below the label before it. */
function broken(line: string, columns: number): string[] {
  const margin = /^ *(?:\w+ {2,})?/.exec(line)?.[0] ?? '';
  const [first = '', ...others] = wrap(' '.repeat(margin.length) + line.slice(margin.length), columns);
  return [margin + first.slice(margin.length), ...others];
}

/** Says what the operator should know though the command goes on; nothing, where there is nothing. */
export function warn(sentence: string | undefined): void {
  if (sentence !== undefined) tell(`offsite: warning: ${sentence}`);
}
