// Scans a plain pg_dump while it streams by: what it holds, and whether its end is really its end. The end marker may
// also stand in a row, a string or a function's body, and a dump may be cut anywhere: only a reader that knows at every
// byte whether it is in code, text or COPY data can tell.

import { CopyRows } from './copy-rows.ts';
import { DumpContents } from './dump-contents.ts';
import type { Inventory } from './inventory.ts';
import { SqlLexer } from './sql-lexer.ts';

const endMarker = '-- PostgreSQL database dump complete';
const serverVersionLine = '-- Dumped from database version ';
const pgDumpVersionLine = '-- Dumped by pg_dump version ';
/** Of one statement: no statement that matters is nearly as long, and an INSERT may be of any length. */
const keptStatementBytes = 1_048_576;

/**
 * Takes the inventory of a plain logical dump, chunk by chunk. Feed every chunk to {@link DumpScanner.push}, then ask
 * {@link DumpScanner.finish}.
 *
 * @remarks Never throws, whatever the bytes: what is no dump has no end marker. Chunks may be cut anywhere. Memory is
 *   bounded by what the inventory lists, not by rows or statements.
 */
export class DumpScanner {
  readonly #contents = new DumpContents();
  readonly #lexer = new SqlLexer({
    token: (text, parenDepth) => this.#token(text, parenDepth),
    statement: (groups) => this.#statement(groups),
    comment: (line) => this.#comment(line),
    metaCommand: (line) => this.#metaCommand(line),
  });
  #tokens: string[] = [];
  #tokenBytes = 0;
  #copy: { readonly table: string; readonly rows: CopyRows } | undefined;
  #endMarker: Inventory['endMarker'] = 'absent';
  /** The token of `\restrict`, until `\unrestrict` gives it again. */
  #restrictedBy: string | undefined;
  #serverVersion: string | undefined;
  #pgDumpVersion: string | undefined;

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
    // Since August 2025 `\unrestrict` is the very last line: while it is due, the end of the dump is missing.
    const cut = !this.#lexer.finish() || inCopy || this.#restrictedBy !== undefined;
    return {
      ...this.#contents.inventory(),
      ...(this.#serverVersion !== undefined && { serverVersion: this.#serverVersion }),
      ...(this.#pgDumpVersion !== undefined && { pgDumpVersion: this.#pgDumpVersion }),
      endMarker: cut ? 'absent' : this.#endMarker,
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
    if (this.#endMarker === 'end') this.#endMarker = 'followed';
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
    if (line === endMarker) this.#endMarker = 'end';
    else if (line.startsWith(serverVersionLine)) this.#serverVersion ??= line.slice(serverVersionLine.length);
    else if (line.startsWith(pgDumpVersionLine)) this.#pgDumpVersion ??= line.slice(pgDumpVersionLine.length);
  }

  #metaCommand(line: string): void {
    const [name, token] = line.trimEnd().split(/\s+/);
    if (name === '\\unrestrict') {
      if (token === this.#restrictedBy) this.#restrictedBy = undefined;
      return;
    }
    if (name === '\\restrict') this.#restrictedBy = token;
    if (this.#endMarker === 'end') this.#endMarker = 'followed';
  }
}
