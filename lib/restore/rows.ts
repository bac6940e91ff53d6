// Loads the rows of COPY blocks by several sessions in turn: a block is cut at line ends, and whichever session has
// least to do takes the next piece.

import type { RowSink, Session } from '../postgres/session.ts';
import { newline } from '../sql/lexer-state.ts';

export type CopyStatement = {
  readonly sql: Buffer;
  readonly table: string;
  /** Of the dump, where the statement stands. */
  readonly line: number;
};

/** Makes what is thrown of a server's error. @param lineOfRow - Of the dump, by the line within the session's COPY. */
export type ExplainRows = (
  error: unknown,
  copy: CopyStatement,
  lineOfRow: (line: number) => number,
) => unknown;

/** A session, and the COPY that it is in. */
type Lane = {
  readonly session: Session;
  copy: CopyStatement | undefined;
  sink: RowSink | undefined;
  /** What was asked of it, one after another. */
  work: Promise<void>;
  waiting: number;
  /** Lines that this COPY was given, and where in the dump each piece of them begins. */
  lines: number;
  pieces: { readonly at: number; readonly line: number }[];
};

/** Pieces that a session may have before it: one that it takes in, and one for when it is ready. */
const waitingMax = 2;

/** Sessions that load rows. */
export class RowLoader {
  readonly #lanes: readonly Lane[];
  readonly #prepare: (session: Session) => Promise<void>;
  readonly #explain: ExplainRows;
  #copy: CopyStatement | undefined;
  /** Who has the beginning of the row under way. */
  #inRow: Lane | undefined;
  #failure: { readonly error: unknown } | undefined;
  #somethingDone = Promise.withResolvers<void>();

  /** @param prepare - Gives a session the settings that hold now. */
  constructor(
    sessions: readonly Session[],
    prepare: (session: Session) => Promise<void>,
    explain: ExplainRows,
  ) {
    this.#prepare = prepare;
    this.#explain = explain;
    this.#lanes = sessions.map((session) => ({
      session,
      copy: undefined,
      sink: undefined,
      work: Promise.resolve(),
      waiting: 0,
      lines: 0,
      pieces: [],
    }));
  }

  /** Begins a table; the rows that follow are its. Runs the statement even if none do. */
  async open(copy: CopyStatement): Promise<void> {
    this.#copy = copy;
    const lane = await this.#freeLane(copy);
    this.#give(lane, undefined);
  }

  /**
   * Takes rows.
   *
   * @param line - Of the dump, where the bytes begin.
   * @returns When there is room for more; the bytes may still be on their way.
   */
  async rows(bytes: Buffer, line: number, lineEnds: number): Promise<void> {
    let rest = { bytes, line, lineEnds };
    if (this.#inRow !== undefined) {
      const lane = this.#inRow;
      const end = bytes.indexOf(newline) + 1;
      await this.#room(lane);
      if (end === 0) return this.#give(lane, rest, false);
      this.#give(lane, { bytes: bytes.subarray(0, end), line, lineEnds: 1 }, false);
      this.#inRow = undefined;
      rest = { bytes: bytes.subarray(end), line: line + 1, lineEnds: lineEnds - 1 };
      if (rest.bytes.length === 0) return;
    }
    const lane = await this.#freeLane(this.#copy as CopyStatement);
    if (rest.bytes.at(-1) !== newline) this.#inRow = lane;
    this.#give(lane, rest);
  }

  /** Settles when all rows are in their tables. */
  async finish(): Promise<void> {
    for (const lane of this.#lanes) this.#then(lane, () => endCopy(lane));
    await Promise.all(this.#lanes.map(({ work }) => work));
    this.#throwFailure();
  }

  async #freeLane(copy: CopyStatement): Promise<Lane> {
    for (;;) {
      this.#throwFailure();
      const [first, ...others] = this.#lanes as [Lane, ...Lane[]];
      const load = (lane: Lane) => lane.waiting * 2 + (lane.copy === copy ? 0 : 1);
      const best = others.reduce((least, lane) => (load(lane) < load(least) ? lane : least), first);
      if (best.waiting < waitingMax) return best;
      await this.#somethingDone.promise;
    }
  }

  async #room(lane: Lane): Promise<void> {
    while (lane.waiting >= waitingMax && this.#failure === undefined) await this.#somethingDone.promise;
    this.#throwFailure();
  }

  #give(
    lane: Lane,
    piece: { bytes: Buffer; line: number; lineEnds: number } | undefined,
    isNew = true,
  ): void {
    const copy = this.#copy as CopyStatement;
    this.#then(lane, async () => {
      if (lane.copy !== copy) await this.#begin(lane, copy);
      if (piece === undefined) return;
      if (isNew) lane.pieces.push({ at: lane.lines, line: piece.line });
      lane.lines += piece.lineEnds;
      await lane.sink?.write(piece.bytes);
    });
  }

  async #begin(lane: Lane, copy: CopyStatement): Promise<void> {
    await endCopy(lane);
    await this.#prepare(lane.session);
    Object.assign(lane, { copy, lines: 0, pieces: [], sink: lane.session.copy(copy.sql) });
  }

  #then(lane: Lane, step: () => Promise<void>): void {
    lane.waiting += 1;
    lane.work = lane.work
      .then(() => (this.#failure === undefined ? step() : undefined))
      .catch((error: unknown) => {
        const lineOfRow = (line: number) => lineInDump(lane.pieces, line);
        this.#failure ??= { error: lane.copy ? this.#explain(error, lane.copy, lineOfRow) : error };
      })
      .finally(() => {
        lane.waiting -= 1;
        this.#somethingDone.resolve();
        this.#somethingDone = Promise.withResolvers();
      });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

async function endCopy(lane: Lane): Promise<void> {
  const { sink } = lane;
  lane.sink = undefined;
  await sink?.end();
  lane.copy = undefined;
}

/** @param line - Within the COPY, from 1. */
function lineInDump(pieces: Lane['pieces'], line: number): number {
  const piece = pieces.findLast(({ at }) => at < line);
  return piece === undefined ? 0 : piece.line + line - 1 - piece.at;
}
