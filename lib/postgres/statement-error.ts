// The first statement of a dump that a server refused, and where it stands in the dump.

import { type ErrorCode, OffsiteError } from '../base/errors.ts';

const shownChars = 300;

/** What it is not the dump's fault for. */
const messages: ReadonlyMap<ErrorCode, string> = new Map([
  ['RESTORE_DISK_FULL', 'the disk of the server is full'],
  ['RESTORE_OUT_OF_MEMORY', 'the server ran out of memory'],
]);

/** An {@link OffsiteError} about one statement of a dump. */
export class StatementError extends OffsiteError {
  /** Of the plain dump, from 1; of the row, where it is one. */
  readonly line: number;
  /** The statement's beginning. */
  readonly statement: string;

  constructor(
    code: ErrorCode,
    parts: { line: number; statement: string; found: string; hint: string; cause?: unknown },
  ) {
    const { line, found, hint, cause } = parts;
    super(code, messages.get(code) ?? 'the server did not take the dump', {
      expected: 'every statement of the dump to be accepted',
      found: `line ${line}: ${found}`,
      hint,
      cause,
    });
    this.line = line;
    this.statement = parts.statement.replaceAll(/\s+/g, ' ').trim().slice(0, shownChars);
  }
}
