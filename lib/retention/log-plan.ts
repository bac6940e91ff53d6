// Which base backups stay, and which log they need. A point of the last `keepDays` is recovered from a base backup that is older than
// it, so that one more stays than is young enough; and of the log all from the oldest that stays on, whichever timeline it is of.

import { byAge, type CatalogueEntry, countsAsIntact } from '../archive/catalogue-of.ts';
import { hoursBetween } from '../base/quantities.ts';
import type { ListedWal } from '../wal/fold.ts';
import { type Lsn, segmentAt, segmentNumber } from '../wal/segment.ts';
import type { Holds } from './hold.ts';
import { planRetention, type RetentionPlan, type RetentionPolicy } from './plan.ts';
import { planReadings, type Reading } from './readings.ts';

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

/**
 * Plans which base backups are read again: those in doubt or without a verdict, and of the others, which are few and large, none before its turn, which comes after as many nights as
 * `rereadPercent` goes into a hundred.
 *
 * @param kept - Of one source.
 */
export function planBaseReadings(
  kept: readonly CatalogueEntry[],
  rereadPercent: number,
  now: Date,
): Reading[] {
  const first = planReadings(kept, { keepDays: 0, rereadPercent: 0 }, now);
  const proven = kept.flatMap(({ id, standing, lastReadAt }) =>
    standing === 'intact' && lastReadAt ? [{ id: id.id, days: hoursBetween(lastReadAt, now) / 24 }] : [],
  );
  const due = proven
    .filter(({ days }) => days * rereadPercent >= 100)
    .sort((one, other) => other.days - one.days)
    .slice(0, Math.ceil((proven.length * rereadPercent) / 100))
    .map(({ id, days }) => ({ id, reason: `read last ${Math.round(days)} days ago` }));
  return [...first, ...due];
}

/** Where a base backup that stays begins to need the log. */
export type LogNeed = { readonly from: Lsn; readonly segmentBytes: number };

/** So long after it was stored, what was superseded is of no use to anybody who recovers just now. */
const supersededHours = 24;

/**
 * Plans which files of a cluster's log go, while they are listed: of so many, no more are remembered than there are of one segment.
 *
 * @remarks Those of a timeline go the oldest first, and of several timelines first those that the others came from: what is left of an
 *   interrupted run has no gap.
 */
export class LogSieve<File extends ListedWal> {
  readonly #needs: readonly LogNeed[];
  readonly #keepHours: number;
  readonly #now: Date;
  /** Of one segment. */
  #files: File[] = [];
  readonly #histories: File[] = [];
  #hasYoung = false;

  /**
   * @param needs - Of every base backup of this cluster that stays. Without any, the log brings nobody back, and goes by its age: the
   *   first base backup may be under way.
   */
  constructor(needs: readonly LogNeed[], { keepDays }: Pick<RetentionPolicy, 'keepDays'>, now: Date) {
    this.#needs = needs;
    this.#keepHours = keepDays * 24;
    this.#now = now;
  }

  /** @param file - In the order of the names. @returns Those of the segment before it that go. */
  next(file: File): File[] {
    this.#hasYoung ||= !this.#isOlder(file, this.#keepHours);
    if (file.kind === 'history') {
      this.#histories.push(file);
      return [];
    }
    const isSame = this.#files[0]?.name.slice(0, 24) === file.name.slice(0, 24);
    const going = isSame ? [] : this.#going();
    this.#files.push(file);
    return going;
  }

  /** To be asked for once. @returns Those of the last segment that go, and histories, which all timelines hang by, with the last of the log. */
  end(): File[] {
    const isOver = this.#needs.length === 0 && !this.#hasYoung;
    return [...this.#going(), ...(isOver ? this.#histories : [])];
  }

  #going(): File[] {
    const files = this.#files;
    this.#files = [];
    if (this.#needs.length === 0) return files.filter((file) => this.#isOlder(file, this.#keepHours));
    const isNeeded = this.#needs.some(
      ({ from, segmentBytes }) =>
        segmentNumber(files[0]?.name ?? '', segmentBytes) >= segmentAt(from, segmentBytes),
    );
    if (!isNeeded) return files;
    const isSuperseded = supersededIn(files);
    return files.filter((file) => isSuperseded(file) && this.#isOlder(file, supersededHours));
  }

  #isOlder({ storedAt }: File, hours: number): boolean {
    return hoursBetween(storedAt, this.#now) >= hours;
  }
}

/** Parts of a segment that is there whole, or of which a longer part is there. */
function supersededIn(files: readonly ListedWal[]): (file: ListedWal) => boolean {
  const isWhole = files.some(({ kind }) => kind === 'segment');
  const furthest = files.findLast(({ kind }) => kind === 'begun')?.name;
  return ({ kind, name }) =>
    (kind === 'partial' && isWhole) || (kind === 'begun' && (isWhole || name !== furthest));
}
