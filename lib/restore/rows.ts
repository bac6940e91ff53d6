// Loads the rows of COPY blocks by several sessions in turn: a block is cut at line ends, and whichever session has
// least to do takes the next piece.
//
// A row is committed when the COPY that it went into ends, each session's by itself and in no order among them. The one
// place that knows them all committed is `commit()`: whoever must see rows, or must not be seen by rows, waits for it.

import { newline } from '../sql/lexer-state.ts';
import { CopyLane, type Rows } from './copy-lane.ts';
import type { DumpSession, Located } from './dump-session.ts';

export class RowLoader {
  readonly #lanes: readonly CopyLane[];
  #copy: Located | undefined;
  /** Who has the beginning of the row under way. */
  #inRow: CopyLane | undefined;
  #failure: { readonly error: unknown } | undefined;
  #stepped = Promise.withResolvers<void>();

  constructor(sessions: readonly DumpSession[]) {
    this.#lanes = sessions.map((session) => new CopyLane(session, (error) => this.#step(error)));
  }

  /** Begins a table; the rows that follow are its. Runs the statement even if none do. */
  async open(copy: Located): Promise<void> {
    this.#copy = copy;
    (await this.#freeLane(copy)).begin(copy);
  }

  /** Takes rows. @returns When there is room for more; the bytes may still be on their way. */
  async rows(rows: Rows): Promise<void> {
    const copy = this.#copy as Located;
    let rest = rows;
    if (this.#inRow !== undefined) {
      const lane = this.#inRow;
      const end = rows.bytes.indexOf(newline) + 1;
      await this.#until(() => lane.hasRoom);
      if (end === 0) return lane.take(copy, rows, false);
      lane.take(copy, { ...rows, bytes: rows.bytes.subarray(0, end), lineEnds: 1 }, false);
      this.#inRow = undefined;
      if (end === rows.bytes.length) return;
      rest = { bytes: rows.bytes.subarray(end), line: rows.line + 1, lineEnds: rows.lineEnds - 1 };
    }
    const lane = await this.#freeLane(copy);
    if (rest.bytes.at(-1) !== newline) this.#inRow = lane;
    lane.take(copy, rest, true);
  }

  /** Ends every COPY that is open: when it settles, all rows so far are in their tables, for every session to see. */
  async commit(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.commit()));
    this.#throwFailure();
  }

  async #freeLane(copy: Located): Promise<CopyLane> {
    const load = (lane: CopyLane) => lane.waiting * 2 + (lane.copy === copy ? 0 : 1);
    const [first, ...others] = this.#lanes as [CopyLane, ...CopyLane[]];
    const freest = () => others.reduce((least, lane) => (load(lane) < load(least) ? lane : least), first);
    await this.#until(() => freest().hasRoom);
    return freest();
  }

  async #until(isSo: () => boolean): Promise<void> {
    for (;;) {
      this.#throwFailure();
      if (isSo()) return;
      await this.#stepped.promise;
    }
  }

  #step(error: unknown): void {
    if (error !== undefined) this.#failure ??= { error };
    this.#stepped.resolve();
    this.#stepped = Promise.withResolvers();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
