// One look at all that a vault holds: how old its proofs are, and what has come that is no back-up. The cloud's handler and
// the guard take it.

import { archivesPrefix, parseKey } from '../archive/names.ts';
import type { Arrivals } from '../retention/arrivals.ts';
import { type WatchOptions, watch } from '../retention/watch.ts';
import { watchArrivals } from '../retention/watch-arrivals.ts';
import { readSidecars } from '../sidecar/list.ts';
import { parseSidecarKey, sidecarsPrefix } from '../sidecar/names.ts';

export type WatchVaultOptions = Omit<WatchOptions, 'sidecarsOf'> & {
  /** Is given what has come, also where sources fail. */
  readonly onArrivals: (arrivals: Arrivals) => void;
};

/**
 * Looks once.
 *
 * @throws As {@link watch} does, once all else was looked at and told of.
 */
export async function watchVault({ onArrivals, ...options }: WatchVaultOptions): Promise<void> {
  const { store, now, sendMail } = options;
  const clockIds = new Set<string>();
  const outcome = await watch({
    ...options,
    sidecarsOf: (source) => readSidecars(store, source),
    onSighting: (sighting) => {
      for (const id of sighting.clockIds) clockIds.add(id);
      options.onSighting(sighting);
    },
  }).catch((error: Error) => error);
  onArrivals(
    await watchArrivals({
      store,
      prefixes: [archivesPrefix, sidecarsPrefix],
      nameOf: (key) => parseKey(key) ?? parseSidecarKey(key),
      clockIds,
      now,
      sendMail,
    }),
  );
  if (outcome instanceof Error) throw outcome;
}
