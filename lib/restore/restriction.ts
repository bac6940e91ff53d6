// What of a dump psql is given, and behind which restriction. `\restrict KEY` makes psql refuse all commands of its own
// but `\unrestrict KEY`, and the key is made anew for each restore. That one command has a hole: psql runs what stands
// in backquotes in its argument before it looks whether the key is right (seen in 15.18). So no line that holds the bytes
// `\unrestrict` and a backquote after them ever gets there: bytes, wherever they stand, for where psql takes text for a
// command is for psql alone to say.

import { OffsiteError } from '../base/errors.ts';
import type { DumpPart } from '../sql/splitter.ts';
import type { LeavesOut } from './plan.ts';

const lifting = '\\unrestrict';
const [newline, backquote] = ['\n', '`'];

/** A dump on its way to psql. */
export class Restriction {
  readonly #leavesOut: LeavesOut;
  /** The end of rows that may be the beginning of the word. */
  #held: Buffer = Buffer.alloc(0);
  /** The last bytes that went out: the word may lie across parts. */
  #tail = '';
  /** The word stands in the line that is going out. */
  #inLine = false;

  /** @param leavesOut - What this server cannot do, and the dump can do without. */
  constructor(leavesOut: LeavesOut) {
    this.#leavesOut = leavesOut;
  }

  /**
   * The bytes for a part of the dump, in its order; its line ends are the part's, but for an INSERT of the word.
   *
   * @throws `OffsiteError` `RESTORE_REFUSED` where a line could run a program.
   */
  bytesOf(part: DumpPart): Buffer {
    const own = part.kind === 'rows' ? part.bytes : this.#rewrite(part);
    const joined = this.#held.length === 0 ? own : Buffer.concat([this.#held, own]);
    const rows = part.kind === 'rows';
    const heldBytes = rows ? beginningOfWord(joined) : 0;
    this.#held = joined.subarray(joined.length - heldBytes);
    const bytes = joined.subarray(0, joined.length - heldBytes);
    // A stranger may name a torrent so: to COPY, `\165` is its letter.
    const safe =
      rows && bytes.includes(lifting) ? replaced(bytes, /\\unrestrict/g, '\\\\165nrestrict') : bytes;
    this.#watch(safe);
    return safe;
  }

  /** A part without the dump's own restriction, which psql would refuse now, and without what is left out. */
  #rewrite(part: Exclude<DumpPart, { kind: 'rows' }>): Buffer {
    if (part.kind === 'restriction') return Buffer.alloc(0);
    if (part.kind !== 'statement') return part.bytes;
    const { bytes, tokens } = part;
    // Line ends stay: psql's line numbers are the dump's.
    if (this.#leavesOut(tokens)) return replaced(bytes, /[^\n]/g, '');
    // A string that goes on in the next line is one string.
    if (tokens[0]?.toUpperCase() === 'INSERT' && bytes.includes(lifting))
      return replaced(bytes, /\\unrestrict/g, "\\'\n'unrestrict");
    return bytes;
  }

  #watch(bytes: Buffer): void {
    const overlap = lifting.length - 1;
    const seam = this.#tail + bytes.toString('latin1', 0, overlap);
    if (this.#inLine || bytes.includes(lifting) || seam.includes(lifting)) this.#look(bytes);
    this.#tail = (this.#tail + bytes.toString('latin1', Math.max(0, bytes.length - overlap))).slice(-overlap);
  }

  #look(bytes: Buffer): void {
    const text = this.#tail + bytes.toString('latin1');
    const from = this.#inLine ? 0 : text.indexOf(lifting);
    for (let at = from; at >= 0; at = text.indexOf(lifting, at)) {
      const found = text.indexOf(newline, at);
      const end = found < 0 ? text.length : found;
      if (text.slice(at, end).includes(backquote)) throw liftingFound();
      this.#inLine = found < 0;
      at = end;
    }
  }
}

/** How many bytes at the end could be the beginning of the word. */
function beginningOfWord(bytes: Buffer): number {
  for (let length = Math.min(lifting.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.toString('latin1', bytes.length - length) === lifting.slice(0, length)) return length;
  }
  return 0;
}

function replaced(bytes: Buffer, pattern: RegExp, by: string): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll(pattern, by), 'latin1');
}

function liftingFound(): OffsiteError {
  return new OffsiteError('RESTORE_REFUSED', 'the dump holds a line with which psql could run a program', {
    expected: 'no \\unrestrict with a backquote after it in the same line',
    found: 'such a line, outside of the rows of a table',
    hint: 'if a function or comment of yours holds this text, change it and dump again; if not, find out who wrote this archive before anybody gives it to a psql, and restore an older one meanwhile (offsite list)',
  });
}
