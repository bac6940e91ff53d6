// Which index, key or trigger is to be made next, when several are made at a time: the longest first, but never past
// an earlier statement on the same table that it conflicts with. No two that run together ever wait for each other's
// locks, so there are no deadlocks.

import { type Claim, conflict } from './plan.ts';

export type Build<T> = {
  readonly claims: readonly Claim[];
  /** How long it may take, in any unit. */
  readonly weight: number;
  readonly what: T;
};

/** Statements in their order in the dump. */
export class BuildQueue<T> {
  /** All that are not done, in order; those that run too. */
  readonly #unfinished = new Set<Build<T>>();
  readonly #running = new Set<Build<T>>();

  get isEmpty(): boolean {
    return this.#unfinished.size === 0;
  }

  add(build: Build<T>): void {
    this.#unfinished.add(build);
  }

  /** Takes the heaviest of those that may run now. */
  start(): Build<T> | undefined {
    let best: Build<T> | undefined;
    const before: Build<T>[] = [];
    for (const build of this.#unfinished) {
      const free = !this.#running.has(build) && !before.some(({ claims }) => conflict(claims, build.claims));
      if (free && (best === undefined || build.weight > best.weight)) best = build;
      before.push(build);
    }
    if (best !== undefined) this.#running.add(best);
    return best;
  }

  finish(build: Build<T>): void {
    this.#running.delete(build);
    this.#unfinished.delete(build);
  }
}
