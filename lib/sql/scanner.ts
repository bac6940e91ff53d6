// Scans a plain pg_dump while it streams by: what it holds, and whether its end is really its end. The end marker may
// also stand in a row, a string or a function's body, and a dump may be cut anywhere: only a reader that knows at every
// byte whether it is in code, text or COPY data can tell.

import * as z from 'zod';
import { contentsSchema, type Inventory, noContents, refusalSchema } from '../archive/inventory.ts';
import { DumpContents } from './contents.ts';
import { foreignKind, headBytes } from './dump-kind.ts';
import { DumpReader, type ReaderState } from './reader.ts';
import { unmetReferences } from './references.ts';
import { refusals } from './refusal.ts';

export const serverVersionLine = '-- Dumped from database version ';
export const pgDumpVersionLine = '-- Dumped by pg_dump version ';

/** No table has an empty name: the one whose rows a stretch begins in, as long as nobody knows it. */
export const someTable = '';

/** What a stretch of a dump holds. */
export const findingsSchema = z.strictObject({
  contents: contentsSchema,
  /** The first thing that no restore takes. */
  refused: refusalSchema.optional(),
  /** Of the rows that it began in, where that is not known to be a table's: what to hold against its columns. */
  begunIn: z.object({ tabs: z.number(), returns: z.number() }).optional(),
  /** Bytes of zero, and others that are no text. */
  hasZeros: z.literal(true).optional(),
  hasNoText: z.literal(true).optional(),
  serverVersion: z.string().optional(),
  pgDumpVersion: z.string().optional(),
  /** The first bytes, latin1. */
  head: z.string(),
});

export type Findings = z.infer<typeof findingsSchema>;

/**
 * Takes the inventory of a plain logical dump, chunk by chunk. Feed every chunk to {@link DumpScanner.push}, then ask
 * {@link DumpScanner.finish}.
 *
 * @remarks Never throws, whatever the bytes: what is no dump has no end marker. Memory is bounded by what the inventory
 *   lists, not by rows or statements.
 */
export class DumpScanner {
  readonly #contents: DumpContents;
  readonly #reader: DumpReader;
  #seen: Omit<Findings, 'contents' | 'head'>;
  #head: string;

  /**
   * @param state - Where to begin, if not at the dump's beginning.
   * @param before - What was found before that.
   */
  constructor(
    state?: ReaderState,
    { contents, head, ...seen }: Findings = { contents: noContents, head: '' },
  ) {
    this.#head = head;
    this.#contents = new DumpContents(contents);
    this.#seen = seen;
    this.#reader = new DumpReader(
      {
        statement: ({ tokens, groups, copied }) => {
          this.#contents.read(tokens, groups);
          if (copied !== undefined) this.#contents.addRows(copied, 0);
        },
        comment: (line) => this.#comment(line),
        endOfRows: ({ table, rows, tabs, returns }) => {
          this.#contents.addRows(table, rows);
          if (table === someTable) this.#seen = { ...this.#seen, begunIn: { tabs, returns } };
        },
        refuse: (refused) => {
          // Which comes first, in one statement, chunks would decide.
          const found = refused === refusals.noText ? { hasNoText: true as const } : { refused };
          this.#seen = { ...found, ...this.#seen };
        },
      },
      state,
    );
  }

  /** Reads on; the chunk is not kept. */
  push(chunk: Uint8Array): void {
    const missing = headBytes - this.#head.length;
    if (missing > 0) this.#head += Buffer.from(chunk.subarray(0, missing)).toString('latin1');
    if (chunk.includes(0)) this.#seen = { ...this.#seen, hasZeros: true };
    this.#reader.push(chunk);
  }

  /** What the dump holds, if this was all of it. */
  finish(): Inventory {
    const { copied } = this.#reader;
    const { marker } = this.#reader.finish();
    if (copied !== undefined) this.#contents.addRows(copied.table, copied.rows);
    const found = this.#contents.inventory();
    const { madeTwice, references: _references, ...contents } = found;
    const needs = [...(contents.needs ?? []), ...unmetReferences(found)];
    const { hasZeros, hasNoText, begunIn: _, ...seen } = this.#seen;
    const foreign = foreignKind(this.#head) ?? (hasZeros && refusals.zeros) ?? (hasNoText && refusals.noText);
    return {
      ...contents,
      ...(needs.length > 0 && { needs }),
      ...(madeTwice !== undefined && { refused: refusals.madeTwice(madeTwice) }),
      ...seen,
      ...(foreign && { refused: foreign }),
      endMarker: marker,
    };
  }

  /** Where it is, and what was found by now: another one goes on from there as if it were this one. */
  suspend(): { state: ReaderState; findings: Findings } {
    return {
      state: this.#reader.suspend(),
      findings: { contents: this.#contents.inventory(), ...this.#seen, head: this.#head },
    };
  }

  #comment(line: string): void {
    const { serverVersion, pgDumpVersion } = this.#seen;
    if (serverVersion === undefined && line.startsWith(serverVersionLine))
      this.#seen = { ...this.#seen, serverVersion: line.slice(serverVersionLine.length) };
    if (pgDumpVersion === undefined && line.startsWith(pgDumpVersionLine))
      this.#seen = { ...this.#seen, pgDumpVersion: line.slice(pgDumpVersionLine.length) };
  }
}
