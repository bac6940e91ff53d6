// What the reader of a dump tells whoever listens.

import type { CopyState } from './copy-block.ts';
import type { EndMarker } from './end.ts';
import type { Refusal } from './refusal.ts';

export type ReadStatement = {
  /**
   * As the lexer gives them, in the dump's encoding; of an INSERT those up to and including VALUES. What comes after
   * 1 MiB of them is not kept.
   */
  readonly tokens: readonly string[];
  /** How many parentheses it opened outside of others. */
  readonly groups: number;
  /** The table whose COPY data follow, as the dump spells it. */
  readonly copied: string | undefined;
};

/** The rows of one COPY. */
type Copied = Omit<CopyState, 'head'> & { readonly table: string };

/** Who wants to know of a dump's parts, in their order. */
export type DumpListener = {
  /** Bytes outside of COPY data, and those that the next call is about. */
  text?(bytes: Buffer): void;
  /** @param bytes - Its length, from its first token to its semicolon. */
  statement(statement: ReadStatement, bytes: number): void;
  /** `\restrict` or `\unrestrict`, without its line end. @param bytes - Its length. */
  restriction?(bytes: number): void;
  /** A statement or `\connect` about the dump's database as a whole, which a restore makes itself. @param bytes - Its length. */
  leftOut?(bytes: number): void;
  /** A comment that is a whole line. */
  comment?(line: string): void;
  /** COPY data; a row may go on in the next piece. */
  rows?(bytes: Buffer, lineEnds: number): void;
  /** @param line - The one that ended them, with its line end. */
  endOfRows(copied: Copied, line: string): void;
  /** What no restore takes. */
  refuse(refusal: Refusal): void;
};

export type DumpEnding = {
  readonly within: 'nothing' | 'a statement' | 'rows';
  readonly marker: EndMarker;
};
