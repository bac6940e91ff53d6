// Takes a plain dump apart while it streams by: whole statements, and COPY data in between. Whoever restores feeds a
// server with these, so nothing but SQL ever reaches it: psql's own commands, which could run programs, end the reading.

import { OffsiteError } from '../base/errors.ts';
import type { DumpContents } from './contents.ts';
import type { EndMarker } from './end.ts';
import { newline } from './lexer-state.ts';
import type { DumpEnding, ReadStatement } from './listener.ts';
import { DumpReader, endMarker } from './reader.ts';
import { type Refusal, refusals } from './refusal.ts';

/** A part of a dump, in its order. The bytes of all parts are those of the dump, but for what is left out. */
export type DumpPart =
  | {
      readonly kind: 'statement';
      readonly bytes: Buffer;
      /** Where it begins in the dump, from 1. */
      readonly line: number;
      /** As the reader gives them. */
      readonly tokens: readonly string[];
      /** Whether COPY data follow. */
      readonly copies: boolean;
    }
  /** COPY data; a row may go on in the next part. */
  | { readonly kind: 'rows'; readonly bytes: Buffer; readonly line: number; readonly lineEnds: number }
  | { readonly kind: 'end of rows'; readonly bytes: Buffer }
  /** `\restrict` or `\unrestrict`, without its line end. */
  | { readonly kind: 'restriction'; readonly bytes: Buffer }
  /** A statement or `\connect` about the dump's database as a whole; the bytes are its line ends. */
  | { readonly kind: 'left out'; readonly bytes: Buffer; readonly text: Buffer }
  /** Blanks and comments outside of statements. */
  | { readonly kind: 'blank'; readonly bytes: Buffer };

/**
 * Takes a dump apart, chunk by chunk.
 *
 * @remarks Keeps the statement under way, and so at most what a server takes: 1 GiB.
 * @throws {@link OffsiteError} `RESTORE_REFUSED` in place of what the scanner calls refused: above all what psql would
 *   act upon itself.
 */
export class DumpSplitter {
  readonly #contents: DumpContents | undefined;
  readonly #reader = new DumpReader({
    text: (bytes) => this.#text.push(bytes),
    statement: (statement, bytes) => this.#statement(statement, bytes),
    restriction: (bytes) => this.#add({ kind: 'restriction', bytes: this.#take(bytes) }),
    leftOut: (bytes) => this.#leftOut(bytes),
    rows: (bytes, lineEnds) => this.#rows(bytes, lineEnds),
    endOfRows: ({ table, rows }, line) => this.#endOfRows(table, rows, line),
    refuse: (refusal) => {
      throw this.#refused(refusal);
    },
  });
  #parts: DumpPart[] = [];
  /** Outside of COPY data, what is in no part yet. */
  #text: Buffer[] = [];
  /** Where the next part begins, from 1. */
  #line = 1;
  #ending: DumpEnding | undefined;

  /** @param contents - Takes down what the dump holds. */
  constructor(contents?: DumpContents) {
    this.#contents = contents;
  }

  /** Of the dump, once it is over. */
  get marker(): EndMarker | undefined {
    return this.#ending?.marker;
  }

  /** Whether the dump is over: pg_dump's end marker came, nothing of weight after it, and `\unrestrict` where it is due. */
  get ended(): boolean {
    return this.marker === 'end';
  }

  /** The parts that this chunk completes. They share its memory. */
  push(chunk: Uint8Array): DumpPart[] {
    if (chunk.includes(0)) throw this.#refused(refusals.zeros);
    this.#reader.push(chunk);
    // A statement under way is kept; blanks are not.
    if (this.#reader.openBytes === 0 || this.#reader.copied !== undefined) this.#take(0);
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  /**
   * What is left at the dump's end.
   *
   * @throws {@link OffsiteError} `DUMP_INCOMPLETE` if it ends inside of a statement or of COPY data.
   */
  finish(): DumpPart[] {
    const { copied } = this.#reader;
    this.#ending = this.#reader.finish();
    if (copied !== undefined) throw this.#cut(`in the rows of ${copied.table}`);
    if (this.#ending.within === 'a statement') throw this.#cut('inside of a statement');
    this.#take(0);
    return this.#parts;
  }

  #add(part: DumpPart): void {
    this.#parts.push(part);
    this.#line += part.kind === 'rows' ? part.lineEnds : countLines([part.bytes]);
  }

  #statement({ tokens, groups, copied }: ReadStatement, bytes: number): void {
    const text = this.#take(bytes);
    this.#contents?.read(tokens, groups);
    const madeTwice = this.#contents?.madeTwice;
    if (madeTwice !== undefined) throw this.#refused(refusals.madeTwice(madeTwice));
    if (copied !== undefined) this.#contents?.addRows(copied, 0);
    this.#add({ kind: 'statement', bytes: text, line: this.#line, tokens, copies: copied !== undefined });
  }

  /** As many empty lines, so that a server's or psql's count of lines is that of the dump. */
  #leftOut(bytes: number): void {
    const text = this.#take(bytes);
    this.#add({ kind: 'left out', bytes: Buffer.alloc(countLines([text]), '\n'), text });
  }

  #rows(bytes: Buffer, lineEnds: number): void {
    this.#take(0);
    this.#add({ kind: 'rows', bytes, line: this.#line, lineEnds });
  }

  #endOfRows(table: string, rows: number, line: string): void {
    this.#take(0);
    this.#contents?.addRows(table, rows);
    this.#add({ kind: 'end of rows', bytes: Buffer.from(line, 'latin1') });
  }

  /** Gives what stands before the last bytes as blank. @returns Those bytes, which still are to be given. */
  #take(lastBytes: number): Buffer {
    const text = this.#text.length === 1 ? (this.#text[0] as Buffer) : Buffer.concat(this.#text);
    this.#text = [];
    const blank = text.subarray(0, text.length - lastBytes);
    if (blank.length > 0) this.#add({ kind: 'blank', bytes: blank });
    return text.subarray(blank.length);
  }

  #refused({ found, remedy }: Refusal): OffsiteError {
    return new OffsiteError(
      'RESTORE_REFUSED',
      'the dump holds what a restore does not take, and was not restored',
      {
        expected: 'SQL statements and COPY data; of psql’s own commands only \\restrict and \\unrestrict',
        found: `${found}, at line ${this.#line + countLines(this.#text)}`,
        hint: remedy,
      },
    );
  }

  #cut(where: string): OffsiteError {
    return new OffsiteError('DUMP_INCOMPLETE', `the dump ends ${where}`, {
      expected: `'${endMarker}' in its last lines`,
      found: `its end ${where}, at line ${this.#line + countLines(this.#text)}`,
      hint: 'take another archive (offsite list), and look at what runs pg_dump: a dump was cut and taken for whole',
    });
  }
}

function countLines(pieces: readonly Buffer[]): number {
  let count = 0;
  for (const piece of pieces) {
    for (let at = piece.indexOf(newline); at >= 0; at = piece.indexOf(newline, at + 1)) count += 1;
  }
  return count;
}
