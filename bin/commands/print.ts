// What the commands say. Nothing else in bin writes text to a person: it may hold what strangers wrote. Whoever reads it
// may go, a disk may be full, a terminal be closed: what a command does goes on all the same.

import { constants, readFileSync, readlinkSync } from 'node:fs';
import { OffsiteError } from '../../lib/base/errors.ts';
import { printableLines } from '../../lib/base/printable.ts';

let fault: NodeJS.ErrnoException | undefined;
let isTold = false;

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
 * @remarks Node opens /dev/null in the place of a closed stdout, for reading too, which no shell does for `>`. Without
 *   /proc nobody can tell.
 */
export function assertStdoutIsOpen(): void {
  let flags: number;
  try {
    if (readlinkSync('/proc/self/fd/1') !== '/dev/null') return;
    flags = Number.parseInt(
      /^flags:\s*(\d+)$/m.exec(readFileSync('/proc/self/fdinfo/1', 'utf8'))?.[1] ?? '',
      8,
    );
  } catch {
    return;
  }
  if ((flags & constants.O_RDWR) === 0) return;
  throw new OffsiteError('USAGE', 'stdout is closed', {
    expected: 'a stdout to write to',
    found: 'none (1>&-)',
    hint: 'name a file: -o FILE',
  });
}

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
