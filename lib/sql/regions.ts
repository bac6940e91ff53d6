// The stretches of SQL in which nothing is code: strings, quoted names, block comments. Each is read on chunk by chunk
// and keeps no more than it needs to know its end.

import { backslash, doubleQuote, quote, type RegionState, slash, star } from './lexer-state.ts';

/** Of a string: names and values of settings, which are all that is asked for, are shorter. */
const keptStringBytes = 64;

/** A stretch of text that is not code. */
export type Region = {
  /** Whether its end was seen. */
  readonly closed: boolean;
  /**
   * Reads on.
   *
   * @param original - The chunk as the dump has it, where it is read with the rest of each character masked.
   * @returns Where it stopped: the chunk's end, or the byte after the region.
   */
  push(chunk: Buffer, at: number, original: Buffer): number;
  /** Where it is, if it is open still. */
  suspend(): RegionState;
};

export function resumeRegion(state: RegionState, limitBytes: number): Region {
  switch (state.kind) {
    case 'plain':
      return new PlainString(state.text);
    case 'escaped':
      return new EscapedString(state.text, state.after);
    case 'name':
      return new QuotedName(limitBytes, state.text, state.afterQuote);
    case 'dollar':
      return new DollarString(state.tag, state.tail);
    case 'comment':
      return new BlockComment(state.depth, state.before);
  }
}

/** What stands in a string, as far as it is wanted. */
abstract class KeptText {
  closed = false;
  /** Latin1, cut. */
  text: string | undefined;

  /** @param text - Read by now; `undefined` if nobody wants it. */
  constructor(text: string | undefined) {
    this.text = text;
  }

  protected keep(original: Buffer, from: number, to: number): void {
    if (this.text === undefined || this.text.length >= keptStringBytes) return;
    this.text += original.toString('latin1', from, Math.min(to, from + keptStringBytes));
  }
}

/** A string without escapes, from after its opening quote on. */
export class PlainString extends KeptText implements Region {
  push(chunk: Buffer, at: number, original: Buffer): number {
    const end = chunk.indexOf(quote, at);
    // A doubled quote just opens the next string: for what is asked here, two strings are as good as one.
    this.closed = end >= 0;
    this.keep(original, at, this.closed ? end : chunk.length);
    return this.closed ? end + 1 : chunk.length;
  }

  suspend(): RegionState {
    return { kind: 'plain', ...(this.text !== undefined && { text: this.text }) };
  }
}

/** A string in which a backslash escapes the byte after it, from after its opening quote on. */
export class EscapedString extends KeptText implements Region {
  #after: 'text' | 'backslash' | 'quote';

  constructor(text: string | undefined, after: 'text' | 'backslash' | 'quote' = 'text') {
    super(text);
    this.#after = after;
  }

  suspend(): RegionState {
    return { kind: 'escaped', after: this.#after, ...(this.text !== undefined && { text: this.text }) };
  }

  push(chunk: Buffer, from: number, original: Buffer): number {
    let at = from;
    while (at < chunk.length) {
      const byte = chunk[at] as number;
      // Only the byte after a quote tells whether the quote was doubled.
      if (this.#after === 'quote' && byte !== quote) {
        this.closed = true;
        break;
      }
      if (this.#after !== 'text') this.#after = 'text';
      else if (byte === backslash) this.#after = 'backslash';
      else if (byte === quote) this.#after = 'quote';
      at += 1;
    }
    this.keep(original, from, at);
    if (this.closed) this.text = this.text?.replace(/'$/, '');
    return at;
  }
}

/** A quoted identifier, from after its opening quote on. */
export class QuotedName implements Region {
  closed = false;
  /** As it stands there, with its quotes; latin1, cut at the limit. */
  text: string;
  readonly #limitBytes: number;
  #afterQuote: boolean;

  constructor(limitBytes: number, text = '"', afterQuote = false) {
    this.#limitBytes = limitBytes;
    this.text = text;
    this.#afterQuote = afterQuote;
  }

  suspend(): RegionState {
    return { kind: 'name', text: this.text, afterQuote: this.#afterQuote };
  }

  push(chunk: Buffer, from: number, original: Buffer): number {
    let at = from;
    while (at < chunk.length) {
      if (this.#afterQuote && chunk[at] !== doubleQuote) {
        this.closed = true;
        return at;
      }
      // Past a quote that turned out to be doubled, look for the next one.
      const found = chunk.indexOf(doubleQuote, this.#afterQuote ? at + 1 : at);
      const end = found < 0 ? chunk.length : found + 1;
      this.text = (this.text + original.toString('latin1', at, Math.min(end, at + this.#limitBytes))).slice(
        0,
        this.#limitBytes,
      );
      this.#afterQuote = found >= 0;
      at = end;
    }
    return at;
  }
}

/** A dollar string, from after its opening tag on. */
export class DollarString implements Region {
  closed = false;
  readonly #tag: string;
  /** The last bytes so far: the closing tag may lie across chunks. */
  #tail: string;

  /** @param tag - With its dollars; latin1. */
  constructor(tag: string, tail = '') {
    this.#tag = tag;
    this.#tail = tail;
  }

  suspend(): RegionState {
    return { kind: 'dollar', tag: this.#tag, tail: this.#tail };
  }

  push(chunk: Buffer, at: number): number {
    const overlap = this.#tag.length - 1;
    const seam = this.#tail + chunk.toString('latin1', at, Math.min(at + overlap, chunk.length));
    const inSeam = seam.indexOf(this.#tag);
    if (inSeam >= 0) return this.#close(at + inSeam - this.#tail.length);
    const found = chunk.indexOf(this.#tag, at, 'latin1');
    if (found >= 0) return this.#close(found);
    const last = chunk.toString('latin1', Math.max(at, chunk.length - overlap), chunk.length);
    this.#tail = (this.#tail + last).slice(-overlap);
    return chunk.length;
  }

  #close(tagAt: number): number {
    this.closed = true;
    return tagAt + this.#tag.length;
  }
}

/** A comment that may hold comments, from after its opening mark on. */
export class BlockComment implements Region {
  #depth: number;
  #before: number;

  constructor(depth = 1, before = 0) {
    this.#depth = depth;
    this.#before = before;
  }

  suspend(): RegionState {
    return { kind: 'comment', depth: this.#depth, before: this.#before };
  }

  get closed(): boolean {
    return this.#depth === 0;
  }

  push(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      const ends = this.#before === star && byte === slash;
      const begins = this.#before === slash && byte === star;
      if (ends) this.#depth -= 1;
      if (begins) this.#depth += 1;
      this.#before = ends || begins ? 0 : byte;
      if (this.closed) return at + 1;
    }
    return chunk.length;
  }
}
