// One of several sessions that load rows: the COPY that it is in, and what it was given for it.

import type { RowSink } from '../postgres/session.ts';
import type { DumpSession, Located } from './dump-session.ts';

export type Rows = {
  readonly bytes: Buffer;
  /** Where they begin, in the dump. */
  readonly line: number;
  readonly lineEnds: number;
};

/** Pieces that a session may have before it: one that it takes in, and one for when it is ready. */
const waitingMax = 2;

export class RowSession {
  /** The table whose rows it takes; another one's end its COPY. */
  copy: Located | undefined;
  /** Pieces that it was given and has not taken in. */
  waiting = 0;
  readonly #session: DumpSession;
  readonly #onStep: (error?: unknown) => void;
  #sink: RowSink | undefined;
  /** What was asked of it, one after another. */
  #work: Promise<void> = Promise.resolve();
  /** Lines that this COPY was given, and where in the dump each piece of them begins. */
  #lines = 0;
  #pieces: { readonly at: number; readonly line: number }[] = [];
  #failed = false;

  /** @param onStep - Called after each piece; with the error, if there was one. */
  constructor(session: DumpSession, onStep: (error?: unknown) => void) {
    this.#session = session;
    this.#onStep = onStep;
  }

  get hasRoom(): boolean {
    return this.waiting < waitingMax;
  }

  /** Has the COPY begun, though there may be no rows for it. */
  begin(copy: Located): void {
    this.#enqueue(() => this.#enter(copy));
  }

  /** @param isNew - Whether they begin with a row, and not in the middle of the last one. */
  take(copy: Located, rows: Rows, isNew: boolean): void {
    this.#enqueue(async () => {
      await this.#enter(copy);
      if (isNew) this.#pieces.push({ at: this.#lines, line: rows.line });
      this.#lines += rows.lineEnds;
      await this.#sink?.write(rows.bytes);
    });
  }

  /** Ends the COPY after all that was given. */
  async commit(): Promise<void> {
    this.#enqueue(() => this.#end());
    await this.#work;
  }

  async #enter(copy: Located): Promise<void> {
    if (this.copy === copy) return;
    await this.#end();
    this.#lines = 0;
    this.#pieces = [];
    this.copy = copy;
    this.#sink = await this.#session.copy(copy, (row) => this.#lineInDump(row));
  }

  async #end(): Promise<void> {
    const sink = this.#sink;
    this.#sink = undefined;
    await sink?.end();
    this.copy = undefined;
  }

  #enqueue(step: () => Promise<void>): void {
    this.waiting += 1;
    const done = (error?: unknown) => {
      this.#failed ||= error !== undefined;
      this.waiting -= 1;
      this.#onStep(error);
    };
    this.#work = this.#work.then(() => (this.#failed ? undefined : step())).then(() => done(), done);
  }

  #lineInDump(row: number): number {
    const piece = this.#pieces.findLast(({ at }) => at < row);
    return piece === undefined ? 0 : piece.line + row - 1 - piece.at;
  }
}
