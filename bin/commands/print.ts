// What the commands say. Nothing else in bin writes text to a person: it may hold what strangers wrote.

import { printableLines } from '../../lib/base/printable.ts';

/** Gives what was asked for, to stdout. */
export function print(text: string): void {
  process.stdout.write(printableLines(text));
}

/** Says a line on the way there, to stderr. */
export function tell(line: string): void {
  process.stderr.write(`${printableLines(line)}\n`);
}

/** Says what the operator should know though the command goes on; nothing, where there is nothing. */
export function warn(sentence: string | undefined): void {
  if (sentence !== undefined) tell(`offsite: warning: ${sentence}`);
}
