// Which archives stay and which go: decided purely, with reasons; executed elsewhere, dumbly. Retention would rather
// keep too much: it stands still whenever the newest proof is old or too few proven archives would remain, and after a
// silence it takes a night at a time, so that one good night is no licence to take all nights before it.

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
import { type KeptPeriods, reasonsOfPeriods } from './periods.ts';

export type RetentionPolicy = KeptPeriods & {
  readonly keepDays: number;
  /** Intact archives that stay whatever their age; nothing goes while fewer would remain. */
  readonly keepIntact: number;
  /** Nothing goes while the newest intact archive is older. */
  readonly freshnessHours: number;
  /** The operator's word that one run may take all that is not kept, however many nights' worth that is. */
  readonly atOnce?: boolean;
};

export type Decision = {
  readonly id: string;
  readonly standing: Standing;
  readonly ageHours: number;
  readonly reasons: readonly string[];
  /** Kept for more than its days, which is as long as its lock lasts by itself. */
  readonly staysLonger?: true;
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
 * @param entries - All of the source's, with every verdict that there is.
 * @param holds - What the operator brought back and wants to keep for a while; a hold keeps its archive and changes
 *   nothing for any other.
 * @param needed - Why others stay besides, by their ids.
 * @returns Every entry once, in `keep` or in `expire`, newest first, each with its reasons.
 */
export function planRetention(
  source: string,
  entries: readonly CatalogueEntry[],
  policy: RetentionPolicy,
  now: Date,
  holds: Holds = new Map(),
  needed: ReadonlyMap<string, string> = new Map(),
): RetentionPlan {
  const newestFirst = byAge(entries);
  const intact = newestFirst.filter(({ standing }) => countsAsIntact(standing));
  const ofPeriods = reasonsOfPeriods(intact, policy);
  const protectedIds = new Set(intact.slice(0, policy.keepIntact).map(({ id }) => id.id));
  const decisions = newestFirst.map((entry) => {
    const days = reasonOfDays(entry, policy, now);
    const others = [
      ...(protectedIds.has(entry.id.id) ? [`one of the newest ${policy.keepIntact} intact`] : []),
      ...(ofPeriods.get(entry.id.id) ?? []),
      ...[needed.get(entry.id.id) ?? []].flat(),
      ...reasonsOfHold(entry, holds, now),
      ...(entry.isInDoubt ? ['its proof is in doubt: it is read again first'] : []),
    ];
    return { entry, days, others };
  });
  const unwanted = decisions.filter(({ days, others }) => [...days, ...others].length === 0);
  const going = policy.atOnce ? unwanted : takenByOneRun(unwanted, intact, policy);
  const remaining = intact.length - going.filter(({ entry }) => countsAsIntact(entry.standing)).length;
  const standstill = going.length > 0 ? reasonToStandStill(entries, remaining, policy, now) : undefined;
  const expire = new Set(standstill === undefined ? going : []);
  const decide = ({ entry }: (typeof decisions)[number], reasons: readonly string[]): Decision => ({
    id: entry.id.id,
    standing: entry.standing,
    ageHours: hoursBetween(entry.datedAt, now),
    reasons,
  });
  const keep = (one: (typeof decisions)[number]): Decision => {
    const others = [...one.others];
    if (one.days.length + others.length === 0)
      others.push(going.includes(one) ? 'retention stands still' : reasonToWait(one.entry, policy));
    return { ...decide(one, [...one.days, ...others]), ...(others.length > 0 && { staysLonger: true }) };
  };
  return {
    source,
    decidedAt: now.toISOString(),
    ...(standstill === undefined ? {} : { standstill }),
    keep: decisions.filter((one) => !expire.has(one)).map(keep),
    expire: [...expire].map((one) => decide(one, reasonsToExpire(one.entry, policy))),
  };
}

/** Those of the source's archives that a plan keeps. */
export function keptOf(plan: RetentionPlan, entries: readonly CatalogueEntry[]): CatalogueEntry[] {
  const kept = new Set(plan.keep.map(({ id }) => id));
  return entries.filter(({ id }) => kept.has(id.id));
}

/**
 * What one run may take: all that nightly back-ups would have let go by now, which is what has `keepDays` newer nights
 * with an intact archive. If there is no such archive, the oldest night's.
 */
function takenByOneRun<One extends { readonly entry: CatalogueEntry }>(
  unwanted: readonly One[],
  intact: readonly CatalogueEntry[],
  { keepDays }: RetentionPolicy,
): readonly One[] {
  const nights = [...new Set(intact.map(nightOf))].sort().reverse();
  const lastNight = nights[keepDays - 1] ?? '';
  const replaced = unwanted.filter(({ entry }) => nightOf(entry) < lastNight);
  if (replaced.length > 0) return replaced;
  const oldest = unwanted.at(-1)?.entry;
  return unwanted.filter(({ entry }) => oldest !== undefined && nightOf(entry) === nightOf(oldest));
}

/** The day, in UTC, that an archive counts for. */
function nightOf({ datedAt }: CatalogueEntry): string {
  return datedAt.toISOString().slice(0, 10);
}

function reasonToWait(entry: CatalogueEntry, { keepDays }: RetentionPolicy): string {
  return `older than ${keepDays} days${byWhoseClock(entry)}, and goes in a later run: one takes a night's worth, while there are fewer than ${keepDays} newer nights`;
}

function reasonOfDays(entry: CatalogueEntry, { keepDays }: RetentionPolicy, now: Date): string[] {
  const isYoung = hoursBetween(entry.datedAt, now) < keepDays * 24;
  return isYoung ? [`younger than ${keepDays} days${byWhoseClock(entry)}`] : [];
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
  reasons.push(countsAsIntact(standing) ? `${keepIntact} newer intact archives stay` : standing);
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
