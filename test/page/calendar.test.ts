// The calendar, and what is measured of nights: pure, and by the day.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarOf } from '../../lib/page/calendar.ts';
import { longestGap, nightsOf } from '../../lib/page/measures.ts';
import type { NightPoint } from '../../lib/report/history.ts';
import { planRetention } from '../../lib/retention/plan.ts';
import { parseStoredPlan, remember, serializePlan } from '../../lib/retention/stored-plan.ts';
import { entryOf, nightsUntil, settled, viewOf } from '../fixtures/reports.ts';

const now = new Date('2026-11-23T06:00:00Z');
const tonight = new Date('2026-11-23T03:15:00Z');
const dayMs = 86_400_000;
const ever = new Date(0);
const statesOn = (nights: NightPoint[], day: string, since: Date | undefined = ever, at = now) =>
  calendarOf(nights, since, at).find((one) => one.day === day)?.states;

describe('the calendar', () => {
  it('has a state for each verdict, and several for several archives of a night, the gravest first', () => {
    const nights = nightsUntil(tonight, 9, {
      ...{ 0: 'accepted', 1: 'suspicious', 2: 'damaged', 3: 'incomplete', 4: 'missing' },
      ...{ 5: 'unverified', 6: 'no manifest', 7: 'verdict not read' },
    });
    const states = calendarOf(nights, ever, now).map((one) => one.states);
    const unproven = [['unproven'], ['unproven'], ['unproven']];
    expect(states).toEqual([
      ...[['intact'], ...unproven],
      ...[['missing'], ['damaged'], ['damaged'], ['suspicious'], ['intact']],
    ]);
    const again = nightsUntil(new Date('2026-11-23T05:00:00Z'), 1, { 0: 'damaged' });
    expect(statesOn([...nights, ...again], '2026-11-23')).toEqual(['damaged', 'intact']);
  });

  it('misses a night without an archive, but not today\u2019s, nor where retention may have taken it', () => {
    const nights = nightsUntil(tonight, 20).filter((_, index) => ![5, 12, 19].includes(index));
    expect(statesOn(nights, '2026-11-16')).toEqual(['missing']);
    expect(statesOn(nights, '2026-11-23')).toEqual([]);
    expect(statesOn(nights, '2026-11-09')).toEqual(['missing']);
    expect(statesOn(nights, '2026-11-09', new Date('2026-11-12T06:00:00Z'))).toEqual([]);
    expect(calendarOf(nights, undefined, now).filter(({ states }) => states[0] === 'missing')).toEqual([]);
    expect(calendarOf([], ever, now)).toEqual([]);
  });

  it('is whole and two years long at most, whatever the clocks say', () => {
    const at = fc.integer({ min: -900, max: 3 }).map((days) => new Date(tonight.getTime() + days * dayMs));
    const night = at.map((takenAt) => ({ ...(nightsUntil(takenAt, 1)[0] as NightPoint) }));
    fc.assert(
      fc.property(fc.array(night, { maxLength: 30 }), (nights) => {
        const days = calendarOf(nights, ever, now);
        expect(days.length).toBeLessThanOrEqual(731);
        for (const [index, { day }] of days.entries())
          if (index > 0) expect(Date.parse(day) - Date.parse(days[index - 1]?.day ?? '')).toBe(dayMs);
        const shown = new Set(days.filter(({ states }) => states.includes('intact')).map(({ day }) => day));
        const newest = nights.filter(({ takenAt }) => now.getTime() - takenAt.getTime() < 700 * dayMs);
        for (const { takenAt } of newest) expect(shown).toContain(takenAt.toISOString().slice(0, 10));
      }),
      { numRuns: 30 },
    );
  });
});

describe('what would be lost', () => {
  it('is the longest time between two proven archives, the one that goes on among them', () => {
    const nights = nightsUntil(tonight, 10, { 3: 'damaged', 4: 'suspicious' });
    const gap = longestGap(nights, ever, now);
    expect(gap).toEqual({ from: nights[4]?.takenAt, to: nights[7]?.takenAt });
    const late = new Date(now.getTime() + 5 * dayMs);
    expect(longestGap(nights, ever, late)).toEqual({ from: tonight, to: late });
    // Where retention took nights, only the time since the newest is known.
    expect(longestGap(nights, undefined, now)).toEqual({ from: tonight, to: now });
    expect(longestGap([], ever, now)).toBeUndefined();
  });
});

describe('what retention remembers', () => {
  const policy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };
  /** As each morning's run finds it. */
  function live(days: number, from: Date) {
    let nights: NightPoint[] = [];
    let before: ReturnType<typeof parseStoredPlan>;
    for (let day = 0; day < days; day += 1) {
      const at = new Date(from.getTime() + day * dayMs);
      nights = [...nights, ...nightsUntil(new Date(at.getTime() - 3 * 3_600_000), 1)];
      const entries = nights.map(entryOf);
      const plan = planRetention('bitagent', entries, policy, at);
      before = parseStoredPlan(serializePlan(plan, [], remember(before, entries, plan, policy)));
      const kept = new Set(plan.keep.map(({ id }) => id));
      nights = nights.filter(({ archiveId }) => kept.has(archiveId));
    }
    if (before === undefined) throw new Error('the plan cannot be read');
    return { plan: before, entries: nights.map(entryOf) };
  }

  it('is every night, with its figures, once each', () => {
    const { plan, entries } = live(50, new Date(now.getTime() - 49 * dayMs));
    expect(entries).toHaveLength(14);
    const nights = nightsOf(viewOf(settled, { plan, entries }));
    expect(nights.filter(({ isGone }) => isGone)).toHaveLength(36);
    expect(nights[0]).toMatchObject({ verdict: 'intact', rows: expect.any(Number), isGone: true });
    const days = calendarOf(nights, new Date(plan.rememberedSince ?? 0), now);
    expect(days.map(({ states }) => states)).toEqual(Array(50).fill(['intact']));
    // Brought back: it is there, and not twice.
    const back = entryOf({ ...(nights[30] as NightPoint) });
    const again = nightsOf(viewOf(settled, { plan, entries: [...entries, back] }));
    expect(again).toHaveLength(nights.length);
    expect(again[30]?.isGone).toBeUndefined();
  });

  it('is two years of them', () => {
    const { plan } = live(1, now);
    const past = nightsUntil(tonight, 800).map((night) => ({
      ...night,
      takenAt: night.takenAt.toISOString(),
    }));
    const next = planRetention('bitagent', [], policy, now);
    const kept = remember({ ...plan, past }, [], next, policy).past;
    expect(kept).toHaveLength(731);
    expect(kept.at(-1)?.takenAt).toBe(tonight.toISOString());
  });

  it('is nothing in a plan of an earlier version, which is still one', () => {
    const text = '{"format":1,"decidedAt":"2026-11-23T06:00:00.000Z","keep":[],"expire":[]}';
    expect(parseStoredPlan(text)).toMatchObject({ past: [], expire: [] });
  });
});
