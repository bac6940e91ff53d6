// The lexer's two sides: what it tells its owner, and where it is when it has to stop and another goes on.

import * as z from 'zod';
import { atomicBodiesSchema } from './atomic-bodies.ts';
import { regionStateSchema } from './regions.ts';

/** What the lexer tells its owner. Texts are latin1, one character a byte, whatever the dump's encoding. */
export type SqlSink = {
  /**
   * A token of the statement under way: a word, a quoted identifier with its quotes, `''` for any string, `0` for any
   * number, else one character.
   *
   * @param parenDepth - In how many parentheses it stands; a parenthesis itself stands outside of its pair.
   * @returns Whether further tokens of this statement are wanted.
   */
  token(text: string, parenDepth: number): boolean;
  /**
   * The statement's end.
   *
   * @param groups - How many parentheses it opened outside of others.
   * @returns Whether COPY data follow: then the lexer stops right after the semicolon.
   */
  statement(groups: number): boolean;
  /** A comment that is a whole line between statements, cut at 1 KiB. */
  comment(line: string): void;
  /** A psql meta-command from its backslash on, cut at 1 KiB. */
  metaCommand(line: string): void;
};

const lexerModes = [
  'code',
  'word',
  'number',
  'dollarTag',
  'dash',
  'slash',
  'lineComment',
  'region',
  'meta',
] as const;

export type LexerMode = (typeof lexerModes)[number];

/** All that the lexer knows between two bytes. */
export const lexerStateSchema = z.strictObject({
  standardStrings: z.boolean(),
  mode: z.enum(lexerModes),
  /** Of the token, tag, comment or meta-command under way. */
  text: z.string(),
  region: regionStateSchema.optional(),
  atLineStart: z.boolean(),
  inStatement: z.boolean(),
  wanted: z.boolean(),
  parenDepth: z.number(),
  groups: z.number(),
  bodies: atomicBodiesSchema,
});

export type LexerState = z.infer<typeof lexerStateSchema>;
