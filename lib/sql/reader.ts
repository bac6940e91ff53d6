// Reads a plain dump as psql does: where its statements, comments, psql's own commands and the data of COPY are, what its
// names are called, and whether its end is really its end. All that looks into a dump listens to this one reader, so what
// the verifier calls whole the restore takes, and the other way round.

import * as z from 'zod';
import { areUneven, CopyBlock, copyStateSchema } from './copy-block.ts';
import { ClientEncoding, encodingStateSchema } from './encoding.ts';
import { DumpEnd, dumpEndSchema } from './end.ts';
import { KeptTokens, keptTokensSchema } from './kept-tokens.ts';
import { SqlLexer } from './lexer.ts';
import { lexerStateSchema } from './lexer-state.ts';
import type { DumpEnding, DumpListener, ReadStatement } from './listener.ts';
import { changesListOfDatabases, connectsTo, databaseOf } from './own-database.ts';
import { foreignCommand, type Refusal, refusals } from './refusal.ts';
import { readingChange, settingVerbs } from './set-statement.ts';
import { strayAt } from './shape.ts';
import { copiedColumns, copiedTable } from './token-cursor.ts';
import { verbs } from './verbs.ts';

/** The line that pg_dump writes last, but for `\unrestrict`. */
export const endMarker = '-- PostgreSQL database dump complete';

/**
 * Of one statement. No server takes a longer one, nor does psql hold it.
 *
 * @see https://github.com/postgres/postgres/blob/master/src/include/utils/memutils.h MaxAllocSize
 */
export const statementBytesMax = 2 ** 30 - 1;

/** All that a reader knows of where it is in a dump, between two bytes. */
export const readerStateSchema = z.strictObject({
  lexer: lexerStateSchema,
  encoding: encodingStateSchema,
  end: dumpEndSchema,
  kept: keptTokensSchema,
  /** The COPY block under way. */
  copy: copyStateSchema.extend({ table: z.string(), columns: z.number().optional() }).optional(),
  /** That the dump creates, or drops to create it anew. */
  database: z.string().optional(),
});

export type ReaderState = z.infer<typeof readerStateSchema>;

/**
 * Reads a dump chunk by chunk. Chunks may be cut anywhere.
 *
 * @remarks Never throws, whatever the bytes; its listener may.
 */
export class DumpReader {
  readonly #listener: DumpListener;
  readonly #lexer: SqlLexer;
  readonly #end: DumpEnd;
  readonly #kept: KeptTokens;
  #encoding: ClientEncoding;
  #copy: Copying | undefined;
  #database: string | undefined;
  /** What the lexer has stopped for. */
  #ended: ReadStatement | 'restriction' | 'left out' | undefined;
  #refused: Refusal | undefined;

  /** @param from - Where another one stopped; default: the dump's beginning. */
  constructor(listener: DumpListener, from?: ReaderState) {
    this.#listener = listener;
    this.#lexer = new SqlLexer(
      {
        token: (text, parenDepth) => this.#kept.token(text, parenDepth),
        literal: (text) => this.#kept.literal(text),
        statement: (groups) => this.#statement(groups),
        comment: (line) => this.#comment(line),
        metaCommand: (line) => this.#metaCommand(line),
      },
      from?.lexer,
    );
    this.#end = new DumpEnd(from?.end);
    this.#encoding = new ClientEncoding(from?.encoding ?? 'UTF8');
    this.#kept = new KeptTokens(from?.kept);
    this.#copy = from?.copy && { ...from.copy, block: new CopyBlock(from.copy) };
    this.#database = from?.database;
  }

  /** The COPY block under way. */
  get copied(): { readonly table: string; readonly rows: number } | undefined {
    return this.#copy && { table: this.#copy.table, rows: this.#copy.block.rows };
  }

  /** Of the statement or psql's command under way, the bytes read. */
  get openBytes(): number {
    return this.#lexer.openBytes;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let read = this.#encoding.mask(bytes, 0);
    let at = 0;
    while (at < bytes.length) {
      if (this.#copy !== undefined) {
        at = this.#data(bytes, at, this.#copy);
        continue;
      }
      const encoding = this.#encoding;
      const end = this.#lexer.push(read, at, bytes);
      if (!encoding.isText(bytes.subarray(at, end))) this.#listener.refuse(refusals.noText);
      this.#listener.text?.(bytes.subarray(at, end));
      if (this.#lexer.openBytes > statementBytesMax) this.#refused ??= refusals.tooLong;
      this.#tell();
      at = end;
      if (this.#encoding !== encoding) read = this.#encoding.mask(bytes, lineEndAfter(bytes, at));
    }
  }

  finish(): DumpEnding {
    const isBetween = this.#lexer.finish();
    this.#tell();
    if (this.#end.strays) this.#listener.refuse(refusals.restriction);
    const within = this.#copy !== undefined ? 'rows' : isBetween ? 'nothing' : 'a statement';
    return { within, marker: this.#end.verdict(within === 'nothing') };
  }

  /** Where it is: another one goes on from there as if it were this one. */
  suspend(): ReaderState {
    return {
      lexer: this.#lexer.suspend(),
      encoding: this.#encoding.suspend(),
      end: this.#end.suspend(),
      kept: this.#kept.suspend(),
      ...(this.#copy && { copy: copyStateOf(this.#copy) }),
      ...(this.#database !== undefined && { database: this.#database }),
    };
  }

  #tell(): void {
    const [ended, refused] = [this.#ended, this.#refused];
    this.#ended = undefined;
    this.#refused = undefined;
    if (refused !== undefined) this.#listener.refuse(refused);
    if (ended === 'restriction') this.#listener.restriction?.(this.#lexer.openBytes);
    else if (ended === 'left out') this.#listener.leftOut?.(this.#lexer.openBytes);
    else if (ended !== undefined) this.#listener.statement(ended, this.#lexer.openBytes);
  }

  #data(bytes: Buffer, at: number, { table, columns, block }: Copying): number {
    if (block.inStatementLine) {
      const end = block.push(bytes, at);
      this.#listener.text?.(bytes.subarray(at, end));
      if (block.crowded) this.#listener.refuse(refusals.crowded(table));
      return end;
    }
    const { ending: held, rows } = block;
    const end = block.push(bytes, at);
    if (!this.#encoding.isText(bytes.subarray(at, end))) this.#listener.refuse(refusals.noText);
    if (this.#listener.rows !== undefined) {
      const whole = held === '' ? bytes.subarray(at, end) : joined(held, bytes.subarray(at, end));
      const passed = whole.subarray(0, whole.length - block.ending.length);
      if (passed.length > 0) this.#listener.rows(passed, block.rows - rows);
    }
    if (block.closed) {
      this.#copy = undefined;
      const { head: _, ...counts } = block.suspend();
      if (columns !== undefined && areUneven(counts, columns)) this.#listener.refuse(refusals.uneven(table));
      this.#listener.endOfRows({ table, ...counts }, block.ending);
    }
    return end;
  }

  #statement(groups: number): boolean {
    const { verb, tokens: read, literals } = this.#kept.take();
    const tokens = this.#encoding.decodeAll(read);
    this.#end.follow();
    const stray = verb !== 'INSERT' || tokens.includes(':') ? strayAt(tokens) : -1;
    if (stray >= 0) this.#refused = refusals.stray(tokens, stray);
    if (verb !== '' && !verbs.has(verb)) this.#refused = refusals.noStatement(tokens);
    const change = settingVerbs.has(verb) ? readingChange(tokens, literals) : {};
    if (change !== 'unknown') this.#change(change);
    else this.#refused = refusals.setting(tokens);
    const copied = verb === 'COPY' ? copiedTable(tokens) : undefined;
    if (copied !== undefined)
      this.#copy = { table: copied, columns: copiedColumns(tokens), block: new CopyBlock() };
    this.#ended = this.#isOfDatabase(verb, tokens) ? 'left out' : { tokens, groups, copied };
    return copied !== undefined;
  }

  #isOfDatabase(verb: string, tokens: readonly string[]): boolean {
    if (changesListOfDatabases(tokens)) return true;
    const database = databaseOf(tokens);
    if (database === undefined) return false;
    const isMade = verb === 'CREATE' || verb === 'DROP';
    if (isMade) this.#database ??= database;
    if (isMade && database !== this.#database) this.#refused = refusals.databases;
    return database === this.#database;
  }

  #change({ standardStrings, encoding }: { standardStrings?: boolean; encoding?: string }): void {
    if (standardStrings !== undefined) this.#lexer.standardStrings = standardStrings;
    if (encoding !== undefined) this.#encoding = new ClientEncoding(encoding);
  }

  #comment(line: string): void {
    if (line === endMarker) this.#end.mark();
    this.#listener.comment?.(line);
  }

  #metaCommand(line: string): void {
    const { verb, token = '' } =
      /^\\(?<verb>(?:un)?restrict) (?<token>[0-9A-Za-z]+)\s*$/.exec(line)?.groups ?? {};
    if (verb === 'unrestrict') this.#end.unrestrict(token);
    else this.#end.follow();
    if (verb === 'restrict' && !this.#end.restrict(token)) this.#refused = refusals.restriction;
    const [text = ''] = this.#encoding.decodeAll([line]);
    if (!this.#kept.isEmpty) this.#refused = foreignCommand(text);
    else if (verb !== undefined) this.#ended = 'restriction';
    else if (this.#database !== undefined && connectsTo(text, this.#database)) this.#ended = 'left out';
    else this.#refused = foreignCommand(text);
  }
}

type Copying = {
  readonly table: string;
  /** That each of its rows has, where that is known. */
  readonly columns?: number | undefined;
  readonly block: CopyBlock;
};

function copyStateOf({ table, columns, block }: Copying): ReaderState['copy'] {
  return { table, ...(columns !== undefined && { columns }), ...block.suspend() };
}

/** Where the line after this place begins. */
function lineEndAfter(bytes: Buffer, at: number): number {
  const end = bytes.indexOf('\n', at);
  return end < 0 ? bytes.length : end;
}

function joined(held: string, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(held, 'latin1'), bytes]);
}
