// A dump that was scanned in parts side by side, joined to what one scan of the whole gives. A part does not know what
// comes before it, so it is scanned on a guess: that it begins in the rows of a COPY block, as nearly every byte of a
// large dump does. Where the parts before it show that the guess was wrong, the part has to be scanned again, from what
// they show. So the result never rests on a guess, wherever the cuts fall and whatever the rows hold.

import { isUtf8 } from 'node:buffer';
import * as z from 'zod';
import type { Inventory } from '../archive/inventory.ts';
import { DumpContents } from './contents.ts';
import { areUneven, endsCopyData } from './copy-block.ts';
import { joinedEnd } from './end.ts';
import { type ReaderState, readerStateSchema } from './reader.ts';
import { refusals } from './refusal.ts';
import { DumpScanner, type Findings, findingsSchema, someTable } from './scanner.ts';
import { followingIn } from './utf8.ts';

export const partScanSchema = z.strictObject({
  /** Where it began: that of the dump, as a guess the rows of some COPY block, or where the parts before it end. */
  from: z.union([z.literal('beginning'), z.literal('guess'), readerStateSchema]),
  state: readerStateSchema,
  findings: findingsSchema,
});

export type PartScan = z.infer<typeof partScanSchema>;

/** No row that begins with it can be the line that ends the data. */
const someHead = '....';

/** Scans one part. Feed every chunk to {@link PartScanner.push}, then ask {@link PartScanner.finish}. */
export class PartScanner {
  readonly #from: PartScan['from'];
  readonly #scanner: DumpScanner;

  /** @param from - Where the part begins, as far as it is known. */
  constructor(from: PartScan['from']) {
    this.#from = from;
    this.#scanner = new DumpScanner(startOf(from));
  }

  push(chunk: Uint8Array): void {
    this.#scanner.push(chunk);
  }

  finish(): PartScan {
    return { from: this.#from, ...this.#scanner.suspend() };
  }
}

/** Joins the scans of all parts, in order. */
export class JoinedScan {
  #state = startOf('beginning');
  readonly #contents = new DumpContents();
  #seen: Omit<Findings, 'contents'> = { head: '' };

  /** Where the next part really begins. */
  get next(): ReaderState {
    return this.#state;
  }

  /**
   * Adds the next part.
   *
   * @returns `false` if it was scanned from elsewhere than where it begins; then nothing was added, and it has to be
   *   scanned from {@link JoinedScan.next}.
   */
  add(part: PartScan): boolean {
    const known = part.from === 'guess' ? this.#known(part) : this.#follows(part);
    if (known === undefined) return false;
    const { contents, begunIn: _, ...seen } = known.findings;
    this.#contents.add(contents);
    this.#seen = { ...seen, ...this.#seen, head: this.#seen.head + seen.head };
    this.#state = known.state;
    return true;
  }

  /** What the dump holds, if these were all parts. */
  finish(): Inventory {
    const before = { contents: this.#contents.inventory(), ...this.#seen };
    return new DumpScanner(this.#state, before).finish();
  }

  #follows(part: PartScan): PartScan | undefined {
    return sameState(startOf(part.from), this.#state) ? part : undefined;
  }

  /** What a part that was scanned on a guess shows with what comes before it; `undefined` if the guess was wrong. */
  #known({ state, findings }: PartScan): Pick<PartScan, 'state' | 'findings'> | undefined {
    const { copy, lexer, encoding, end } = this.#state;
    const supposed = { lexer: guess.lexer, encoding: { ...guess.encoding, begun: encoding.begun } };
    if (copy === undefined || !sameState({ lexer, encoding }, supposed)) return undefined;
    if (state.encoding.begun === null || !isWhole(encoding.begun, findings.head)) return undefined;
    const joined = joinedEnd(end, state.end);
    // Whether the rows end right here, in a line that began before, is to be seen in its first bytes.
    const opening = findings.head.slice(0, someHead.length);
    const lineEnd = opening.indexOf('\n');
    const isInRow =
      copy.rows < 0 ? lineEnd === 0 : lineEnd < 0 || !endsCopyData(copy.head + opening.slice(0, lineEnd));
    if (joined === undefined || !isInRow) return undefined;
    const known = { ...state, end: joined };
    if (state.copy?.table !== someTable) return { state: known, findings: named(findings, copy) };
    // While the block is open, its rows are counted in the state.
    const head = state.copy.rows > 0 ? state.copy.head : (copy.head + opening).slice(0, someHead.length);
    return {
      state: {
        ...known,
        copy: {
          ...copy,
          rows: copy.rows + state.copy.rows,
          tabs: copy.tabs + state.copy.tabs,
          returns: copy.returns + state.copy.returns,
          head,
        },
      },
      findings,
    };
  }
}

/** What was found, with the rows that the part began in given to their table. */
function named(findings: Findings, { table, columns, ...copy }: Copy): Findings {
  const { contents, begunIn = { tabs: 0, returns: 0 } } = findings;
  const { [someTable]: lines = 0, ...others } = contents.rows;
  const rows = copy.rows + lines;
  const counts = { rows, tabs: copy.tabs + begunIn.tabs, returns: copy.returns + begunIn.returns };
  const isUneven = columns !== undefined && areUneven(counts, columns);
  return {
    ...findings,
    ...(isUneven && { refused: refusals.uneven(table) }),
    contents: { ...contents, rows: { ...others, [table]: rows + (others[table] ?? 0) } },
  };
}

type Copy = NonNullable<ReaderState['copy']>;

/** Whether the character that the cut may lie in is one. */
function isWhole(begun: string | null, head: string): boolean {
  const following = head.slice(0, followingIn(Buffer.from(head, 'latin1')));
  return isUtf8(Buffer.from(`${begun}${following}`, 'latin1'));
}

/** Right after the semicolon of a COPY statement, and some row further on, perhaps within a character. */
const guess = guessedState();

function guessedState(): ReaderState {
  const scanner = new DumpScanner();
  scanner.push(Buffer.from('COPY a FROM stdin;'));
  const { encoding, ...state } = scanner.suspend().state;
  return {
    ...state,
    encoding: { ...encoding, begun: null },
    copy: { table: someTable, rows: 0, tabs: 0, returns: 0, head: someHead },
  };
}

function startOf(from: PartScan['from']): ReaderState {
  if (from === 'guess') return guess;
  return from === 'beginning' ? new DumpScanner().suspend().state : from;
}

/** Whatever wrote them, the schema gives them one form. */
function sameState(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
