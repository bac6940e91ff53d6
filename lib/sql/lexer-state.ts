// What the lexer stands on: the bytes that SQL's lexical rules speak of, what it tells its owner, and where it is when it
// has to stop and another goes on.

import * as z from 'zod';
import { atomicBodiesSchema } from './atomic-bodies.ts';

export const [newline, carriageReturn, backslash, quote, doubleQuote, dollar] = [
  0x0a, 0x0d, 0x5c, 0x27, 0x22, 0x24,
];
export const [dash, slash, star, semicolon, colon, open, close] = [0x2d, 0x2f, 0x2a, 0x3b, 0x3a, 0x28, 0x29];
export const spaces = byteSet(/[ \t\n\r\f\v]/);
export const digits = byteSet(/[0-9]/);
export const wordStarts = byteSet(/[A-Za-z_\x80-\xff]/);
export const wordParts = byteSet(/[A-Za-z0-9_$\x80-\xff]/);
export const tagParts = byteSet(/[A-Za-z0-9_\x80-\xff]/);
export const numberParts = byteSet(/[A-Za-z0-9_.\x80-\xff]/);

function byteSet(members: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(members.test(String.fromCharCode(byte))));
}

/** Where the run of such bytes ends that begins at `from`. */
export function runEnd(members: Uint8Array, chunk: Buffer, from: number): number {
  let at = from;
  while (at < chunk.length && members[chunk[at] as number] === 1) at += 1;
  return at;
}

/** What the lexer tells its owner. Texts are latin1, one character a byte, whatever the dump's encoding. */
export type SqlSink = {
  /**
   * A token of the statement under way: a word, a quoted identifier with its quotes, `''` for any string, `0` for any
   * number, `::`, else one character. A colon alone comes even where no more are wanted.
   *
   * @param parenDepth - In how many parentheses it stands; a parenthesis itself stands outside of its pair.
   * @returns Whether further tokens of this statement are wanted.
   */
  token(text: string, parenDepth: number): boolean;
  /** What stands in a string or a number whose token was wanted, cut at 64 bytes; of dollar strings nothing. */
  literal(text: string): void;
  /**
   * The statement's end; the lexer stops right after the semicolon.
   *
   * @param groups - How many parentheses it opened outside of others.
   * @returns Whether COPY data follow.
   */
  statement(groups: number): boolean;
  /** A comment that is a whole line between statements, cut at 1 KiB. */
  comment(line: string): void;
  /** A psql meta-command from its backslash on, cut at 1 KiB; the lexer stops before its line's end. */
  metaCommand(line: string): void;
};

/** A region that is open, as it can be written down and gone on with elsewhere. */
export const regionStateSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('plain'), text: z.string().optional() }),
  z.strictObject({
    kind: z.literal('escaped'),
    text: z.string().optional(),
    after: z.enum(['text', 'backslash', 'quote']),
  }),
  z.strictObject({ kind: z.literal('name'), text: z.string(), afterQuote: z.boolean() }),
  z.strictObject({ kind: z.literal('dollar'), tag: z.string(), tail: z.string() }),
  z.strictObject({ kind: z.literal('comment'), depth: z.number(), before: z.number() }),
]);

export type RegionState = z.infer<typeof regionStateSchema>;

const lexerModes = [
  'code',
  'word',
  'number',
  'dollarTag',
  'dash',
  'slash',
  'colon',
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
  /** Of the statement or meta-command under way, read by now. */
  openBytes: z.number(),
  inStatement: z.boolean(),
  wanted: z.boolean(),
  parenDepth: z.number(),
  groups: z.number(),
  bodies: atomicBodiesSchema,
});

export type LexerState = z.infer<typeof lexerStateSchema>;
