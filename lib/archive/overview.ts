// Whether all is well with a source's archives, and since when.

import { formatAge, formatHours, hoursBetween, plural } from '../base/quantities.ts';
import { byAge, type CatalogueEntry, countsAsIntact, newestIntact } from './catalogue-of.ts';

export type Overview = {
  /** Date of the oldest archive of the unbroken row of intact ones that ends now; absent where something is wrong. */
  readonly wellSince?: Date;
  /** How many stand in that row. */
  readonly inRow: number;
  readonly newestIntactAt?: Date;
  /** What is not as it should be, a phrase each. */
  readonly faults: readonly string[];
};

/** What clocks may differ by, and nobody minds. */
const clockHours = 0.25;
/** Age from which the newest intact archive, and the last passed restore test, are overdue. */
export type ProofLimits = { readonly archiveHours: number; readonly restoreTestHours: number };

/** As the stack is deployed by default. */
const usualLimits: ProofLimits = { archiveHours: 26, restoreTestHours: 100 * 24 };
/** Past it, a verdict should be there; of an upload, its manifest. */
const lateHours = { verdict: 3, manifest: 24 };

/**
 * @param lastTest - How its last restore test ended, where there was one.
 * @param limits - Of who watches the source.
 */
export function overviewOf(
  entries: readonly CatalogueEntry[],
  now: Date,
  lastTest?: {
    readonly outcome: string;
    readonly startedAt?: Date;
    readonly pointFailed?: boolean | undefined;
  },
  limits: ProofLimits = usualLimits,
): Overview {
  const sorted = byAge(entries);
  const newest = newestIntact(entries);
  const row = rowOf(sorted, limits, now);
  const failed = lastTest !== undefined && lastTest.outcome !== 'passed';
  const testHours = lastTest?.startedAt === undefined ? 0 : hoursBetween(lastTest.startedAt, now);
  const faults = [
    ...ahead(sorted, now),
    ...stale(sorted, newest, limits, now),
    ...wrong(sorted, now),
    ...(failed ? ['the last restore test did not pass'] : []),
    ...(!failed && testHours > limits.restoreTestHours
      ? [`no restore test has passed for ${formatHours(testHours)}`]
      : []),
    ...(lastTest?.pointFailed ? ['the last recovery to a point in time failed'] : []),
  ];
  const since = row.at(-1)?.datedAt;
  return {
    inRow: row.length,
    faults,
    ...(newest === undefined ? {} : { newestIntactAt: newest.datedAt }),
    ...(faults.length > 0 || since === undefined ? {} : { wellSince: since }),
  };
}

/** `3 archives in a row intact` */
export function inRowWords(inRow: number): string {
  return inRow === 1 ? '1 archive intact' : `${plural(inRow, 'archive')} in a row intact`;
}

/** No date that counts is later than the store's own clock: it is this machine's that lags. */
function ahead([newest]: readonly CatalogueEntry[], now: Date): string[] {
  const aheadHours = newest === undefined ? 0 : hoursBetween(now, newest.datedAt);
  if (aheadHours < clockHours) return [];
  return [
    `this machine's clock is at least ${formatHours(aheadHours)} behind: no age here is right (timedatectl)`,
  ];
}

function stale(
  sorted: readonly CatalogueEntry[],
  newest: CatalogueEntry | undefined,
  { archiveHours }: ProofLimits,
  now: Date,
): string[] {
  if (newest === undefined) {
    const isAwaited = sorted.some((entry) => entry.standing === 'unverified' && isDue(entry, now));
    const awaited = `yet: cloud or guard judge it within ${lateHours.verdict} hours, 'offsite verify latest --record' does now`;
    return [`no archive is proven intact${isAwaited ? ` ${awaited}` : ''}`];
  }
  const isFresh = hoursBetween(newest.datedAt, now) <= archiveHours;
  return isFresh ? [] : [`the newest intact archive is ${formatAge(newest.datedAt, now)} old`];
}

/** Phrases like `2 damaged: bitagent-…, bitagent-…`. */
function wrong(sorted: readonly CatalogueEntry[], now: Date): string[] {
  const found = new Map<string, string[]>();
  for (const entry of sorted) {
    if (countsAsIntact(entry.standing) || isDue(entry, now)) continue;
    found.set(entry.standing, [...(found.get(entry.standing) ?? []), entry.id.id]);
  }
  return [...found].map(([standing, ids]) => {
    const more = ids.length > 3 ? ` and ${plural(ids.length - 3, 'other')}` : '';
    return `${ids.length} ${standing}: ${ids.slice(0, 3).join(', ')}${more}`;
  });
}

/** What is still to come of a young archive. */
function isDue({ standing, datedAt }: CatalogueEntry, now: Date): boolean {
  const ageHours = hoursBetween(datedAt, now);
  if (standing === 'unverified') return ageHours < lateHours.verdict;
  return standing === 'no manifest' && ageHours < lateHours.manifest;
}

/** Intact archives from the newest on, each within a night of the next. */
function rowOf(
  sorted: readonly CatalogueEntry[],
  { archiveHours }: ProofLimits,
  now: Date,
): CatalogueEntry[] {
  const row: CatalogueEntry[] = [];
  let later = now;
  for (const entry of sorted) {
    if (isDue(entry, now)) continue;
    if (!countsAsIntact(entry.standing) || hoursBetween(entry.datedAt, later) > archiveHours) break;
    row.push(entry);
    later = entry.datedAt;
  }
  return row;
}
