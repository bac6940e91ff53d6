// Scans a plain pg_dump while it streams by: what it holds, and whether its end is really its end. The end marker may
// also stand in a row, a string or a function's body, and a dump may be cut anywhere: only a reader that knows at every
// byte whether it is in code, text or COPY data can tell.

import * as z from 'zod';
import { contentsSchema, type Inventory, noContents } from '../archive/inventory.ts';
import { DumpContents } from './contents.ts';
import { CopyRows, copyStateSchema } from './copy-rows.ts';
import { DumpEnd, dumpEndSchema, firstEnd } from './end.ts';
import { SqlLexer } from './lexer.ts';
import { lexerStateSchema, type SqlSink } from './lexer-state.ts';

/** The line that pg_dump writes last, but for `\unrestrict`. */
export const endMarker = '-- PostgreSQL database dump complete';
const serverVersionLine = '-- Dumped from database version ';
const pgDumpVersionLine = '-- Dumped by pg_dump version ';
/** Of one statement: no statement that matters is nearly as long, and an INSERT may be of any length. */
const keptStatementBytes = 1_048_576;

/** All that a scanner knows of where it is in a dump, between two bytes. */
export const scanStateSchema = z.strictObject({
  lexer: lexerStateSchema,
  /** Of the statement under way. */
  tokens: z.array(z.string()),
  /** The COPY block under way. */
  copy: copyStateSchema.extend({ table: z.string() }).optional(),
});

export type ScanState = z.infer<typeof scanStateSchema>;

/** What a stretch of a dump holds. */
export const findingsSchema = z.strictObject({
  contents: contentsSchema,
  end: dumpEndSchema,
  serverVersion: z.string().optional(),
  pgDumpVersion: z.string().optional(),
});

export type Findings = z.infer<typeof findingsSchema>;

const firstFindings: Findings = { contents: noContents, end: firstEnd };

/**
 * Takes the inventory of a plain logical dump, chunk by chunk. Feed every chunk to {@link DumpScanner.push}, then ask
 * {@link DumpScanner.finish}.
 *
 * @remarks Never throws, whatever the bytes: what is no dump has no end marker. Chunks may be cut anywhere. Memory is
 *   bounded by what the inventory lists, not by rows or statements.
 */
export class DumpScanner {
  readonly #contents: DumpContents;
  readonly #end: DumpEnd;
  readonly #lexer: SqlLexer;
  #tokens: string[];
  #tokenBytes: number;
  #copy: { readonly table: string; readonly rows: CopyRows } | undefined;
  #serverVersion: string | undefined;
  #pgDumpVersion: string | undefined;

  /**
   * @param state - Where to begin, if not at the dump's beginning.
   * @param before - What was found before that.
   */
  constructor(state?: ScanState, before: Findings = firstFindings) {
    const sink: SqlSink = {
      token: (text, parenDepth) => this.#token(text, parenDepth),
      statement: (groups) => this.#statement(groups),
      comment: (line) => this.#comment(line),
      metaCommand: (line) => this.#metaCommand(line),
    };
    this.#lexer = new SqlLexer(sink, state?.lexer);
    this.#tokens = [...(state?.tokens ?? [])];
    this.#tokenBytes = this.#tokens.reduce((sum, token) => sum + token.length, 0);
    this.#copy = state?.copy && { table: state.copy.table, rows: new CopyRows(state.copy) };
    this.#contents = new DumpContents(before.contents);
    this.#end = new DumpEnd(before.end);
    this.#serverVersion = before.serverVersion;
    this.#pgDumpVersion = before.pgDumpVersion;
  }

  /** Reads on; the chunk is not kept. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length) {
      if (this.#copy === undefined) {
        at = this.#lexer.push(bytes, at);
      } else {
        at = this.#copy.rows.push(bytes, at);
        if (this.#copy.rows.closed) this.#endCopy();
      }
    }
  }

  /** What the dump holds, if this was all of it. */
  finish(): Inventory {
    const inCopy = this.#copy !== undefined;
    if (inCopy) this.#endCopy();
    const isBetween = this.#lexer.finish() && !inCopy;
    return { ...this.#contents.inventory(), ...this.#versions(), endMarker: this.#end.verdict(isBetween) };
  }

  /** Where it is, and what was found by now: another one goes on from there as if it were this one. */
  suspend(): { state: ScanState; findings: Findings } {
    return {
      state: {
        lexer: this.#lexer.suspend(),
        tokens: [...this.#tokens],
        ...(this.#copy && { copy: { table: this.#copy.table, ...this.#copy.rows.suspend() } }),
      },
      findings: {
        contents: this.#contents.inventory(),
        end: this.#end.suspend(),
        ...this.#versions(),
      },
    };
  }

  #versions(): { serverVersion?: string; pgDumpVersion?: string } {
    return {
      ...(this.#serverVersion !== undefined && { serverVersion: this.#serverVersion }),
      ...(this.#pgDumpVersion !== undefined && { pgDumpVersion: this.#pgDumpVersion }),
    };
  }

  #endCopy(): void {
    if (this.#copy !== undefined) this.#contents.addRows(this.#copy.table, this.#copy.rows.count);
    this.#copy = undefined;
  }

  #token(text: string, parenDepth: number): boolean {
    this.#tokens.push(text);
    this.#tokenBytes += text.length;
    // The values of an INSERT are not looked at, only counted.
    const isInsert = this.#tokens[0] === 'INSERT';
    return !(isInsert && parenDepth === 0 && text === 'VALUES') && this.#tokenBytes < keptStatementBytes;
  }

  #statement(groups: number): boolean {
    const tokens = this.#tokens;
    this.#tokens = [];
    this.#tokenBytes = 0;
    this.#end.follow();
    if (tokens[0] === 'SET') this.#setting(tokens);
    const table = this.#contents.read(tokens, groups);
    if (table !== undefined) this.#copy = { table, rows: new CopyRows() };
    return table !== undefined;
  }

  #setting(tokens: readonly string[]): void {
    const [, name, , value] = tokens;
    if (name === 'standard_conforming_strings') this.#lexer.standardStrings = value !== 'off';
  }

  #comment(line: string): void {
    if (line === endMarker) this.#end.mark();
    else if (line.startsWith(serverVersionLine)) this.#serverVersion ??= line.slice(serverVersionLine.length);
    else if (line.startsWith(pgDumpVersionLine)) this.#pgDumpVersion ??= line.slice(pgDumpVersionLine.length);
  }

  #metaCommand(line: string): void {
    const [name, token] = line.trimEnd().split(/\s+/);
    if (name === '\\unrestrict') {
      this.#end.unrestrict(token);
      return;
    }
    if (name === '\\restrict') this.#end.restrict(token);
    this.#end.follow();
  }
}
