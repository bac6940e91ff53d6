import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CatalogueEntry, Standing } from '../../lib/archive/catalogue-of.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import { overviewOf } from '../../lib/archive/overview.ts';

const now = new Date('2026-11-30T08:00:00Z');
const hour = 3_600_000;

/** An archive so many hours old. */
function archive(ageHours: number, standing: Standing = 'intact'): CatalogueEntry {
  const id = archiveIdAt('bitagent', new Date(now.getTime() - ageHours * hour));
  return { id, standing, datedAt: id.takenAt, clockAheadMs: 0, compressedBytes: 1 };
}
const nights = (count: number) => Array.from({ length: count }, (_, night) => archive(5 + 24 * night));

describe('whether all is well', () => {
  it('it is, since the oldest of the nights that follow each other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.boolean(), (count, hasOlder) => {
        // A night was missed before them.
        const older = hasOlder ? [archive(5 + 24 * (count + 1))] : [];
        const { wellSince, inRow, faults } = overviewOf([...older, ...nights(count)], now);
        expect({ wellSince, inRow, faults }).toEqual({
          wellSince: nights(count).at(-1)?.datedAt,
          inRow: count,
          faults: [],
        });
      }),
    );
  });

  it.each<[string, CatalogueEntry[], string]>([
    ['nothing', [], 'no archive is proven intact'],
    ['none judged in time', [archive(9, 'unverified')], 'no archive is proven intact'],
    [
      'the first, just taken',
      [archive(1, 'unverified')],
      "no archive is proven intact yet: cloud or guard judge it within 3 hours, 'offsite verify latest --record' does now",
    ],
    ['an old one', [archive(72)], 'the newest intact archive is 3.0 days old'],
    ['a damaged one', [...nights(2), archive(60, 'damaged')], '1 damaged: bitagent-2026-11-27-200000Z'],
    [
      'a suspicious one',
      [...nights(2), archive(60, 'suspicious')],
      '1 suspicious: bitagent-2026-11-27-200000Z',
    ],
    [
      'one that nobody judges',
      [...nights(2), archive(4, 'unverified')],
      '1 unverified: bitagent-2026-11-30-040000Z',
    ],
    [
      'a dead upload',
      [...nights(2), archive(30, 'no manifest')],
      '1 no manifest: bitagent-2026-11-29-020000Z',
    ],
    [
      'many',
      [...nights(2), ...[60, 61, 62, 63].map((age) => archive(age, 'missing'))],
      '4 missing: bitagent-2026-11-27-200000Z, bitagent-2026-11-27-190000Z, bitagent-2026-11-27-180000Z and 1 other',
    ],
  ])('it is not: %s', (_, entries, said) => {
    const { wellSince, faults } = overviewOf(entries, now);
    expect(faults).toContain(said);
    expect(wellSince).toBeUndefined();
  });

  it('it is not when the last restore test did not pass', () => {
    expect(overviewOf(nights(3), now, { outcome: 'failed' })).toMatchObject({
      faults: ['the last restore test did not pass'],
    });
    expect(overviewOf(nights(3), now, { outcome: 'passed' }).faults).toEqual([]);
    const passed = (days: number) => ({
      outcome: 'passed',
      startedAt: new Date(now.getTime() - days * 24 * hour),
    });
    expect(overviewOf(nights(3), now, passed(99)).faults).toEqual([]);
    expect(overviewOf(nights(3), now, passed(120)).faults).toEqual([
      'no restore test has passed for 120.0 days',
    ]);
  });

  it('by the limits of who watches, where these are known', () => {
    const limits = { archiveHours: 170, restoreTestHours: 400 * 24 };
    const weekly = [archive(7 * 24 - 1), archive(14 * 24 - 1)];
    const tested = { outcome: 'passed', startedAt: new Date(now.getTime() - 120 * 24 * hour) };
    expect(overviewOf(weekly, now, tested, limits)).toMatchObject({ inRow: 2, faults: [] });
    expect(overviewOf(weekly, now, tested)).toMatchObject({
      inRow: 0,
      faults: [{}, {}].map(() => expect.any(String)),
    });
  });

  it('it is not where this machine lags behind what is dated by the store: no age is right', () => {
    const { wellSince, faults } = overviewOf([archive(-5), ...nights(3)], now);
    expect({ wellSince, faults }).toEqual({
      wellSince: undefined,
      faults: ["this machine's clock is at least 5.0 h behind: no age here is right (timedatectl)"],
    });
    expect(overviewOf([archive(-0.1), ...nights(3)], now).faults).toEqual([]);
  });

  it('it is while a verdict, or a manifest, is still to come; and with accepted ones', () => {
    const entries = [
      archive(1, 'no manifest'),
      archive(2, 'unverified'),
      ...nights(3),
      archive(77, 'accepted'),
    ];
    expect(overviewOf(entries, now)).toMatchObject({ inRow: 4, faults: [] });
  });
});
