// COPY data on their way to a server: everything from the line after the COPY statement up to the line `\.`, in pieces
// that never hold a part of that line, however the chunks are cut.

import { backslash, carriageReturn, newline, spaces } from './bytes.ts';

const dot = 0x2e;
const nothing: Buffer = Buffer.alloc(0);

/** What one chunk held of a COPY block. */
export type CopyPart = {
  /** Rows, as they are; a row may go on in the next part. */
  readonly rows: Buffer;
  /** Line ends in them. */
  readonly lineEnds: number;
  /** Bytes of the dump that were looked at and are no rows: the rest of the statement's line, or the line `\.`. */
  readonly before: Buffer;
  readonly after: Buffer;
  /** Where the chunk goes on after the block; the chunk's length while the block is open. */
  readonly next: number;
};

/** Reads one COPY block, from after the COPY statement's semicolon on. */
export class CopyLines {
  /** Whether the line `\.` was seen. */
  closed = false;
  /** Whether something else than blanks follows the statement in its own line. */
  crowded = false;
  #inStatementLine = true;
  #atLineStart = false;
  /** The beginning of a line that may become `\.`. */
  #held = nothing;

  /** What was held back, if the input ends here. */
  get held(): Buffer {
    return this.#held;
  }

  push(given: Buffer, givenFrom: number): CopyPart {
    const heldBytes = this.#held.length;
    const chunk = heldBytes === 0 ? given : Buffer.concat([this.#held, given.subarray(givenFrom)]);
    const origin = heldBytes === 0 ? 0 : givenFrom - heldBytes;
    this.#held = nothing;
    const start = heldBytes === 0 ? givenFrom : 0;
    const from = this.#statementLine(chunk, start);
    const before = chunk.subarray(start, from);
    let at = from;
    let lineEnds = 0;
    while (at < chunk.length) {
      if (this.#atLineStart && chunk[at] === backslash) {
        const end = terminatorEnd(chunk, at);
        if (end === 'open') {
          this.#held = chunk.subarray(at);
          return { rows: chunk.subarray(from, at), lineEnds, before, after: nothing, next: given.length };
        }
        if (end !== undefined) {
          this.closed = true;
          const [rows, after] = [chunk.subarray(from, at), chunk.subarray(at, end)];
          return { rows, lineEnds, before, after, next: end + origin };
        }
      }
      const lineEnd = chunk.indexOf(newline, at);
      this.#atLineStart = lineEnd >= 0;
      if (lineEnd < 0) break;
      lineEnds += 1;
      at = lineEnd + 1;
    }
    return { rows: chunk.subarray(from), lineEnds, before, after: nothing, next: given.length };
  }

  #statementLine(chunk: Buffer, from: number): number {
    if (!this.#inStatementLine) return from;
    const lineEnd = chunk.indexOf(newline, from);
    const end = lineEnd < 0 ? chunk.length : lineEnd;
    for (let at = from; at < end; at += 1) this.crowded ||= spaces[chunk[at] as number] !== 1;
    if (lineEnd < 0) return end;
    this.#inStatementLine = false;
    this.#atLineStart = true;
    return lineEnd + 1;
  }
}

/** Where the line `\.` ends that begins here; `undefined` if it is another one, `open` if that is not to be seen yet. */
function terminatorEnd(chunk: Buffer, at: number): number | 'open' | undefined {
  if (at + 1 === chunk.length) return 'open';
  if (chunk[at + 1] !== dot) return undefined;
  const end = chunk[at + 2] === carriageReturn ? at + 3 : at + 2;
  if (end >= chunk.length) return 'open';
  return chunk[end] === newline ? end + 1 : undefined;
}
