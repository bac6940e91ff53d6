// Whether the end of a dump is really its end: the end marker with nothing of weight after it, and no `\restrict` that is
// still to be given back.

import * as z from 'zod';

const marker = z.enum(['absent', 'end', 'followed']);

/** Whether there is an end marker, and whether statements follow it. */
export type EndMarker = z.infer<typeof marker>;

export const dumpEndSchema = z.strictObject({
  marker,
  /** The token of `\restrict` that is due. */
  due: z.string().optional(),
  /** Tokens given back that were not due; the first two. */
  released: z.array(z.string()),
});

export type DumpEndState = z.infer<typeof dumpEndSchema>;

/** What `\unrestrict` gives back beyond this is not kept. */
const releasedMax = 2;

export class DumpEnd {
  #marker: EndMarker;
  #due: string | undefined;
  readonly #released: string[];

  constructor(from: DumpEndState = { marker: 'absent', released: [] }) {
    this.#marker = from.marker;
    this.#due = from.due;
    this.#released = [...from.released];
  }

  /** The end marker was seen. */
  mark(): void {
    this.#marker = 'end';
  }

  /** Something came that must not come after the end marker. */
  follow(): void {
    if (this.#marker === 'end') this.#marker = 'followed';
  }

  /** @returns Whether psql takes it: while one is due, it takes no other. */
  restrict(token: string): boolean {
    if (this.#due !== undefined) return false;
    this.#due = token;
    return true;
  }

  /** Whether one was given back that was not due, nor is a beginning of it, as of a dump that was cut: psql stops there. */
  get strays(): boolean {
    return this.#released.some((token) => this.#due?.startsWith(token) !== true);
  }

  unrestrict(token: string): void {
    if (token === this.#due) this.#due = undefined;
    else if (this.#released.length < releasedMax) this.#released.push(token);
  }

  /** @param isBetween - Whether the dump ends between statements. */
  verdict(isBetween: boolean): EndMarker {
    // Since August 2025 `\unrestrict` is the very last line: while it is due, the end of the dump is missing.
    return isBetween && this.#due === undefined ? this.#marker : 'absent';
  }

  suspend(): DumpEndState {
    return {
      marker: this.#marker,
      ...(this.#due !== undefined && { due: this.#due }),
      released: [...this.#released],
    };
  }
}

/**
 * The end after two stretches of a dump, of which the second was read without knowing the first, from within COPY data on.
 *
 * @returns `undefined` if that cannot be told without reading the second again.
 */
export function joinedEnd(before: DumpEndState, next: DumpEndState): DumpEndState | undefined {
  const [released, ...others] = next.released;
  const isStray = released !== undefined && (released !== before.due || next.due !== undefined);
  const isSecond = released === undefined && before.due !== undefined && next.due !== undefined;
  if (others.length > 0 || isStray || isSecond) return undefined;
  const due = released === undefined ? (before.due ?? next.due) : undefined;
  return {
    // COPY is a statement: none of these has the marker `end` before its data.
    marker: next.marker === 'absent' ? before.marker : next.marker,
    ...(due !== undefined && { due }),
    released: before.released,
  };
}
