import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CatalogueEntry, dateOf, newestIntact, type Standing } from '../../lib/archive/catalogue-of.ts';
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

  it('ends where the operator’s word would have led at once, run by run, and takes nothing more then', () => {
    fc.assert(
      fc.property(anyEntries, anyPolicy, (records, anyOf) => {
        const entries = records.map(({ age, standing }) => entry(age, standing));
        const wanted = planRetention('bitagent', entries, { ...anyOf, atOnce: true }, now);
        let left = entries;
        for (let runs = 0; runs <= entries.length; runs += 1) {
          const { keep, expire } = planRetention('bitagent', left, anyOf, now);
          if (expire.length === 0) break;
          // The oldest go first: none that waits is older than one that goes.
          const oldestLeft = Math.max(
            ...keep
              .filter(({ reasons }) => reasons[0]?.includes('later run'))
              .map(({ ageHours }) => ageHours),
          );
          expect(expire.every(({ ageHours }) => ageHours > oldestLeft)).toBe(true);
          left = left.filter(({ id }) => keep.some((kept) => kept.id === id.id));
        }
        expect(left.map(({ id }) => id.id).sort()).toEqual(wanted.keep.map(({ id }) => id).sort());
        expect(planRetention('bitagent', left, anyOf, now).expire).toEqual([]);
      }),
      { numRuns: 300 },
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
          const without = planRetention('bitagent', entries, { ...anyOf, atOnce: true }, now);
          const plan = planRetention('bitagent', entries, { ...anyOf, atOnce: true }, now, holds);
          expect(plan.expire).toEqual(without.expire.filter(({ id }) => !isHeld(id)));
          const held = plan.keep.filter(({ id }) => isHeld(id));
          expect(held).toHaveLength(entries.filter(({ id }) => isHeld(id.id)).length);
        },
      ),
    );
  });
});

/** What the vault holds, night by night, with a back-up and a run of retention on each that is not silent. */
function liveThrough(nightsWithBackup: readonly boolean[], anyOf: RetentionPolicy) {
  let held: CatalogueEntry[] = [];
  const taken: { readonly expired: number; readonly intactLeft: number; readonly replaced: number }[] = [];
  const last = nightsWithBackup.length - 1;
  nightsWithBackup.forEach((hasBackup, night) => {
    const at = hoursAgo((last - night) * 24);
    if (hasBackup) held.push(entry((last - night) * 24 + 3));
    const { expire } = planRetention('bitagent', held, anyOf, at);
    const gone = new Set(expire.map(({ id }) => id));
    const replaced = Math.max(0, held.length - anyOf.keepDays);
    held = held.filter(({ id }) => !gone.has(id.id));
    taken.push({ expired: gone.size, intactLeft: held.length, replaced });
  });
  return { held, taken };
}

describe('the first good night after a silence', () => {
  const usual: RetentionPolicy = { keepDays: 14, keepIntact: 7, freshnessHours: 26 };
  const firstGood = (silentDays: number, nightsBefore: number, anyOf = usual) => {
    const before = Array.from({ length: nightsBefore }, (_, night) => entry((silentDays + night) * 24 + 3));
    return { before, plan: planRetention('bitagent', [entry(3), ...before], anyOf, now) };
  };

  it('takes what it replaces, says of each other why it waits, and all at once only by the operator’s word', () => {
    const { plan } = firstGood(40, 15);
    expect(plan.standstill).toBeUndefined();
    expect(plan.expire.map(({ ageHours }) => ageHours)).toEqual([53 * 24 + 3, 54 * 24 + 3]);
    const waiting = plan.keep.filter(({ reasons }) => reasons.length === 1).slice(0, -1);
    expect(plan.keep.at(-1)?.reasons).toEqual([
      "older than 14 days, and goes in a later run: one takes a night's worth, while there are fewer than 14 newer nights",
    ]);
    expect(plan.keep).toHaveLength(14);
    expect(waiting.length).toBeGreaterThan(0);
    expect(firstGood(40, 15, { ...usual, atOnce: true }).plan.expire).toHaveLength(9);
  });

  it('takes no more than a night’s worth beyond what a night replaces, however long the silence was', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 900 }),
        fc.integer({ min: 0, max: 60 }),
        (silentDays, nightsBefore) => {
          const { plan } = firstGood(silentDays, nightsBefore);
          expect(plan.expire.length).toBeLessThanOrEqual(Math.max(0, nightsBefore + 1 - usual.keepDays) + 1);
          expect(plan.keep.length).toBeGreaterThanOrEqual(Math.min(nightsBefore, usual.keepDays - 1));
        },
      ),
    );
  });

  it('loses a night’s worth a night at most, and comes back to the nights that are promised', () => {
    const anyNights = fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 60 })), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(anyNights, fc.integer({ min: 1, max: 9 }), (spells, keepIntact) => {
        const anyOf = { ...usual, keepIntact };
        const lived = spells.flatMap(([good, silent]) => [
          ...Array<boolean>(good).fill(true),
          ...Array<boolean>(silent).fill(false),
        ]);
        const { held, taken } = liveThrough([...lived, ...Array<boolean>(30).fill(true)], anyOf);
        for (const { expired, intactLeft, replaced } of taken) {
          expect(expired).toBeLessThanOrEqual(replaced + 1);
          if (expired > 0) expect(intactLeft).toBeGreaterThanOrEqual(keepIntact);
        }
        expect(held.map(({ datedAt }) => datedAt)).toEqual(
          nights(14)
            .map(({ datedAt }) => datedAt)
            .reverse(),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('takes all of a night together, and what is no archive with it', () => {
    const flood = Array.from({ length: 50 }, (_, index) => entry(40 * 24 + index / 10, 'no manifest'));
    const plan = planRetention('bitagent', [...nights(7), ...flood, entry(39 * 24)], usual, now);
    expect(plan.expire).toHaveLength(50);
  });
});
