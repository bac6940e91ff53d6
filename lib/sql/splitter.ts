// Takes a plain dump apart while it streams by: whole statements, and COPY data in between. Whoever restores feeds a
// server with these, so nothing but SQL ever reaches it: psql's own commands, which could run programs, end the reading.

import { OffsiteError } from '../base/errors.ts';
import { newline } from './bytes.ts';
import { CopyLines } from './copy-lines.ts';
import { DumpEnd, firstEnd } from './end.ts';
import { SqlLexer } from './lexer.ts';
import { endMarker } from './scanner.ts';
import { TokenCursor } from './token-cursor.ts';

/** A part of a dump, in its order. The bytes of all parts are those of the dump. */
export type DumpPart =
  | {
      readonly kind: 'statement';
      /** With what stands before it: blank lines, comments, `\restrict`. */
      readonly bytes: Buffer;
      /** Where the statement itself begins, in the dump, from 1. */
      readonly line: number;
      /** The first tokens, as {@link SqlLexer} gives them. */
      readonly tokens: readonly string[];
      /** Whether COPY data follow. */
      readonly copies: boolean;
    }
  /** COPY data; a row may go on in the next part. */
  | { readonly kind: 'rows'; readonly bytes: Buffer; readonly line: number; readonly lineEnds: number }
  | { readonly kind: 'end of rows'; readonly bytes: Buffer }
  /** Line ends, comments and `\restrict` outside of statements. */
  | { readonly kind: 'blank'; readonly bytes: Buffer };

/** Of one statement: pg_dump's longest, of large objects, are far shorter; they are kept in memory. */
const statementBytesMax = 32 * 1024 * 1024;
const tokensKept = 512;

/** Blanks, comments and the two meta-commands that may stand before a statement. */
const leading = /^(?:[ \t\n\r\f\v]+|--[^\n]*(?:\n|$)|\\(?:un)?restrict [^\n]*(?:\n|$))+/;
const leadingBytesMax = 65_536;
/** Parts of one statement that are kept as they came; more are joined. */
const piecesMax = 64;

/**
 * Takes a dump apart, chunk by chunk.
 *
 * @throws {@link OffsiteError} `RESTORE_REFUSED` in place of anything that pg_dump never writes and that psql would act
 *   upon itself.
 */
export class DumpSplitter {
  readonly #end = new DumpEnd(firstEnd);
  readonly #lexer = new SqlLexer({
    token: (text) => this.#token(text),
    statement: () => this.#statement(),
    comment: (line) => {
      if (line === endMarker) this.#end.mark();
    },
    metaCommand: (text) => this.#metaCommand(text),
  });
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #tokens: string[] = [];
  #statementEnded = false;
  #copies = false;
  #copy: CopyLines | undefined;
  #copiedTable = '';
  /** Line under way, from 1. */
  #line = 1;

  /** Whether the dump is over: pg_dump's end marker came, nothing of weight after it, and `\unrestrict` where it is due. */
  get ended(): boolean {
    return this.#end.verdict(this.#tokens.length === 0) === 'end';
  }

  /** The parts that this chunk completes. They share its memory. */
  *push(chunk: Uint8Array): Generator<DumpPart, void, undefined> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length) {
      if (this.#copy !== undefined) {
        at = yield* this.#rows(bytes, at, this.#copy);
        continue;
      }
      const end = this.#lexer.push(bytes, at);
      this.#keep(bytes.subarray(at, end));
      at = end;
      if (this.#statementEnded) yield this.#takeStatement();
    }
  }

  /**
   * What is left at the dump's end: comments and line ends.
   *
   * @throws {@link OffsiteError} `DUMP_INCOMPLETE` if it ends inside of a statement or of COPY data.
   */
  *finish(): Generator<DumpPart, void, undefined> {
    if (this.#copy !== undefined) throw this.#cut(`in the rows of ${this.#copiedTable}`);
    const between = this.#lexer.finish();
    if (!between) throw this.#cut('inside of a statement');
    if (this.#pieceBytes > 0) yield { kind: 'blank', bytes: Buffer.concat(this.#pieces) };
  }

  #keep(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#pieceBytes += piece.length;
    if (this.#pieces.length > piecesMax) this.#pieces = [Buffer.concat(this.#pieces)];
    if (this.#pieceBytes <= statementBytesMax) return;
    throw refused(`a statement of more than ${statementBytesMax} bytes`, this.#line);
  }

  #token(text: string): boolean {
    this.#tokens.push(text);
    return this.#tokens.length < tokensKept;
  }

  #statement(): boolean {
    this.#copies = copiesFromStdin(this.#tokens);
    const [verb, name, , value] = this.#tokens;
    if (verb === 'SET' && name === 'standard_conforming_strings')
      this.#lexer.standardStrings = value !== 'off';
    this.#statementEnded = true;
    this.#end.follow();
    return true;
  }

  #metaCommand(text: string): void {
    const line = this.#line + countLines(this.#pieces);
    const { verb, token } =
      /^\\(?<verb>restrict|unrestrict) (?<token>[0-9A-Za-z]+)\s*$/.exec(text)?.groups ?? {};
    if (this.#tokens.length > 0 || token === undefined)
      throw refused(`the command ${JSON.stringify(text.slice(0, 60))}`, line);
    if (verb === 'unrestrict') {
      this.#end.unrestrict(token);
      return;
    }
    this.#end.restrict(token);
    this.#end.follow();
  }

  #takeStatement(): DumpPart {
    const bytes = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    const before = leadingBytes(bytes);
    const part: DumpPart = {
      kind: 'statement',
      bytes,
      line: this.#line + countLines([bytes.subarray(0, before)]),
      tokens: this.#tokens,
      copies: this.#copies,
    };
    this.#line += countLines([bytes]);
    if (this.#copies) {
      this.#copy = new CopyLines();
      this.#copiedTable = new TokenCursor(this.#tokens.slice(1)).qualifiedName() ?? 'a table';
    }
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#tokens = [];
    this.#statementEnded = false;
    return part;
  }

  *#rows(chunk: Buffer, at: number, copy: CopyLines): Generator<DumpPart, number, undefined> {
    const { rows, lineEnds, before, after, next } = copy.push(chunk, at);
    if (copy.crowded) throw refused(`something after the semicolon of COPY ${this.#copiedTable}`, this.#line);
    if (before.length > 0) {
      yield { kind: 'blank', bytes: before };
      this.#line += countLines([before]);
    }
    if (rows.length > 0) yield { kind: 'rows', bytes: rows, line: this.#line, lineEnds };
    this.#line += lineEnds;
    if (copy.closed) {
      yield { kind: 'end of rows', bytes: after };
      this.#line += 1;
      this.#copy = undefined;
    }
    return next;
  }

  #cut(where: string): OffsiteError {
    return new OffsiteError('DUMP_INCOMPLETE', `the dump ends ${where}`, {
      expected: `'${endMarker}' in its last lines`,
      found: `its end ${where}, at line ${this.#line + countLines(this.#pieces)}`,
      hint: 'take another archive (offsite list), and look at what runs pg_dump: a dump was cut and taken for whole',
    });
  }
}

/** A statement's own text, without what stands before it. */
export function statementText(bytes: Buffer): Buffer {
  return bytes.subarray(leadingBytes(bytes));
}

function leadingBytes(bytes: Buffer): number {
  return leading.exec(bytes.toString('latin1', 0, leadingBytesMax))?.[0].length ?? 0;
}

function copiesFromStdin(tokens: readonly string[]): boolean {
  const cursor = new TokenCursor(tokens);
  return cursor.skip('COPY') && cursor.seek('FROM') && cursor.peek() === 'STDIN';
}

function countLines(pieces: readonly Buffer[]): number {
  let count = 0;
  for (const piece of pieces) {
    for (let at = piece.indexOf(newline); at >= 0; at = piece.indexOf(newline, at + 1)) count += 1;
  }
  return count;
}

function refused(what: string, line: number): OffsiteError {
  return new OffsiteError(
    'RESTORE_REFUSED',
    'the dump holds what pg_dump never writes, and was not restored',
    {
      expected: 'SQL statements and COPY data; of psql’s own commands only \\restrict and \\unrestrict',
      found: `${what}, at line ${line}`,
      hint: 'find out who wrote this archive before anybody restores it by hand: psql would have run that command',
    },
  );
}
