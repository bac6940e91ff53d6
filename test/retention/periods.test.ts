import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CatalogueEntry } from '../../lib/archive/catalogue-of.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import { isoWeek, keptBeyondDays, reasonsOfPeriods } from '../../lib/retention/periods.ts';
import { planRetention } from '../../lib/retention/plan.ts';

const dayMs = 86_400_000;
const entryAt = (at: Date, standing: CatalogueEntry['standing'] = 'intact'): CatalogueEntry => {
  const id = archiveIdAt('bitagent', at);
  return { id, standing, datedAt: id.takenAt, clockAheadMs: 0, compressedBytes: 1 };
};
const nightsUntil = (now: Date, count: number) =>
  Array.from({ length: count }, (_, night) => entryAt(new Date(now.getTime() - night * dayMs - 3_600_000)));
const policy = { keepDays: 14, keepIntact: 7, freshnessHours: 26, atOnce: true };

describe('isoWeek', () => {
  it.each([
    ['2026-01-01', '2026-W01'],
    ['2025-12-29', '2026-W01'],
    ['2027-01-03', '2026-W53'],
    ['2027-01-04', '2027-W01'],
    ['2024-12-29', '2024-W52'],
    ['1970-01-01', '1970-W01'],
  ])('%s is in %s', (day, week) => {
    expect(isoWeek(new Date(`${day}T00:00:00Z`))).toBe(week);
    expect(isoWeek(new Date(`${day}T23:59:59Z`))).toBe(week);
  });

  it('changes on Mondays only', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40_000 }), (day) => {
        const at = new Date(day * dayMs);
        const isMonday = at.getUTCDay() === 1;
        expect(isoWeek(at) !== isoWeek(new Date(at.getTime() - 1))).toBe(isMonday);
      }),
    );
  });
});

describe('weeks, months and years', () => {
  const now = new Date('2026-11-25T06:00:00Z');

  it('keep nothing by default', () => {
    expect(planRetention('bitagent', nightsUntil(now, 100), policy, now).keep).toHaveLength(14);
  });

  it('keep the newest intact archive of each, and say for what', () => {
    const entries = nightsUntil(now, 800).map((entry) =>
      // The last of October is damaged: that of the day before stays for it.
      entry.id.id.includes('2026-10-31') ? { ...entry, standing: 'damaged' as const } : entry,
    );
    const gfs = { ...policy, keepWeekly: 4, keepMonthly: 3, keepYearly: 2 };
    const { keep, expire } = planRetention('bitagent', entries, gfs, now);
    const beyond = keep.slice(14).map(({ id, reasons }) => [id.slice(9, 19), ...reasons]);
    expect(beyond).toEqual([
      ['2026-11-08', 'newest of week 2026-W45'],
      ['2026-10-30', 'newest of month 2026-10'],
      ['2026-09-30', 'newest of month 2026-09'],
      ['2025-12-31', 'newest of year 2025'],
    ]);
    expect(keep[0]?.reasons).toEqual([
      'younger than 14 days',
      'one of the newest 7 intact',
      'newest of week 2026-W48',
      'newest of month 2026-11',
      'newest of year 2026',
    ]);
    expect(keep.filter(({ staysLonger }) => staysLonger).map(({ id }) => id)).toEqual(
      keep
        .filter(({ reasons }) => reasons.length > 1 || !reasons[0]?.startsWith('younger'))
        .map(({ id }) => id),
    );
    expect(expire).toHaveLength(800 - 18);
  });

  it('count no week without an archive: a silence uses none up', () => {
    const old = nightsUntil(new Date('2024-06-30T06:00:00Z'), 60);
    const entries = [...nightsUntil(now, 3), ...old];
    const reasons = reasonsOfPeriods(entries, { keepWeekly: 3, keepMonthly: 2 });
    expect([...reasons.values()].flat()).toEqual([
      'newest of week 2026-W48',
      'newest of month 2026-11',
      'newest of week 2024-W26',
      'newest of month 2024-06',
      'newest of week 2024-W25',
    ]);
  });

  it('hold on to what was kept: what stays for a period goes only when enough newer periods have one', () => {
    const counts = fc.record({
      keepWeekly: fc.integer({ min: 0, max: 6 }),
      keepMonthly: fc.integer({ min: 0, max: 4 }),
      keepYearly: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(
        counts,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 400 }),
        (gfs, keepDays, from) => {
          // Retention runs each night on what it left; at the end there is what it would have kept of all nights.
          const began = Date.UTC(2024, 0, 1) + from * dayMs;
          const anyOf = { ...policy, ...gfs, keepDays, keepIntact: 1 };
          let held: CatalogueEntry[] = [];
          const all: CatalogueEntry[] = [];
          let last = new Date(began);
          for (let night = 0; night < 120; night += 1) {
            last = new Date(began + night * dayMs);
            const tonight = entryAt(new Date(last.getTime() - 3_600_000));
            held.push(tonight);
            all.push(tonight);
            const gone = new Set(planRetention('bitagent', held, anyOf, last).expire.map(({ id }) => id));
            held = held.filter(({ id }) => !gone.has(id.id));
          }
          const wanted = planRetention('bitagent', all, anyOf, last).keep.map(({ id }) => id);
          expect(held.map(({ id }) => id.id).reverse()).toEqual(wanted);
        },
      ),
      { numRuns: 8 },
    );
  });

  it('are counted for the estimate as they stay', () => {
    expect(keptBeyondDays(14, {})).toEqual([]);
    expect(keptBeyondDays(14, { keepWeekly: 2 })).toEqual([]);
    const ages = keptBeyondDays(14, { keepWeekly: 8, keepMonthly: 12, keepYearly: 3 });
    expect(ages.length).toBeGreaterThan(12);
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(14);
    expect(Math.max(...ages)).toBeGreaterThan(365);
    expect(keptBeyondDays(400, { keepMonthly: 12 })).toEqual([]);
  });
});
