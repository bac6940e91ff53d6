// The tokens of a plain dump. It must agree with psql: a `;` or an end marker inside of a string, a comment or a
// function's body is text, whatever it looks like. Every byte is looked at once and only the token under way is kept.

import type { LexerMode, LexerState, SqlSink } from './lexer-state.ts';
import * as bytes from './lexer-state.ts';
import * as regions from './regions.ts';
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
  /** How many bytes were read of the statement or meta-command that is under way, or at whose end it stopped. */
  openBytes = 0;
  readonly #sink: SqlSink;
  readonly #bounds: StatementBounds;
  #state: LexerMode = 'code';
  /** Of the token, tag, comment or meta-command under way. */
  #text = '';
  #region: regions.Region | undefined;
  #stopped = false;
  #atLineStart = true;
  /** As the dump has it, where the chunk is masked. */
  #original: Buffer = Buffer.alloc(0);
  /** Where in the chunk the statement or meta-command under way begins; negative if in an earlier one. */
  #opened = 0;

  /** @param from - Where another one stopped; default: the dump's beginning. */
  constructor(sink: SqlSink, from?: LexerState) {
    this.#sink = sink;
    this.#bounds = new StatementBounds(sink, from);
    if (from === undefined) return;
    this.standardStrings = from.standardStrings;
    this.#state = from.mode;
    this.#text = from.text;
    this.#region = from.region && regions.resumeRegion(from.region, keptBytes);
    this.#atLineStart = from.atLineStart;
    this.openBytes = from.openBytes;
  }

  /** Where it is: another one goes on from there as if it were this one. */
  suspend(): LexerState {
    return {
      standardStrings: this.standardStrings,
      mode: this.#state,
      text: this.#text,
      ...(this.#state === 'region' && this.#region ? { region: this.#region.suspend() } : {}),
      atLineStart: this.#atLineStart,
      openBytes: this.#stopped ? 0 : this.openBytes,
      ...this.#bounds.suspend(),
    };
  }

  /**
   * Reads on.
   *
   * @param at - Where to begin in the chunk.
   * @param original - The chunk as the dump has it, if it is masked.
   * @returns Where it stopped: at the chunk's end, after a statement's semicolon, or before a meta-command's line end.
   */
  push(chunk: Buffer, at: number, original = chunk): number {
    this.#original = original;
    this.#opened = at - (this.#stopped ? 0 : this.openBytes);
    this.#stopped = false;
    let next = at;
    while (next < chunk.length && !this.#stopped) next = this.#step(chunk, next);
    this.openBytes = this.#stopped || this.#isOpen ? next - this.#opened : 0;
    return next;
  }

  get #isOpen(): boolean {
    return this.#bounds.inStatement || ['meta', 'dash', 'slash'].includes(this.#state);
  }

  /** Ends the input: `true` if it ends between statements and not inside of anything. */
  finish(): boolean {
    if (this.#state === 'meta') this.#sink.metaCommand(this.#text);
    return ['code', 'lineComment', 'meta'].includes(this.#state) && !this.#bounds.inStatement;
  }

  #step(chunk: Buffer, at: number): number {
    const mode = this.#state;
    if (mode === 'code') return this.#code(chunk, at);
    if (mode === 'region') return this.#inRegion(chunk, at);
    if (mode === 'word') return this.#word(chunk, at);
    if (mode === 'number') return this.#number(chunk, at);
    if (mode === 'lineComment') return this.#lineComment(chunk, at);
    if (mode === 'meta') return this.#meta(chunk, at);
    return mode === 'dollarTag' ? this.#dollarTag(chunk, at) : this.#second(chunk, at);
  }

  #enter(state: LexerMode, next: number, text = ''): number {
    this.#state = state;
    this.#text = text;
    return next;
  }

  #enterRegion(region: regions.Region, next: number): number {
    this.#region = region;
    return this.#enter('region', next);
  }

  #keep(from: number, to: number): void {
    const slice = this.#original.toString('latin1', from, Math.min(to, from + keptBytes));
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
    if (!this.#bounds.inStatement) this.#opened = at;
    // Whether this is a comment, and so perhaps a comment line, shows one byte later.
    if (byte === bytes.dash) return this.#enter('dash', at + 1);
    this.#atLineStart = false;
    if (byte === bytes.slash) return this.#enter('slash', at + 1);
    if (byte === bytes.backslash) return this.#enter('meta', at + 1, '\\');
    this.#bounds.inStatement = true;
    if (bytes.wordStarts[byte] === 1) return this.#word(chunk, this.#enter('word', at));
    if (bytes.digits[byte] === 1) return this.#number(chunk, this.#enter('number', at));
    return this.#mark(byte, at + 1);
  }

  #mark(byte: number, next: number): number {
    if (byte === bytes.quote) return this.#enterString(!this.standardStrings, next);
    if (byte === bytes.doubleQuote) return this.#enterRegion(new regions.QuotedName(keptBytes), next);
    if (byte === bytes.dollar) return this.#enter('dollarTag', next);
    if (byte === bytes.colon) return this.#enter('colon', next);
    if (byte === bytes.open) this.#bounds.open();
    else if (byte === bytes.close) this.#bounds.close();
    else if (byte === bytes.semicolon) this.#semicolon();
    else this.#bounds.token(String.fromCharCode(byte));
    return next;
  }

  #semicolon(): void {
    const follows = this.#bounds.semicolon();
    this.#stopped = follows !== 'same';
    // COPY data end with a line's end.
    this.#atLineStart = follows === 'data';
  }

  #enterString(isEscaped: boolean, next: number): number {
    const text = this.#bounds.wanted ? '' : undefined;
    this.#bounds.token("''");
    return this.#enterRegion(
      isEscaped ? new regions.EscapedString(text) : new regions.PlainString(text),
      next,
    );
  }

  #word(chunk: Buffer, at: number): number {
    const end = bytes.runEnd(bytes.wordParts, chunk, at);
    this.#keep(at, end);
    if (end === chunk.length) return end;
    const word = this.#text;
    this.#enter('code', end);
    if (chunk[end] === bytes.quote && /^[ebx]$/i.test(word))
      return this.#enterString(/e/i.test(word), end + 1);
    this.#bounds.word(word);
    return end;
  }

  #number(chunk: Buffer, at: number): number {
    const end = bytes.runEnd(bytes.numberParts, chunk, at);
    if (this.#bounds.wanted) this.#keep(at, end);
    if (end === chunk.length) return end;
    this.#bounds.number(this.#text);
    return this.#enter('code', end);
  }

  #dollarTag(chunk: Buffer, at: number): number {
    const end = bytes.runEnd(bytes.tagParts, chunk, at);
    this.#text += chunk.toString('latin1', at, end);
    const tag = this.#text;
    const isTag = tag.length < tagLimitBytes && !/^\d/.test(tag);
    if (isTag && end === chunk.length) return end;
    if (isTag && chunk[end] === bytes.dollar) {
      this.#bounds.string(this.#bounds.wanted ? '$' : undefined);
      this.#bounds.token("''");
      return this.#enterRegion(new regions.DollarString(`$${tag}$`), end + 1);
    }
    // No tag: a dollar, and then whatever was taken for one.
    this.#bounds.token('$');
    if (tag === '') return this.#enter('code', end);
    return this.#enter(/^\d/.test(tag) ? 'number' : 'word', end, tag.slice(0, keptBytes));
  }

  #inRegion(chunk: Buffer, at: number): number {
    const region = this.#region as regions.Region;
    const end = region.push(chunk, at, this.#original);
    if (!region.closed) return end;
    if (region instanceof regions.QuotedName) this.#bounds.token(region.text);
    else if (region instanceof regions.PlainString || region instanceof regions.EscapedString)
      this.#bounds.string(region.text);
    return this.#enter('code', end);
  }

  /** Of a mark that means something else if doubled, or with a star behind it. */
  #second(chunk: Buffer, at: number): number {
    const [mode, byte] = [this.#state, chunk[at]];
    if (mode === 'dash' && byte === bytes.dash) return this.#enter('lineComment', at + 1, '--');
    if (mode === 'slash' && byte === bytes.star) return this.#enterRegion(new regions.BlockComment(), at + 1);
    const isCast = mode === 'colon' && byte === bytes.colon;
    this.#bounds.token(isCast ? '::' : ({ dash: '-', slash: '/' }[mode as string] ?? ':'));
    this.#atLineStart = false;
    return this.#enter('code', isCast ? at + 1 : at);
  }

  #lineComment(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && chunk[at] !== bytes.newline && chunk[at] !== bytes.carriageReturn) at += 1;
    this.#keep(from, at);
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
    this.#keep(at, end);
    if (lineEnd < 0) return end;
    this.#stopped = true;
    this.#sink.metaCommand(this.#text);
    return this.#enter('code', end);
  }
}
