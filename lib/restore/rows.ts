// Loads the rows of COPY blocks by several sessions in turn: a block is cut at line ends, and whichever session has
// least to do takes the next piece.
//
// A row is committed when the COPY that it went into ends, each session's by itself and in no order among them. The one
// place that knows them all committed is `commit()`: whoever must see rows, or must not be seen by rows, waits for it.

import { newline } from '../sql/lexer-state.ts';
import type { DumpSession, Located } from './dump-session.ts';
import { RowSession, type Rows } from './row-session.ts';
import { Stepping } from './stepping.ts';

export class RowLoader {
  readonly #sessions: readonly RowSession[];
  #copy: Located | undefined;
  #isBegun = false;
  /** Who has the beginning of the row under way. */
  #inRow: RowSession | undefined;
  readonly #stepping = new Stepping();

  constructor(sessions: readonly DumpSession[]) {
    this.#sessions = sessions.map(
      (session) => new RowSession(session, (error) => this.#stepping.step(error)),
    );
  }

  /** Begins a table; the rows that follow are its. */
  open(copy: Located): void {
    this.#copy = copy;
    this.#isBegun = false;
  }

  /** Ends it. Its statement is run even if no rows came. */
  async end(): Promise<void> {
    const copy = this.#copy;
    if (copy !== undefined && !this.#isBegun) (await this.#freestSession(copy)).begin(copy);
    this.#copy = undefined;
  }

  /** Takes rows. @returns When there is room for more; the bytes may still be on their way. */
  async rows(rows: Rows): Promise<void> {
    const copy = this.#copy as Located;
    this.#isBegun = true;
    let rest = rows;
    if (this.#inRow !== undefined) {
      const session = this.#inRow;
      const end = rows.bytes.indexOf(newline) + 1;
      await this.#stepping.until(() => session.hasRoom);
      if (end === 0) return session.take(copy, rows, false);
      session.take(copy, { ...rows, bytes: rows.bytes.subarray(0, end), lineEnds: 1 }, false);
      this.#inRow = undefined;
      if (end === rows.bytes.length) return;
      rest = { bytes: rows.bytes.subarray(end), line: rows.line + 1, lineEnds: rows.lineEnds - 1 };
    }
    const session = await this.#freestSession(copy);
    if (rest.bytes.at(-1) !== newline) this.#inRow = session;
    session.take(copy, rest, true);
  }

  /** Ends every COPY that is open: when it settles, all rows so far are in their tables, for every session to see. */
  async commit(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.commit()));
    this.#stepping.throwFailure();
  }

  async #freestSession(copy: Located): Promise<RowSession> {
    const load = (session: RowSession) => session.waiting * 2 + (session.copy === copy ? 0 : 1);
    const [first, ...others] = this.#sessions as [RowSession, ...RowSession[]];
    const freest = () =>
      others.reduce((least, session) => (load(session) < load(least) ? session : least), first);
    await this.#stepping.until(() => freest().hasRoom);
    return freest();
  }
}
