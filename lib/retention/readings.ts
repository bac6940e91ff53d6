// Proof is renewed: which archives are read again tonight. Each is, within as many nights as `rereadPercent` goes into a
// hundred, and at least once more before its days are over; what is not as its verdict says, or has none, is read at once.

import type { CatalogueEntry } from '../archive/catalogue-of.ts';
import { hoursBetween } from '../base/quantities.ts';

export type ReadingPolicy = {
  readonly keepDays: number;
  /** How many of a hundred kept archives are read again in a night; 0 for none but those in doubt. */
  readonly rereadPercent: number;
};

export type Reading = { readonly id: string; readonly reason: string };

/** What was read since then is not read again: the nights' hours differ, and what came tonight is read tonight. */
const restHours = 20;
/** Before its days are over there are so many runs still, should one of them fail. */
const lastChanceHours = 48;

/**
 * Plans what is read again.
 *
 * @param kept - The archives of one source that stay, with every verdict that there is.
 * @returns Those in doubt, those that nobody has judged, then those read longest ago: `rereadPercent` of those that can be relied upon, rounded up, and
 *   what would not be read again any more before its days are over.
 */
export function planReadings(
  kept: readonly CatalogueEntry[],
  { keepDays, rereadPercent }: ReadingPolicy,
  now: Date,
): Reading[] {
  const inDoubt = kept
    .filter(({ isInDoubt }) => isInDoubt)
    .map(({ id }) => ({ id: id.id, reason: 'what is there is not what its verdict speaks of' }));
  const unjudged = kept
    .filter(
      ({ standing, isInDoubt, datedAt }) =>
        standing === 'unverified' && !isInDoubt && hoursBetween(datedAt, now) > restHours,
    )
    .map(({ id }) => ({ id: id.id, reason: 'it has no verdict' }));
  const first = [...inDoubt, ...unjudged];
  if (rereadPercent === 0) return first;
  const proven = kept.flatMap(({ id, standing, datedAt, lastReadAt }) =>
    isReadAgain(standing) && lastReadAt !== undefined
      ? [{ id: id.id, readHours: hoursBetween(lastReadAt, now), ageHours: hoursBetween(datedAt, now) }]
      : [],
  );
  const waiting = proven
    .filter(({ readHours }) => readHours > restHours)
    .sort((one, other) => other.readHours - one.readHours);
  const share = Math.ceil((proven.length * rereadPercent) / 100);
  const soonOverHours = keepDays * 24 - lastChanceHours;
  const due = waiting.filter(
    ({ ageHours, readHours }, rank) =>
      rank < share || (ageHours > soonOverHours && ageHours < keepDays * 24 && readHours > soonOverHours / 2),
  );
  return [
    ...first,
    ...due.map(({ id, readHours }) => ({ id, reason: `read last ${Math.round(readHours / 24)} days ago` })),
  ];
}

/** What counts for nothing is not read again; a suspicious archive may be accepted one day. */
function isReadAgain(standing: CatalogueEntry['standing']): boolean {
  return standing === 'intact' || standing === 'accepted' || standing === 'suspicious';
}
