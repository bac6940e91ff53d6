// Where statements end: the lexer's tokens in, statements out. A semicolon ends one unless parentheses or the body of an
// SQL function are open.

import { AtomicBodies } from './atomic-bodies.ts';
import type { LexerState, SqlSink } from './lexer-state.ts';

type BoundsState = Pick<LexerState, 'inStatement' | 'wanted' | 'parenDepth' | 'groups' | 'bodies'>;

/** Tells its sink of tokens and of the ends of statements. */
export class StatementBounds {
  /** Whether anything of a statement has been read. */
  inStatement = false;
  /** Whether the owner wants further tokens of the statement. */
  wanted = true;
  readonly #sink: SqlSink;
  readonly #bodies: AtomicBodies;
  #parenDepth = 0;
  #groups = 0;

  /** @param from - Where another one stopped; default: the dump's beginning. */
  constructor(sink: SqlSink, from?: BoundsState) {
    this.#sink = sink;
    this.#bodies = new AtomicBodies(from?.bodies);
    if (from === undefined) return;
    this.inStatement = from.inStatement;
    this.wanted = from.wanted;
    this.#parenDepth = from.parenDepth;
    this.#groups = from.groups;
  }

  /** As of the lexer. */
  suspend(): BoundsState {
    return {
      inStatement: this.inStatement,
      wanted: this.wanted,
      parenDepth: this.#parenDepth,
      groups: this.#groups,
      bodies: this.#bodies.suspend(),
    };
  }

  token(text: string): void {
    this.inStatement = true;
    if (!this.wanted && text !== ':') return;
    const isMoreWanted = this.#sink.token(text, this.#parenDepth);
    this.wanted &&= isMoreWanted;
  }

  /** What stands in a string. @param text - `undefined` if it was not wanted. */
  string(text: string | undefined): void {
    if (text !== undefined) this.#sink.literal(text);
  }

  number(text: string): void {
    const { wanted } = this;
    this.token('0');
    if (wanted) this.#sink.literal(text);
  }

  word(text: string): void {
    if (this.#bodies.undecided) this.#bodies.word(text, this.#parenDepth);
    this.token(text);
  }

  open(): void {
    this.token('(');
    if (this.#parenDepth === 0) this.#groups += 1;
    this.#parenDepth += 1;
  }

  close(): void {
    this.#parenDepth = Math.max(0, this.#parenDepth - 1);
    this.token(')');
  }

  /** @returns What follows: the same statement, another one, or COPY data. */
  semicolon(): 'same' | 'another' | 'data' {
    if (this.#parenDepth > 0 || this.#bodies.open) {
      this.token(';');
      return 'same';
    }
    const isCopy = this.#sink.statement(this.#groups);
    this.inStatement = false;
    this.wanted = true;
    this.#groups = 0;
    this.#bodies.endStatement();
    return isCopy ? 'data' : 'another';
  }
}
