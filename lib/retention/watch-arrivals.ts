// watch: lists what hosts may write to, each hour, and tells of what does not look like a back-up.

import { parseJson } from '../base/parse-json.ts';
import { hoursBetween } from '../base/quantities.ts';
import type { News } from '../mail/tell-once.ts';
import type { ArchiveStore } from '../store/store.ts';
import {
  type Arrivals,
  arrivalsMail,
  arrivalsStateSchema,
  lookAtArrivals,
  type NameOf,
  newsOf,
} from './arrivals.ts';

export type WatchArrivalsOptions = {
  readonly store: Pick<ArchiveStore, 'list' | 'readText' | 'write'>;
  /** Under which hosts may create objects. */
  readonly prefixes: readonly string[];
  readonly nameOf: NameOf;
  /** Archives that are misdated by their host's clock. */
  readonly clockIds: ReadonlySet<string>;
  /** What it remembers is called so: like no source. */
  readonly memory?: `_${string}`;
  /** Look no sooner again. Default: each time. */
  readonly everyHours?: number | undefined;
  readonly now: Date;
};

const nothing = {
  arrivals: { strange: [], strangeCount: 0, floods: [] },
  mails: [],
  noted: async () => {},
} satisfies News & { arrivals: Arrivals };

/** @returns All that is strange now, whether told of now or before, and what of it is news. */
export async function watchArrivals(
  options: WatchArrivalsOptions,
): Promise<News & { readonly arrivals: Arrivals }> {
  const { store, prefixes, nameOf, clockIds, now, memory = '_arrivals', everyHours } = options;
  const stateKey = `watch/${memory}.json`;
  const stored = await store.readText(stateKey);
  // A state that cannot be read costs a repeated mail, never a missing one.
  const state = parseJson(arrivalsStateSchema, stored?.text) ?? arrivalsStateSchema.parse({});
  const { lookedAt } = state;
  if (everyHours && lookedAt && hoursBetween(new Date(lookedAt), now) < everyHours) return nothing;
  const look = lookAtArrivals(nameOf, clockIds, now);
  for (const prefix of prefixes) for await (const object of store.list(prefix)) look.add(object);
  const arrivals = look.found();
  const { news, next: told } = newsOf(arrivals, state, now);
  const next = { ...told, ...(everyHours !== undefined && { lookedAt: now.toISOString() }) };
  const noted = async () => {
    if (JSON.stringify(next) !== stored?.text) await store.write(stateKey, JSON.stringify(next));
  };
  return { arrivals, mails: news === undefined ? [] : [arrivalsMail(news)], noted };
}
