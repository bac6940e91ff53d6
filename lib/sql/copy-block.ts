// The data of one COPY block, which are nearly all of a dump's bytes: every line is a row until the line `\.`.

import * as z from 'zod';
import { backslash, carriageReturn, newline, spaces } from './lexer-state.ts';

const dot = 0x2e;
/** Of a line: all that could be of the one that ends the data. */
const headBytes = 4;

/** Where in its data a COPY block is. */
export const copyStateSchema = z.strictObject({
  /** Whole rows so far; -1 in the rest of the statement's own line, which is no row. */
  rows: z.number(),
  /** How the line under way begins, latin1. */
  head: z.string(),
});

export type CopyState = z.infer<typeof copyStateSchema>;

/** Reads one COPY block, from after the COPY statement's semicolon on. */
export class CopyBlock {
  /** Whether the line `\.` was seen. */
  closed = false;
  /** Whether something else than blanks follows the statement in its own line. */
  crowded = false;
  #rows: number;
  #head: string;

  constructor({ rows, head }: CopyState = { rows: -1, head: '' }) {
    this.#rows = rows;
    this.#head = head;
  }

  suspend(): CopyState {
    return { rows: this.#rows, head: this.#head };
  }

  /** Whether the statement's own line is not over. */
  get inStatementLine(): boolean {
    return this.#rows < 0;
  }

  /** Whole rows so far. */
  get rows(): number {
    return Math.max(0, this.#rows);
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
    let end = chunk.indexOf(newline, from);
    const head =
      this.#head + chunk.toString('latin1', from, Math.min(from + headBytes, end < 0 ? chunk.length : end));
    if (end < 0) {
      this.#head = head.slice(0, headBytes);
      return chunk.length;
    }
    if (endsCopyData(head)) return this.#close(head, end + 1);
    this.#rows += 1;
    let at = end + 1;
    for (end = chunk.indexOf(newline, at); end >= 0; end = chunk.indexOf(newline, at)) {
      if (chunk[at] === backslash && chunk[at + 1] === dot && isLineEnd(chunk, at + 2, end))
        return this.#close(chunk.toString('latin1', at, end), end + 1);
      this.#rows += 1;
      at = end + 1;
    }
    this.#head = chunk.toString('latin1', at, Math.min(at + headBytes, chunk.length));
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
    this.#rows = 0;
    return lineEnd + 1;
  }
}

/** Whether a whole line, without its line end, is the one after the last row. */
export function endsCopyData(line: string): boolean {
  return line === '\\.' || line === '\\.\r';
}

/** Like psql, takes a line end of Windows for one. */
function isLineEnd(chunk: Buffer, at: number, end: number): boolean {
  return at === end || (at + 1 === end && chunk[at] === carriageReturn);
}
