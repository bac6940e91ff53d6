// COPY data, which are nearly all of a dump's bytes: every line is a row until the line `\.`.

import * as z from 'zod';
import { backslash, carriageReturn, newline } from './bytes.ts';

const dot = 0x2e;

/** Where in its data a COPY block is. */
export const copyStateSchema = z.strictObject({
  /** Line ends so far, less one: the rest of the statement's own line is no row. */
  lines: z.number(),
  /** How the line under way begins, up to four bytes: all that could be of a line that ends the data. */
  head: z.string(),
});

export type CopyState = z.infer<typeof copyStateSchema>;

/** Counts the rows of one COPY block, from after the COPY statement's semicolon on. */
export class CopyRows {
  /** Whether the line `\.` was seen. */
  closed = false;
  #lines: number;
  #head: string;

  constructor({ lines, head }: CopyState = { lines: -1, head: '' }) {
    this.#lines = lines;
    this.#head = head;
  }

  suspend(): CopyState {
    return { lines: this.#lines, head: this.#head };
  }

  /** Whole rows so far. */
  get count(): number {
    return Math.max(0, this.#lines);
  }

  /**
   * Reads on.
   *
   * @returns Where it stopped: the chunk's end, or the line after the data.
   */
  push(chunk: Buffer, from: number): number {
    let end = chunk.indexOf(newline, from);
    const head =
      this.#head + chunk.toString('latin1', from, Math.min(from + 4, end < 0 ? chunk.length : end));
    if (end < 0) {
      this.#head = head.slice(0, 4);
      return chunk.length;
    }
    this.#head = '';
    if (this.#lines >= 0 && endsCopyData(head)) return this.#close(end + 1);
    this.#lines += 1;
    let at = end + 1;
    for (end = chunk.indexOf(newline, at); end >= 0; end = chunk.indexOf(newline, at)) {
      if (chunk[at] === backslash && chunk[at + 1] === dot && isLineEnd(chunk, at + 2, end))
        return this.#close(end + 1);
      this.#lines += 1;
      at = end + 1;
    }
    this.#head = chunk.toString('latin1', at, Math.min(at + 4, chunk.length));
    return chunk.length;
  }

  #close(next: number): number {
    this.closed = true;
    return next;
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
