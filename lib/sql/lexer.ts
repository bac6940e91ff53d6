// The tokens of a plain dump. It must agree with psql: a `;` or an end marker inside of a string, a comment or a
// function's body is text, whatever it looks like. Every byte is looked at once and only the token under way is kept.

import * as bytes from './bytes.ts';
import type { LexerMode, LexerState, SqlSink } from './lexer-state.ts';
import {
  BlockComment,
  DollarString,
  EscapedString,
  PlainString,
  QuotedName,
  type Region,
  resumeRegion,
} from './regions.ts';
import { StatementBounds } from './statement-bounds.ts';

/** Postgres keeps 63 bytes of a name: whatever is longer than this is no name. */
const keptBytes = 1024;
/** pg_dump lengthens a tag until the function's body does not hold it: the body decides how long it gets. */
const tagLimitBytes = 65_536;

/**
 * Cuts SQL, as psql reads it, into tokens and statements.
 *
 * @remarks Not known to it, as pg_dump writes none: psql's variables, and strings with escapes that go on in a second
 *   pair of quotes on the next line.
 * @see https://github.com/postgres/postgres/blob/master/src/fe_utils/psqlscan.l
 */
export class SqlLexer {
  /** `standard_conforming_strings`: when off, plain strings have escapes too. */
  standardStrings = true;
  readonly #sink: SqlSink;
  readonly #bounds: StatementBounds;
  #state: LexerMode = 'code';
  /** Of the token, tag, comment or meta-command under way. */
  #text = '';
  #region: Region | undefined;
  #stopped = false;
  #atLineStart = true;

  /** @param from - Where another one stopped; default: the dump's beginning. */
  constructor(sink: SqlSink, from?: LexerState) {
    this.#sink = sink;
    this.#bounds = new StatementBounds(sink, from);
    if (from === undefined) return;
    this.standardStrings = from.standardStrings;
    this.#state = from.mode;
    this.#text = from.text;
    this.#region = from.region && resumeRegion(from.region, keptBytes);
    this.#atLineStart = from.atLineStart;
  }

  /** Where it is: another one goes on from there as if it were this one. */
  suspend(): LexerState {
    return {
      standardStrings: this.standardStrings,
      mode: this.#state,
      text: this.#text,
      ...(this.#state === 'region' && this.#region ? { region: this.#region.suspend() } : {}),
      atLineStart: this.#atLineStart,
      ...this.#bounds.suspend(),
    };
  }

  /**
   * Reads on.
   *
   * @param at - Where to begin in the chunk.
   * @returns Where it stopped: at the chunk's end, or after the semicolon that COPY data follow.
   */
  push(chunk: Buffer, at: number): number {
    this.#stopped = false;
    let next = at;
    while (next < chunk.length && !this.#stopped) next = this.#step(chunk, next);
    return next;
  }

  /** Ends the input: `true` if it ends between statements and not inside of anything. */
  finish(): boolean {
    if (this.#state === 'meta') this.#sink.metaCommand(this.#text);
    const between = this.#state === 'code' || this.#state === 'lineComment' || this.#state === 'meta';
    return between && !this.#bounds.inStatement;
  }

  #step(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case 'code':
        return this.#code(chunk, at);
      case 'word':
        return this.#word(chunk, at);
      case 'number':
        return this.#number(chunk, at);
      case 'dollarTag':
        return this.#dollarTag(chunk, at);
      case 'dash':
      case 'slash':
        return this.#commentStart(chunk, at);
      case 'lineComment':
        return this.#lineComment(chunk, at);
      case 'region':
        return this.#inRegion(chunk, at);
      case 'meta':
        return this.#meta(chunk, at);
    }
  }

  #enter(state: LexerMode, next: number, text = ''): number {
    this.#state = state;
    this.#text = text;
    return next;
  }

  #enterRegion(region: Region, next: number): number {
    this.#region = region;
    return this.#enter('region', next);
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const slice = chunk.toString('latin1', from, Math.min(to, from + keptBytes));
    this.#text = this.#text === '' ? slice : (this.#text + slice).slice(0, keptBytes);
  }

  #code(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && bytes.spaces[chunk[at] as number] === 1) {
      this.#atLineStart = chunk[at] === bytes.newline;
      at += 1;
    }
    if (at === chunk.length) return at;
    const byte = chunk[at] as number;
    // Whether this is a comment, and so perhaps a comment line, shows one byte later.
    if (byte === bytes.dash) return this.#enter('dash', at + 1);
    this.#atLineStart = false;
    if (byte === bytes.slash) return this.#enter('slash', at + 1);
    if (byte === bytes.backslash) return this.#enter('meta', at + 1, '\\');
    this.#bounds.inStatement = true;
    if (bytes.wordStarts[byte] === 1) return this.#enter('word', at);
    if (bytes.digits[byte] === 1) return this.#enter('number', at);
    return this.#mark(byte, at + 1);
  }

  #mark(byte: number, next: number): number {
    switch (byte) {
      case bytes.quote:
        this.#bounds.token("''");
        return this.#enterRegion(this.standardStrings ? new PlainString() : new EscapedString(), next);
      case bytes.doubleQuote:
        return this.#enterRegion(new QuotedName(keptBytes), next);
      case bytes.dollar:
        return this.#enter('dollarTag', next);
      case bytes.open:
        this.#bounds.open();
        return next;
      case bytes.close:
        this.#bounds.close();
        return next;
      case bytes.semicolon:
        this.#semicolon();
        return next;
      default:
        this.#bounds.token(String.fromCharCode(byte));
        return next;
    }
  }

  #semicolon(): void {
    const follows = this.#bounds.semicolon();
    if (follows === 'same') return;
    this.#stopped = follows === 'data';
    // COPY data end with a line's end.
    this.#atLineStart = this.#stopped;
  }

  #word(chunk: Buffer, at: number): number {
    const end = bytes.runEnd(bytes.wordParts, chunk, at);
    this.#keep(chunk, at, end);
    if (end === chunk.length) return end;
    const word = this.#text;
    this.#enter('code', end);
    if (chunk[end] === bytes.quote && /^[ebx]$/i.test(word)) {
      this.#bounds.token("''");
      return this.#enterRegion(/e/i.test(word) ? new EscapedString() : new PlainString(), end + 1);
    }
    this.#bounds.word(word);
    return end;
  }

  #number(chunk: Buffer, at: number): number {
    const end = bytes.runEnd(bytes.numberParts, chunk, at);
    if (end === chunk.length) return end;
    this.#bounds.token('0');
    return this.#enter('code', end);
  }

  #dollarTag(chunk: Buffer, at: number): number {
    const end = bytes.runEnd(bytes.tagParts, chunk, at);
    this.#text += chunk.toString('latin1', at, end);
    const tag = this.#text;
    const isTag = tag.length < tagLimitBytes && !/^\d/.test(tag);
    if (isTag && end === chunk.length) return end;
    if (isTag && chunk[end] === bytes.dollar) {
      this.#bounds.token("''");
      return this.#enterRegion(new DollarString(`$${tag}$`), end + 1);
    }
    // No tag: a dollar, and then whatever was taken for one.
    this.#bounds.token('$');
    if (tag === '') return this.#enter('code', end);
    return this.#enter(/^\d/.test(tag) ? 'number' : 'word', end, tag.slice(0, keptBytes));
  }

  #inRegion(chunk: Buffer, at: number): number {
    const region = this.#region as Region;
    const end = region.push(chunk, at);
    if (!region.closed) return end;
    if (region instanceof QuotedName) this.#bounds.token(region.text);
    return this.#enter('code', end);
  }

  #commentStart(chunk: Buffer, at: number): number {
    if (this.#state === 'dash' && chunk[at] === bytes.dash) return this.#enter('lineComment', at + 1, '--');
    if (this.#state === 'slash' && chunk[at] === bytes.star)
      return this.#enterRegion(new BlockComment(), at + 1);
    this.#bounds.token(this.#state === 'dash' ? '-' : '/');
    this.#atLineStart = false;
    return this.#enter('code', at);
  }

  #lineComment(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && chunk[at] !== bytes.newline && chunk[at] !== bytes.carriageReturn) at += 1;
    this.#keep(chunk, from, at);
    if (at === chunk.length) return at;
    if (this.#atLineStart && !this.#bounds.inStatement) this.#sink.comment(this.#text);
    return this.#enter('code', at);
  }

  #meta(chunk: Buffer, at: number): number {
    // `\;` and `\:` are psql's way to write the bare character.
    if (this.#text === '\\' && (chunk[at] === bytes.semicolon || chunk[at] === bytes.colon)) {
      this.#bounds.token(String.fromCharCode(chunk[at] as number));
      return this.#enter('code', at + 1);
    }
    const lineEnd = chunk.indexOf(bytes.newline, at);
    const end = lineEnd < 0 ? chunk.length : lineEnd;
    this.#keep(chunk, at, end);
    if (lineEnd < 0) return end;
    this.#sink.metaCommand(this.#text);
    return this.#enter('code', end);
  }
}
