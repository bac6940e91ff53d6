// Grandfather, father, son: besides the nights, the newest intact archive of each of the last weeks, months and years. All
// in UTC, so that no clock change moves an archive from one to another; weeks are those of ISO 8601, from Monday on.

import type { CatalogueEntry } from '../archive/catalogue-of.ts';

/** Of how many periods the newest intact archive stays; 0, the default, of none. */
export type KeptPeriods = {
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
};

const dayMs = 86_400_000;

/**
 * Finds what stays for its week, month or year.
 *
 * @param intact - Newest first. A period without any counts for nothing: a silence uses none up.
 * @returns The reasons by archive id: `newest of week 2026-W47`.
 */
export function reasonsOfPeriods(
  intact: readonly Pick<CatalogueEntry, 'id' | 'datedAt'>[],
  { keepWeekly = 0, keepMonthly = 0, keepYearly = 0 }: KeptPeriods,
): Map<string, string[]> {
  const reasons = new Map<string, string[]>();
  const rules = [
    ['week', keepWeekly, isoWeek],
    ['month', keepMonthly, (at: Date) => at.toISOString().slice(0, 7)],
    ['year', keepYearly, (at: Date) => at.toISOString().slice(0, 4)],
  ] as const;
  for (const [name, count, periodOf] of rules) {
    const seen = new Set<string>();
    for (const { id, datedAt } of intact) {
      const period = periodOf(datedAt);
      if (seen.has(period)) continue;
      if (seen.size === count) break;
      seen.add(period);
      reasons.set(id.id, [...(reasons.get(id.id) ?? []), `newest of ${name} ${period}`]);
    }
  }
  return reasons;
}

/** `2026-W53`: a week belongs to the year that its Thursday is in. */
export function isoWeek(at: Date): string {
  const day = Math.floor(at.getTime() / dayMs);
  // 1 January 1970, day 0, was a Thursday.
  const thursday = day - ((day + 3) % 7) + 3;
  const year = new Date(thursday * dayMs).getUTCFullYear();
  const week = Math.floor((thursday - Date.UTC(year, 0, 1) / dayMs) / 7) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}

/**
 * Which archives stay for their period once their days are over, however long it goes on; several a day count as one.
 *
 * @returns The age of each, in days.
 */
export function keptBeyondDays(keepDays: number, periods: KeptPeriods): number[] {
  const { keepWeekly = 0, keepMonthly = 0, keepYearly = 0 } = periods;
  // As of a year's first day, when the fewest coincide.
  const from = Date.UTC(2032, 0, 1);
  const nights = Math.max(7 * keepWeekly + 7, 31 * keepMonthly + 31, 366 * keepYearly + 366);
  const intact = Array.from({ length: nights }, (_, night) => ({
    id: { id: String(night), source: '', takenAt: new Date(0) },
    datedAt: new Date(from - night * dayMs),
  }));
  return [...reasonsOfPeriods(intact, periods).keys()].map(Number).filter((age) => age >= keepDays);
}
