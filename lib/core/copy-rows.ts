// COPY data, which are nearly all of a dump's bytes: every line is a row until the line `\.`.

import { backslash, carriageReturn, newline } from './sql-bytes.ts';

const dot = 0x2e;

/** Counts the rows of one COPY block, from after the COPY statement's semicolon on. */
export class CopyRows {
  /** Whether the line `\.` was seen. */
  closed = false;
  /** The rest of the statement's own line is no row. */
  #lines = -1;
  /** How the line under way begins, where it began in an earlier chunk. */
  #head = '';

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
    if (this.#lines >= 0 && (head === '\\.' || head === '\\.\r')) return this.#close(end + 1);
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

/** Like psql, takes a line end of Windows for one. */
function isLineEnd(chunk: Buffer, at: number, end: number): boolean {
  return at === end || (at + 1 === end && chunk[at] === carriageReturn);
}
