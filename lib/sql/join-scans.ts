// A dump that was scanned in parts side by side, joined to what one scan of the whole gives. A part does not know what
// comes before it, so it is scanned on a guess: that it begins in the rows of a COPY block, as nearly every byte of a
// large dump does. Where the parts before it show that the guess was wrong, the part has to be scanned again, from what
// they show. So the result never rests on a guess, wherever the cuts fall and whatever the rows hold.

import * as z from 'zod';
import { type Inventory, noContents } from '../archive/inventory.ts';
import { DumpContents } from './contents.ts';
import { endsCopyData } from './copy-rows.ts';
import { DumpEnd, unchangedEnd } from './end.ts';
import { DumpScanner, type Findings, findingsSchema, type ScanState, scanStateSchema } from './scanner.ts';

/** Where the scan of a part begins. */
export const scanStartSchema = z.strictObject({ state: scanStateSchema, end: findingsSchema.shape.end });

export type ScanStart = z.infer<typeof scanStartSchema>;

/** What the scan of a part gave. */
export const partScanSchema = z.strictObject({
  /** Where it began: that of the dump, as a guess the rows of some COPY block, or where the parts before it end. */
  from: z.union([z.literal('beginning'), z.literal('guess'), scanStartSchema]),
  /** The first four bytes, latin1: whether the rows end right here, in a line that began before. */
  opening: z.string(),
  state: scanStateSchema,
  findings: findingsSchema,
});

export type PartScan = z.infer<typeof partScanSchema>;

/** No table has an empty name: the one whose rows the part begins in. */
const someTable = '';
/** No row that begins with it can be the line that ends the data. */
const someHead = '....';
const openingBytes = 4;

/** Scans one part. Feed every chunk to {@link PartScanner.push}, then ask {@link PartScanner.finish}. */
export class PartScanner {
  readonly #from: PartScan['from'];
  readonly #scanner: DumpScanner;
  #opening = '';

  /** @param from - Where the part begins, as far as it is known. */
  constructor(from: PartScan['from']) {
    this.#from = from;
    const { state, end } = startOf(from);
    this.#scanner = new DumpScanner(state, { contents: noContents, end });
  }

  push(chunk: Uint8Array): void {
    const missing = openingBytes - this.#opening.length;
    if (missing > 0) {
      this.#opening += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString(
        'latin1',
        0,
        missing,
      );
    }
    this.#scanner.push(chunk);
  }

  finish(): PartScan {
    return { from: this.#from, opening: this.#opening, ...this.#scanner.suspend() };
  }
}

/** Joins the scans of all parts, in order. */
export class JoinedScan {
  #state: ScanState;
  readonly #contents: DumpContents;
  readonly #end: DumpEnd;
  #versions: Pick<Findings, 'serverVersion' | 'pgDumpVersion'> = {};

  constructor() {
    const { state, findings } = new DumpScanner().suspend();
    this.#state = state;
    this.#contents = new DumpContents(findings.contents);
    this.#end = new DumpEnd(findings.end);
  }

  /** Where the next part really begins. */
  get next(): ScanStart {
    return { state: this.#state, end: this.#end.forNext };
  }

  /**
   * Adds the next part.
   *
   * @returns `false` if it was scanned from elsewhere than where it begins; then nothing was added, and it has to be
   *   scanned from {@link JoinedScan.next}.
   */
  add(part: PartScan): boolean {
    if (part.from === 'guess') {
      if (!this.#fits(part)) return false;
    } else if (!sameState(startOf(part.from), this.next)) return false;
    const { contents, end, ...versions } = part.findings;
    this.#contents.add(part.from === 'guess' ? this.#named(part) : contents);
    this.#end.add(end);
    this.#versions = { ...versions, ...this.#versions };
    this.#state = part.from === 'guess' ? this.#continued(part) : part.state;
    return true;
  }

  /** What the dump holds, if these were all parts. */
  finish(): Inventory {
    const before = { contents: this.#contents.inventory(), end: this.#end.suspend(), ...this.#versions };
    return new DumpScanner(this.#state, before).finish();
  }

  #fits({ opening, findings }: PartScan): boolean {
    const { copy, lexer } = this.#state;
    if (copy === undefined || !sameState(lexer, guessedState().lexer)) return false;
    const { restriction } = findings.end;
    if (!restriction.known && restriction.isDoubtful) return false;
    const lineEnd = opening.indexOf('\n');
    return lineEnd < 0 || !endsCopyData(copy.head + opening.slice(0, lineEnd));
  }

  /** The part's contents, with the rows that it began in given to their table. */
  #named({ state, findings }: PartScan): Findings['contents'] {
    const { contents } = findings;
    const { copy } = this.#state;
    // While the block is open, its rows are counted in the state.
    if (copy === undefined || state.copy?.table === someTable) return contents;
    const { [someTable]: lines = 0, ...rows } = contents.rows;
    const sum = copy.lines + lines + (rows[copy.table] ?? 0);
    return { ...contents, rows: { ...rows, [copy.table]: sum } };
  }

  #continued({ opening, state }: PartScan): ScanState {
    const { copy } = this.#state;
    if (copy === undefined || state.copy?.table !== someTable) return state;
    const { lines, head } = state.copy;
    return {
      ...state,
      copy: {
        table: copy.table,
        lines: copy.lines + lines,
        head: lines > 0 ? head : (copy.head + opening).slice(0, someHead.length),
      },
    };
  }
}

function startOf(from: PartScan['from']): ScanStart {
  if (from === 'guess') return { state: guessedState(), end: unchangedEnd };
  return from === 'beginning' ? new JoinedScan().next : from;
}

/** Right after the semicolon of a COPY statement, and some row further on. */
function guessedState(): ScanState {
  const scanner = new DumpScanner();
  scanner.push(Buffer.from('COPY a FROM stdin;'));
  const { state } = scanner.suspend();
  return { ...state, copy: { table: someTable, lines: 0, head: someHead } };
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
