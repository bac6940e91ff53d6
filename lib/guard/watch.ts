// One look at all that a vault holds: how old its proofs are, and what has come that is no back-up. The cloud's handler and
// the guard take it.

import { baseBackupsPrefix, parseBaseBackupKey } from '../archive/base-backup-names.ts';
import { archivesPrefix, parseKey } from '../archive/names.ts';
import { readCatalogue } from '../archive/read-catalogue.ts';
import { parseWalKey, walPrefix } from '../archive/wal-names.ts';
import type { News } from '../mail/tell-once.ts';
import type { Arrivals } from '../retention/arrivals.ts';
import { fullEveryHours } from '../retention/log-sight.ts';
import { lookAtLog } from '../retention/log-watch.ts';
import { type WatchOptions, watch } from '../retention/watch.ts';
import { watchArrivals } from '../retention/watch-arrivals.ts';
import { ofSidecar } from '../sidecar/kind.ts';
import { parseSidecarKey, sidecarsPrefix } from '../sidecar/names.ts';

export type WatchVaultOptions = Omit<WatchOptions, 'sidecarsOf' | 'logOf'> & {
  /** Look at all of the log, as many keys as there are segments, whether or not a day has passed since the last time. */
  readonly isFull?: boolean | undefined;
  /** Is given what has come, also where sources fail. */
  readonly onArrivals: (arrivals: Arrivals) => void;
};

/**
 * Looks once.
 *
 * @throws As {@link watch} does.
 */
export async function watchVault({
  onArrivals,
  isFull = false,
  ...options
}: WatchVaultOptions): Promise<void> {
  const { store, now } = options;
  const clockIds = new Set<string>();
  const lookAtArrivals = async (): Promise<News> => {
    const { arrivals, ...news } = await watchArrivals({
      store,
      prefixes: [archivesPrefix, sidecarsPrefix, baseBackupsPrefix],
      nameOf: (key) => parseKey(key) ?? parseSidecarKey(key) ?? ofBaseBackup(parseBaseBackupKey(key)),
      clockIds,
      now,
    });
    onArrivals(arrivals);
    return news;
  };
  // Each says by its name what it is.
  const nameOf = (key: string) => parseWalKey(key) && 'segment';
  const lookAtSegments = () =>
    watchArrivals({
      store,
      prefixes: [walPrefix],
      nameOf,
      clockIds,
      now,
      memory: '_arrivals-wal',
      everyHours: isFull ? 0 : fullEveryHours,
    });
  await watch({
    ...options,
    sidecarsOf: (source) => readCatalogue(store, source, { kind: ofSidecar }),
    logOf: (source, before) => lookAtLog({ store, source, before, now, isFull }),
    onSighting: (sighting) => {
      for (const id of sighting.clockIds) clockIds.add(id);
      options.onSighting(sighting);
    },
    besides: {
      'what has come': lookAtArrivals,
      'what has come of the log': lookAtSegments,
      ...options.besides,
    },
  });
}

/** Far larger than an archive: what is usual of one is not of the other. */
function ofBaseBackup(name: ReturnType<typeof parseBaseBackupKey>) {
  return name && { ...name, kind: 'base backup' };
}
