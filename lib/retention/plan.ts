// Which archives stay and which go: decided purely, with reasons; executed elsewhere, dumbly. Retention would rather
// keep too much: it stands still whenever the newest proof is old or too few proven archives would remain.

import {
  byAge,
  type CatalogueEntry,
  countsAsIntact,
  describeClock,
  newestIntact,
  type Standing,
} from '../archive/catalogue-of.ts';
import { formatHours, formatInstant, hoursBetween } from '../base/quantities.ts';
import type { Holds } from './hold.ts';

export type RetentionPolicy = {
  readonly keepDays: number;
  /** Intact archives that stay whatever their age; nothing goes while fewer would remain. */
  readonly keepIntact: number;
  /** Nothing goes while the newest intact archive is older. */
  readonly freshnessHours: number;
};

export type Decision = {
  readonly id: string;
  readonly standing: Standing;
  readonly ageHours: number;
  readonly reasons: readonly string[];
};

export type RetentionPlan = {
  readonly source: string;
  readonly decidedAt: string;
  /** Why retention stands still although something is old enough to go. */
  readonly standstill?: string;
  readonly keep: readonly Decision[];
  readonly expire: readonly Decision[];
};

/**
 * Plans retention for one source.
 *
 * @param entries - All of the source's. Verdicts older than those of its newest `keepIntact` intact archives may be left
 *   unread: they decide nothing.
 * @param holds - What the operator brought back and wants to keep for a while; a hold keeps its archive and changes
 *   nothing for any other.
 * @returns Every entry once, in `keep` or in `expire`, newest first, each with its reasons.
 */
export function planRetention(
  source: string,
  entries: readonly CatalogueEntry[],
  policy: RetentionPolicy,
  now: Date,
  holds: Holds = new Map(),
): RetentionPlan {
  const newestFirst = byAge(entries);
  const intact = newestFirst.filter(({ standing }) => countsAsIntact(standing));
  const protectedIds = new Set(intact.slice(0, policy.keepIntact).map(({ id }) => id.id));
  const decisions = newestFirst.map((entry) => ({
    entry,
    keepReasons: [...reasonsToKeep(entry, policy, protectedIds, now), ...reasonsOfHold(entry, holds, now)],
  }));
  const candidates = decisions.filter(({ keepReasons }) => keepReasons.length === 0);
  const candidateIds = new Set(candidates.map(({ entry }) => entry.id.id));
  const remaining = intact.filter(({ id }) => !candidateIds.has(id.id)).length;
  const standstill = candidates.length > 0 ? reasonToStandStill(entries, remaining, policy, now) : undefined;
  const decide = ({ entry }: (typeof decisions)[number], reasons: readonly string[]): Decision => ({
    id: entry.id.id,
    standing: entry.standing,
    ageHours: hoursBetween(entry.datedAt, now),
    reasons,
  });
  const kept =
    standstill === undefined ? decisions.filter(({ keepReasons }) => keepReasons.length > 0) : decisions;
  return {
    source,
    decidedAt: now.toISOString(),
    ...(standstill === undefined ? {} : { standstill }),
    keep: kept.map((one) =>
      decide(one, one.keepReasons.length > 0 ? one.keepReasons : ['retention stands still']),
    ),
    expire:
      standstill === undefined
        ? candidates.map((one) => decide(one, reasonsToExpire(one.entry, policy)))
        : [],
  };
}

function reasonsToKeep(
  entry: CatalogueEntry,
  { keepDays, keepIntact }: RetentionPolicy,
  protectedIds: ReadonlySet<string>,
  now: Date,
): string[] {
  const { id, datedAt } = entry;
  const reasons: string[] = [];
  if (hoursBetween(datedAt, now) < keepDays * 24)
    reasons.push(`younger than ${keepDays} days${byWhoseClock(entry)}`);
  if (protectedIds.has(id.id)) reasons.push(`one of the newest ${keepIntact} intact`);
  return reasons;
}

function byWhoseClock({ clockAheadMs }: CatalogueEntry): string {
  return clockAheadMs === 0 ? '' : ` by the store's clock (the host's was ${describeClock(clockAheadMs)})`;
}

function reasonsOfHold({ id }: CatalogueEntry, holds: Holds, now: Date): string[] {
  if (!holds.has(id.id)) return [];
  const hold = holds.get(id.id);
  if (hold === undefined) return ['held: nobody can read until when'];
  const until = new Date(hold.until);
  return until > now ? [`held until ${formatInstant(until)}`] : [];
}

function reasonsToExpire(entry: CatalogueEntry, { keepDays, keepIntact }: RetentionPolicy): string[] {
  const { standing } = entry;
  const reasons = [`older than ${keepDays} days${byWhoseClock(entry)}`];
  // A verdict is left unread only when so many newer ones say intact.
  const isOutnumbered = countsAsIntact(standing) || standing === 'verdict not read';
  reasons.push(isOutnumbered ? `${keepIntact} newer intact archives stay` : standing);
  return reasons;
}

function reasonToStandStill(
  entries: readonly CatalogueEntry[],
  remaining: number,
  { freshnessHours, keepIntact }: RetentionPolicy,
  now: Date,
): string | undefined {
  const newest = newestIntact(entries);
  if (newest === undefined) return 'there is no intact archive';
  const ageHours = hoursBetween(newest.datedAt, now);
  if (ageHours > freshnessHours) {
    return `the newest intact archive is ${formatHours(ageHours)} old (limit ${formatHours(freshnessHours)})`;
  }
  if (remaining < keepIntact)
    return `only ${remaining} intact archives would remain (at least ${keepIntact} must)`;
  return undefined;
}
