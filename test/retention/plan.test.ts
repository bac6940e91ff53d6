import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  byAge,
  type CatalogueEntry,
  dateOf,
  newestIntact,
  type Standing,
} from '../../lib/archive/catalogue-of.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import { placeHold } from '../../lib/retention/hold.ts';
import { planRetention, type RetentionPolicy } from '../../lib/retention/plan.ts';

const now = new Date('2026-11-23T06:00:00Z');
const policy: RetentionPolicy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };
const standings: Standing[] = [
  'intact',
  'damaged',
  'incomplete',
  'suspicious',
  'missing',
  'unverified',
  'no manifest',
];

const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);

/** As of a host whose clock was so far ahead when it was taken; what it noted is then in the manifest. */
function entry(ageHours: number, standing: Standing = 'intact', aheadHours = 0): CatalogueEntry {
  const id = archiveIdAt('bitagent', hoursAgo(ageHours - aheadHours));
  const archive = { bytes: 1, etag: 'x', storedAt: hoursAgo(ageHours) };
  const dateWords = aheadHours === 0 ? {} : { clockAheadMs: aheadHours * 3_600_000 };
  return { id, standing, ...dateOf({ id, archive, dateWords }), compressedBytes: 1 };
}

const nights = (count: number, standing: Standing = 'intact') =>
  Array.from({ length: count }, (_, night) => entry(night * 24 + 3, standing));

const anyEntries = fc.uniqueArray(
  fc.record({ age: fc.integer({ min: -100, max: 2000 }), standing: fc.constantFrom(...standings) }),
  { maxLength: 40, selector: ({ age }) => age },
);
const anyPolicy = fc.record({
  keepDays: fc.integer({ min: 1, max: 60 }),
  keepIntact: fc.integer({ min: 1, max: 5 }),
  freshnessHours: fc.integer({ min: 1, max: 100 }),
});

describe('planRetention', () => {
  it('expires the sixteenth night and says why', () => {
    const plan = planRetention('bitagent', nights(16), policy, now);
    expect(plan.standstill).toBeUndefined();
    expect(plan.expire.map(({ ageHours }) => ageHours)).toEqual([14 * 24 + 3, 15 * 24 + 3]);
    expect(plan.expire[0]?.reasons).toEqual(['older than 14 days', '3 newer intact archives stay']);
    expect(plan.keep).toHaveLength(14);
    expect(plan.keep[0]?.reasons).toEqual(['younger than 14 days', 'one of the newest 3 intact']);
  });

  it('stands still while the newest intact archive is older than the limit', () => {
    const stale = nights(20).slice(2);
    const plan = planRetention('bitagent', stale, policy, now);
    expect(plan.standstill).toBe('the newest intact archive is 2.1 days old (limit 26 h)');
    expect(plan.expire).toEqual([]);
    expect(plan.keep).toHaveLength(18);
  });

  it('is not fooled by fresh archives that are not intact', () => {
    for (const standing of standings.filter((one) => one !== 'intact')) {
      const entries = [
        ...nights(14, standing),
        entry(20 * 24),
        entry(21 * 24),
        entry(22 * 24),
        entry(23 * 24),
      ];
      expect(planRetention('bitagent', entries, policy, now).expire).toEqual([]);
    }
  });

  it('expires nothing while fewer than keepIntact intact archives would remain', () => {
    const entries = [entry(3), entry(27), entry(20 * 24, 'damaged')];
    const plan = planRetention('bitagent', entries, policy, now);
    expect(plan.standstill).toBe('only 2 intact archives would remain (at least 3 must)');
    expect(plan.expire).toEqual([]);
  });

  it('keeps old intact archives as long as there are no newer ones', () => {
    const plan = planRetention('bitagent', [entry(3), entry(400), entry(500), entry(600)], policy, now);
    expect(plan.expire.map(({ ageHours }) => ageHours)).toEqual([600]);
  });

  it('goes by the store’s date where the host’s clock was wrong, and says so', () => {
    for (const aheadHours of [-8760, -20 * 24, -3, 3, 20 * 24, 8760]) {
      const misdated = [entry(3, 'intact', aheadHours), entry(15 * 24, 'intact', aheadHours)];
      const plan = planRetention('bitagent', [...misdated, ...nights(6).slice(1)], policy, now);
      expect(plan.expire.map(({ id }) => id)).toEqual([misdated[1]?.id.id]);
      expect(plan.expire[0]?.reasons[0]).toMatch(
        /^older than 14 days by the store's clock \(the host's was .* (ahead|behind)\)$/,
      );
      expect(plan.keep[0]).toMatchObject({ id: misdated[0]?.id.id, ageHours: 3 });
    }
  });

  it('takes what is dated in the future for no fresher than it is', () => {
    const stale = [entry(500, 'intact', 1000), ...nights(20).slice(5)];
    expect(planRetention('bitagent', stale, policy, now).standstill).toContain(
      'the newest intact archive is',
    );
  });

  it('decides as if the host’s clock had been right, however wrong it was each night', () => {
    // Whole days of age, and errors that the store can tell from the time that an upload takes.
    const error = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 3, max: 9000 }),
      fc.integer({ min: -9000, max: -3 }),
    );
    const night = fc.record({
      age: fc.integer({ min: 0, max: 80 }).map((days) => days * 24 + 5),
      standing: fc.constantFrom(...standings),
      error,
    });
    const anyNights = fc.uniqueArray(night, { maxLength: 30, selector: ({ age }) => age });
    fc.assert(
      fc.property(anyNights, anyPolicy, (records, anyOf) => {
        // A key is stored once.
        fc.pre(new Set(records.map(({ age, error: ahead }) => age - ahead)).size === records.length);
        const agesOf = (list: readonly { readonly ageHours: number }[]) =>
          list.map(({ ageHours }) => ageHours);
        const [right, wrong] = [
          records.map(({ age, standing }) => entry(age, standing)),
          records.map(({ age, standing, error: ahead }) => entry(age, standing, ahead)),
        ].map((entries) => ({ entries, plan: planRetention('bitagent', entries, anyOf, now) }));
        expect(agesOf(wrong?.plan.keep ?? [])).toEqual(agesOf(right?.plan.keep ?? []));
        expect(agesOf(wrong?.plan.expire ?? [])).toEqual(agesOf(right?.plan.expire ?? []));
        expect(wrong?.plan.standstill).toBe(right?.plan.standstill);
        expect(newestIntact(wrong?.entries ?? [])?.datedAt).toEqual(
          newestIntact(right?.entries ?? [])?.datedAt,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('lets a copy from elsewhere, and an upload that took its time, keep their dates', () => {
    const id = archiveIdAt('bitagent', hoursAgo(20 * 24));
    const archive = { bytes: 1, etag: 'x', storedAt: hoursAgo(1) };
    expect(dateOf({ id, archive, dateWords: {} })).toEqual({ datedAt: id.takenAt, clockAheadMs: 0 });
    const seconds = { clockAheadMs: -90_000 };
    expect(dateOf({ id, archive, dateWords: seconds })).toEqual({ datedAt: id.takenAt, clockAheadMs: 0 });
  });

  it('says nothing of standing still when nothing is old enough to go', () => {
    expect(planRetention('bitagent', [], policy, now)).toMatchObject({ keep: [], expire: [] });
    expect(planRetention('bitagent', [entry(100)], policy, now).standstill).toBeUndefined();
  });

  it('keeps rule 5 whatever comes', () => {
    fc.assert(
      fc.property(anyEntries, anyPolicy, (records, anyOf) => {
        const entries = records.map(({ age, standing }) => entry(age, standing));
        const plan = planRetention('bitagent', entries, anyOf, now);
        const decided = [...plan.keep, ...plan.expire];
        expect(decided.map(({ id }) => id).sort()).toEqual(entries.map(({ id }) => id.id).sort());
        expect(decided.every(({ reasons }) => reasons.length > 0)).toBe(true);
        if (plan.expire.length === 0) return;
        const keptIntact = plan.keep.filter(({ standing }) => standing === 'intact');
        expect(keptIntact.length).toBeGreaterThanOrEqual(anyOf.keepIntact);
        expect(Math.min(...keptIntact.map(({ ageHours }) => Math.max(ageHours, 0)))).toBeLessThanOrEqual(
          anyOf.freshnessHours,
        );
        expect(plan.expire.every(({ ageHours }) => ageHours >= anyOf.keepDays * 24)).toBe(true);
        // No expired intact archive is newer than a kept one that only its rank protects.
        const expiredIntact = plan.expire.filter(({ standing }) => standing === 'intact');
        const oldestKept = Math.max(...keptIntact.map(({ ageHours }) => ageHours));
        expect(expiredIntact.every(({ ageHours }) => ageHours > oldestKept)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('decides the same where verdicts older than the newest intact ones were left unread', () => {
    fc.assert(
      fc.property(anyEntries, anyPolicy, (records, anyOf) => {
        const entries = records.map(({ age, standing }) => entry(age, standing));
        let intact = 0;
        const partly = byAge(entries).map((one) => {
          const isRead = intact < anyOf.keepIntact;
          if (one.standing === 'intact') intact += 1;
          const hasVerdict = one.standing !== 'no manifest' && one.standing !== 'unverified';
          return isRead || !hasVerdict ? one : { ...one, standing: 'verdict not read' as const };
        });
        const [whole, less] = [entries, partly].map((list) => planRetention('bitagent', list, anyOf, now));
        expect(less?.standstill).toEqual(whole?.standstill);
        expect(less?.expire.map(({ id }) => id)).toEqual(whole?.expire.map(({ id }) => id));
        expect(less?.keep.map(({ id, reasons }) => [id, reasons])).toEqual(
          whole?.keep.map(({ id, reasons }) => [id, reasons]),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same plan again once it was carried out: nothing more to expire', () => {
    fc.assert(
      fc.property(anyEntries, anyPolicy, (records, anyOf) => {
        const entries = records.map(({ age, standing }) => entry(age, standing));
        const first = planRetention('bitagent', entries, anyOf, now);
        const left = entries.filter(({ id }) => first.keep.some((kept) => kept.id === id.id));
        expect(planRetention('bitagent', left, anyOf, now).expire).toEqual([]);
      }),
    );
  });

  it('leaves what is held, says until when, and takes it when the hold has ended', () => {
    const entries = [...nights(16), entry(20 * 24)];
    const { id } = entry(20 * 24).id;
    const until = (hours: number) => placeHold(id, 1, new Date(now.getTime() + (hours - 24) * 3_600_000));
    const kept = planRetention('bitagent', entries, policy, now, new Map([[id, until(1)]]));
    expect(kept.expire).toHaveLength(2);
    expect(kept.keep.find((one) => one.id === id)?.reasons).toEqual(['held until 2026-11-23 07:00 UTC']);
    const ended = planRetention('bitagent', entries, policy, now, new Map([[id, until(0)]]));
    expect(ended.expire.map((one) => one.id)).toContain(id);
    const unreadable = planRetention('bitagent', entries, policy, now, new Map([[id, undefined]]));
    expect(unreadable.expire).toHaveLength(2);
  });

  it('expires with holds what it expires without, but for what is held', () => {
    fc.assert(
      fc.property(
        anyEntries,
        anyPolicy,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: -10, max: 10 }))),
        (records, anyOf, picks) => {
          const entries = records.map(({ age, standing }) => entry(age, standing));
          const holds = new Map(
            picks.flatMap(([pick, hours]) => {
              const id = entries[pick % Math.max(entries.length, 1)]?.id.id;
              const placedAt = new Date(now.getTime() + (hours - 24) * 3_600_000);
              return id === undefined ? [] : [[id, placeHold(id, 1, placedAt)] as const];
            }),
          );
          const isHeld = (id: string) => new Date(holds.get(id)?.until ?? 0) > now;
          const without = planRetention('bitagent', entries, anyOf, now);
          const plan = planRetention('bitagent', entries, anyOf, now, holds);
          expect(plan.expire).toEqual(without.expire.filter(({ id }) => !isHeld(id)));
          const held = plan.keep.filter(({ id }) => isHeld(id));
          expect(held).toHaveLength(entries.filter(({ id }) => isHeld(id.id)).length);
        },
      ),
    );
  });
});
