// Whether the end of a dump is really its end: the end marker with nothing of weight after it, and no `\restrict` that is
// still to be given back. Written as what a stretch of the dump does to whatever was before it, so that stretches which
// were read side by side can be joined.

import * as z from 'zod';

const marker = z.enum(['absent', 'end', 'followed']);

/** Whether there is an end marker, and whether statements follow it. */
export type EndMarker = z.infer<typeof marker>;

export const dumpEndSchema = z.strictObject({
  /** What the marker is after the stretch, for each that it may have been before. */
  marker: z.strictObject({ absent: marker, end: marker, followed: marker }),
  /** The token that is due; `known: false` while it is whatever was due before the stretch, less `released`. */
  restriction: z.discriminatedUnion('known', [
    z.strictObject({ known: z.literal(true), token: z.string().optional() }),
    z.strictObject({
      known: z.literal(false),
      released: z.string().optional(),
      /** More than one token was given back, and only one is kept: what is due cannot be told any more. */
      isDoubtful: z.boolean(),
    }),
  ]),
});

export type DumpEndState = z.infer<typeof dumpEndSchema>;

/** A stretch of no bytes, after anything. */
export const unchangedEnd: DumpEndState = {
  marker: { absent: 'absent', end: 'end', followed: 'followed' },
  restriction: { known: false, isDoubtful: false },
};

/** A stretch of no bytes at the dump's beginning. */
export const firstEnd: DumpEndState = { ...unchangedEnd, restriction: { known: true } };

/** Watches for the end of a dump. */
export class DumpEnd {
  #marker: DumpEndState['marker'];
  #restriction: DumpEndState['restriction'];

  constructor(from: DumpEndState) {
    this.#marker = from.marker;
    this.#restriction = from.restriction;
  }

  /** The end marker was seen. */
  mark(): void {
    this.#marker = { absent: 'end', end: 'end', followed: 'end' };
  }

  /** Something came that must not come after the end marker. */
  follow(): void {
    const { absent, end, followed } = this.#marker;
    const after = (one: EndMarker): EndMarker => (one === 'end' ? 'followed' : one);
    this.#marker = { absent: after(absent), end: after(end), followed: after(followed) };
  }

  restrict(token: string | undefined): void {
    this.#restriction = { known: true, ...(token !== undefined && { token }) };
  }

  unrestrict(token: string | undefined): void {
    const now = this.#restriction;
    if (now.known) {
      if (token === now.token) this.#restriction = { known: true };
    } else if (token !== undefined) {
      const isDoubtful = now.isDoubtful || (now.released !== undefined && now.released !== token);
      this.#restriction = { known: false, released: token, isDoubtful };
    }
  }

  /** Adds what was seen in what follows. */
  add(next: DumpEndState): void {
    const { absent, end, followed } = this.#marker;
    this.#marker = {
      absent: next.marker[absent],
      end: next.marker[end],
      followed: next.marker[followed],
    };
    if (next.restriction.known) this.#restriction = next.restriction;
    else this.unrestrict(next.restriction.released);
  }

  /** What to begin a stretch with that is read knowing all before it: only the marker may be left open. */
  get forNext(): DumpEndState {
    return { ...unchangedEnd, restriction: this.#restriction };
  }

  /** @param isBetween - Whether the dump ends between statements. */
  verdict(isBetween: boolean): EndMarker {
    // Since August 2025 `\unrestrict` is the very last line: while it is due, the end of the dump is missing.
    const isDue = this.#restriction.known && this.#restriction.token !== undefined;
    return isBetween && !isDue ? this.#marker.absent : 'absent';
  }

  suspend(): DumpEndState {
    return { marker: this.#marker, restriction: this.#restriction };
  }
}
