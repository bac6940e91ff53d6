// Which index, key or trigger is to be made next, when several are made at a time: the longest first, but never past
// an earlier statement on the same table that it conflicts with. Each table has a queue, in which those that only read
// it stand side by side; who stands in front in all of his queues may run. So the work grows with the statements' claims,
// however many tables there are.

import type { Claim } from './plan.ts';

export type Waiting<T> = {
  readonly claims: readonly Claim[];
  /** How long it may take, in any unit. */
  readonly weight: number;
  readonly what: T;
};

/** Those of a table's queue who may run at the same time. */
type Rank<T> = { readonly how: Claim['how']; readonly members: Set<Place<T>> };

/** Who waits, where, and in how many of the queues somebody is before him. */
type Place<T> = { readonly waiting: Waiting<T>; readonly tables: readonly string[]; behind: number };

/** Statements in their order in the dump. */
export class BuildQueue<T> {
  readonly #ranks = new Map<string, Rank<T>[]>();
  readonly #places = new Map<Waiting<T>, Place<T>>();
  /** May run now; the heaviest, and of equals the earliest, at the end. */
  readonly #ready: Waiting<T>[] = [];

  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  /** How many may run now. */
  get readyCount(): number {
    return this.#ready.length;
  }

  add(waiting: Waiting<T>): void {
    const claims = new Map<string, Claim['how']>();
    for (const { table, how } of waiting.claims) {
      if (claims.get(table) !== 'exclusive') claims.set(table, how);
    }
    const place: Place<T> = { waiting, tables: [...claims.keys()], behind: 0 };
    this.#places.set(waiting, place);
    for (const [table, how] of claims) {
      const ranks = this.#ranks.get(table) ?? [];
      this.#ranks.set(table, ranks);
      const last = ranks.at(-1);
      if (last === undefined || how === 'exclusive' || last.how === 'exclusive')
        ranks.push({ how, members: new Set([place]) });
      else last.members.add(place);
      if (ranks.length > 1) place.behind += 1;
    }
    if (place.behind === 0) this.#makeReady(waiting);
  }

  /** Takes the heaviest of those that may run now. */
  start(): Waiting<T> | undefined {
    return this.#ready.pop();
  }

  finish(waiting: Waiting<T>): void {
    const place = this.#places.get(waiting);
    this.#places.delete(waiting);
    for (const table of place?.tables ?? []) this.#leave(table, place as Place<T>);
  }

  #leave(table: string, place: Place<T>): void {
    const ranks = this.#ranks.get(table) as Rank<T>[];
    ranks[0]?.members.delete(place);
    if ((ranks[0]?.members.size ?? 0) > 0) return;
    ranks.shift();
    if (ranks.length === 0) this.#ranks.delete(table);
    for (const next of ranks[0]?.members ?? []) {
      next.behind -= 1;
      if (next.behind === 0) this.#makeReady(next.waiting);
    }
  }

  #makeReady(waiting: Waiting<T>): void {
    let [from, to] = [0, this.#ready.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#ready[middle] as Waiting<T>).weight < waiting.weight) from = middle + 1;
      else to = middle;
    }
    this.#ready.splice(from, 0, waiting);
  }
}
