// The data of one COPY block, which are nearly all of a dump's bytes: every line is a row until the line `\.`.

import * as z from 'zod';
import { carriageReturn, newline, spaces } from './lexer-state.ts';
import { countRowBytes, type RowBytes } from './row-bytes.ts';

/** Of a line: all that could be of the one that ends the data. */
const headBytes = 4;

/** Where in its data a COPY block is. */
export const copyStateSchema = z.strictObject({
  /** Whole rows so far; -1 in the rest of the statement's own line, which is no row. */
  rows: z.number(),
  /** How the line under way begins, latin1. */
  head: z.string(),
  /** Tabs and carriage returns in the rows. */
  tabs: z.number(),
  returns: z.number(),
});

export type CopyState = z.infer<typeof copyStateSchema>;

/** Reads one COPY block, from after the COPY statement's semicolon on. */
export class CopyBlock {
  /** Whether the line `\.` was seen. */
  closed = false;
  /** Whether something else than blanks follows the statement in its own line. */
  crowded = false;
  #head: string;
  readonly #counts: RowBytes;

  constructor({ rows, head, tabs, returns }: CopyState = { rows: -1, head: '', tabs: 0, returns: 0 }) {
    this.#head = head;
    this.#counts = { lines: rows, tabs, returns };
  }

  suspend(): CopyState {
    const { lines: rows, tabs, returns } = this.#counts;
    return { rows, head: this.#head, tabs, returns };
  }

  /** Whether the statement's own line is not over. */
  get inStatementLine(): boolean {
    return this.#counts.lines < 0;
  }

  /** Whole rows so far. */
  get rows(): number {
    return Math.max(0, this.#counts.lines);
  }

  /** What of the bytes read last may be, or is, of the line that ends the data, and so of no row; latin1. */
  get ending(): string {
    if (this.closed) return `${this.#head}\n`;
    return /^\\(?:\.\r?)?$/.test(this.#head) ? this.#head : '';
  }

  /**
   * Reads on.
   *
   * @returns Where it stopped: the chunk's end, the end of the statement's own line, or the line after the data.
   */
  push(chunk: Buffer, from: number): number {
    if (this.inStatementLine) return this.#statementLine(chunk, from);
    const lineEnd = chunk.indexOf(newline, from);
    const headEnd = Math.min(from + headBytes, lineEnd < 0 ? chunk.length : lineEnd);
    const head = this.#head + chunk.toString('latin1', from, headEnd);
    if (lineEnd >= 0 && endsCopyData(head)) {
      // It was counted before it was known for one of no row.
      if (this.#head.endsWith('\r')) this.#counts.returns -= 1;
      return this.#close(head, lineEnd + 1);
    }
    let at = countRowBytes(chunk, from, this.#counts);
    while (at < chunk.length) {
      const end = chunk.indexOf(newline, at);
      if (end >= 0 && isLineEnd(chunk, at + 2, end))
        return this.#close(chunk.toString('latin1', at, end), end + 1);
      at = countRowBytes(chunk, at, this.#counts);
    }
    const begin = chunk.lastIndexOf(newline) + 1;
    this.#head =
      lineEnd < 0
        ? head.slice(0, headBytes)
        : chunk.toString('latin1', begin, Math.min(begin + headBytes, chunk.length));
    return chunk.length;
  }

  #close(line: string, next: number): number {
    this.closed = true;
    this.#head = line;
    return next;
  }

  #statementLine(chunk: Buffer, from: number): number {
    const lineEnd = chunk.indexOf(newline, from);
    const end = lineEnd < 0 ? chunk.length : lineEnd;
    for (let at = from; at < end; at += 1) this.crowded ||= spaces[chunk[at] as number] !== 1;
    if (lineEnd < 0) return end;
    this.#counts.lines = 0;
    return lineEnd + 1;
  }
}

/**
 * Whether rows are none of a table of so many columns, or their line ends not all of one kind: no server takes them.
 *
 * @remarks pg_dump writes a tab or a carriage return of a value as `\t` or `\r`.
 */
export function areUneven({ rows, tabs, returns }: Omit<CopyState, 'head'>, columns: number): boolean {
  return tabs !== rows * (columns - 1) || (returns !== 0 && returns !== rows);
}

/** Whether a whole line, without its line end, is the one after the last row. */
export function endsCopyData(line: string): boolean {
  return line === '\\.' || line === '\\.\r';
}

/** Like psql, takes a line end of Windows for one. */
function isLineEnd(chunk: Buffer, at: number, end: number): boolean {
  return at === end || (at + 1 === end && chunk[at] === carriageReturn);
}
