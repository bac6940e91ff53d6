// Which base backups stay, and which log they need. A point of the last `keepDays` is recovered from a base backup that is older than
// it, so that one more stays than is young enough; and of the log all from the oldest that stays on, whichever timeline it is of.

import { byAge, type CatalogueEntry, countsAsIntact } from '../archive/catalogue-of.ts';
import { hoursBetween } from '../base/quantities.ts';
import type { ListedWal } from '../wal/continuity.ts';
import { type Lsn, segmentAt, segmentNumber } from '../wal/segment.ts';
import type { Holds } from './hold.ts';
import { planRetention, type RetentionPlan, type RetentionPolicy } from './plan.ts';

/** Whatever their age: of archives there are more, for each needs nothing but itself. */
const keptIntact = 2;

/** Plans retention of a source's base backups. @returns As {@link planRetention}. */
export function planBaseBackups(
  source: string,
  entries: readonly CatalogueEntry[],
  policy: RetentionPolicy,
  now: Date,
  holds: Holds = new Map(),
): RetentionPlan {
  const { keepDays } = policy;
  const oldEnough = byAge(entries).find(
    ({ standing, datedAt }) => countsAsIntact(standing) && hoursBetween(datedAt, now) >= keepDays * 24,
  );
  const needed = new Map(
    oldEnough && [[oldEnough.id.id, `what was recovered ${keepDays} days ago begins with it`]],
  );
  const rules = {
    keepDays,
    keepIntact: Math.min(policy.keepIntact, keptIntact),
    // They are taken weekly or seldomer: only a silence as long as their days makes retention stand still.
    freshnessHours: Math.max(policy.freshnessHours, keepDays * 24),
    ...(policy.atOnce && { atOnce: true }),
  };
  return planRetention(source, entries, rules, now, holds, needed);
}

/** Where a base backup that stays begins to need the log. */
export type LogNeed = { readonly from: Lsn; readonly segmentBytes: number };

/** So long after it was stored, what was superseded is of no use to anybody who recovers just now. */
const supersededHours = 24;

/**
 * Plans which files of a cluster's log go.
 *
 * @param files - All of them.
 * @param needs - Of every base backup of this cluster that stays. Without any, the log brings nobody back, and goes by its age: the
 *   first base backup may be under way.
 * @returns Those that go, in the order in which they are to be deleted: the oldest first, so that what is left of an interrupted run
 *   has no gap.
 */
export function planLog<File extends ListedWal>(
  files: readonly File[],
  needs: readonly LogNeed[],
  { keepDays }: Pick<RetentionPolicy, 'keepDays'>,
  now: Date,
): File[] {
  const isOlder = ({ storedAt }: File, hours: number) => hoursBetween(storedAt, now) >= hours;
  if (needs.length === 0) {
    // Histories are what all timelines hang by: they go with the last of the log.
    const young = files.some((file) => !isOlder(file, keepDays * 24));
    return inOrder(
      files.filter((file) => isOlder(file, keepDays * 24) && !(young && file.kind === 'history')),
    );
  }
  const isSuperseded = supersededIn(files);
  return inOrder(
    files.filter((file) => {
      if (file.kind === 'history') return false;
      if (isSuperseded(file) && isOlder(file, supersededHours)) return true;
      return needs.every(
        ({ from, segmentBytes }) => segmentNumber(file.name, segmentBytes) < segmentAt(from, segmentBytes),
      );
    }),
  );
}

/** Parts of a segment that is there whole, or of which a longer part is there. */
function supersededIn(files: readonly ListedWal[]): (file: ListedWal) => boolean {
  const whole = new Set(files.filter(({ kind }) => kind === 'segment').map(({ name }) => name));
  const furthest = new Map<string, string>();
  for (const { kind, name } of files) {
    if (kind === 'begun' && name > (furthest.get(segmentOf(name)) ?? '')) furthest.set(segmentOf(name), name);
  }
  return ({ kind, name }) =>
    (kind === 'partial' && whole.has(segmentOf(name))) ||
    (kind === 'begun' && (whole.has(segmentOf(name)) || name !== furthest.get(segmentOf(name))));
}

function segmentOf(name: string): string {
  return name.slice(0, name.indexOf('.'));
}

/** By their place in the log, whatever their timelines; histories last. */
function inOrder<File extends ListedWal>(files: readonly File[]): File[] {
  const place = ({ kind, name }: File) => (kind === 'history' ? `~${name}` : name.slice(8));
  return files.toSorted((one, other) => (place(one) < place(other) ? -1 : 1));
}
