// Reads along the tokens of one statement, as the lexer gave them: quoted identifiers keep their quotes, so that a
// keyword is always told from a name that looks like it.

import { canonicalIdentifier } from './identifier.ts';

/** A place in a statement's tokens, and what can be read there. */
export class TokenCursor {
  at = 0;
  readonly #tokens: readonly string[];

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get done(): boolean {
    return this.at >= this.#tokens.length;
  }

  /** The token under the cursor, in capitals unless it is quoted. */
  peek(ahead = 0): string {
    return upper(this.#tokens[this.at + ahead] ?? '');
  }

  next(): string {
    const token = this.peek();
    this.at += 1;
    return token;
  }

  /** Passes over these words if all of them come next. */
  skip(...words: readonly string[]): boolean {
    if (!words.every((word, ahead) => this.peek(ahead) === word)) return false;
    this.at += words.length;
    return true;
  }

  /** Passes over any of these words, as often as they come. */
  skipAny(words: ReadonlySet<string>): void {
    while (words.has(this.peek())) this.at += 1;
  }

  /**
   * Passes over everything up to and including these words, where they stand in no further parentheses.
   *
   * @returns `false` if they do not come before the statement's end, or that of the parentheses the cursor is in.
   */
  seek(...words: readonly string[]): boolean {
    let depth = 0;
    while (!this.done && depth >= 0) {
      if (depth === 0 && this.skip(...words)) return true;
      const token = this.next();
      if (token === '(') depth += 1;
      if (token === ')') depth -= 1;
    }
    return false;
  }

  /** An identifier as pg_dump writes it, or `undefined`. */
  identifier(): string | undefined {
    const token = this.#tokens[this.at];
    if (token === undefined || !/^["A-Z_a-z\x80-\uffff]/.test(token)) return undefined;
    this.at += 1;
    return canonicalIdentifier(token);
  }

  /** A name with its schema, as pg_dump writes it, or `undefined`. */
  qualifiedName(): string | undefined {
    const parts: string[] = [];
    do {
      const part = this.identifier();
      if (part === undefined) break;
      parts.push(part);
    } while (this.skip('.'));
    return parts.length === 0 ? undefined : parts.join('.');
  }
}

/** The table whose data follow a statement, as the dump spells it: that of a COPY … FROM stdin. */
export function copiedTable(tokens: readonly string[]): string | undefined {
  const cursor = new TokenCursor(tokens);
  if (!cursor.skip('COPY')) return undefined;
  const table = cursor.qualifiedName();
  return cursor.seek('FROM') && cursor.peek() === 'STDIN' ? table : undefined;
}

/** The schema of a qualified name, with its dot; empty for a bare name. */
export function schemaPrefix(name: string): string {
  // A dot in quotes is part of a name; a doubled quote reads as the end of one quoted part and the start of the next.
  return /^(?:[^".]|"[^"]*")*\./.exec(name)?.[0] ?? '';
}

function upper(token: string): string {
  return token.startsWith('"') ? token : token.toUpperCase();
}
