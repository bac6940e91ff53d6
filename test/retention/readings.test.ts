import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CatalogueEntry } from '../../lib/archive/catalogue-of.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import { planReadings } from '../../lib/retention/readings.ts';

const dayMs = 86_400_000;
const start = Date.UTC(2026, 0, 1, 6);
const policy = { keepDays: 14, rereadPercent: 15 };

type Kept = CatalogueEntry & { lastReadAt: Date; reads: number };

function kept(at: Date, standing: CatalogueEntry['standing'] = 'intact', readAt = at): Kept {
  const id = archiveIdAt('bitagent', at);
  return { id, standing, datedAt: at, clockAheadMs: 0, compressedBytes: 1, lastReadAt: readAt, reads: 0 };
}

describe('planReadings', () => {
  it('reads again what was read longest ago, and says so; and what is in doubt at once', () => {
    const now = new Date(start);
    const entries = [0.1, 3, 5, 8].map((days) => kept(new Date(start - days * dayMs)));
    const doubtful = {
      ...kept(new Date(start - 2 * dayMs), 'unverified'),
      isInDoubt: true,
      lastReadAt: undefined,
    };
    expect(planReadings([...entries, doubtful], policy, now)).toEqual([
      { id: doubtful.id.id, reason: 'what is there is not what its verdict speaks of' },
      { id: entries[3]?.id.id, reason: 'read last 8 days ago' },
    ]);
    expect(planReadings([...entries, doubtful], { ...policy, rereadPercent: 0 }, now)).toHaveLength(1);
  });

  it('reads nothing again that counts for nothing, nor what was read tonight', () => {
    const old = new Date(start - 9 * dayMs);
    const standings = ['damaged', 'incomplete', 'missing', 'no manifest'] as const;
    const entries = [...standings.map((standing) => kept(old, standing)), kept(new Date(start - dayMs / 8))];
    expect(planReadings(entries, { ...policy, rereadPercent: 100 }, new Date(start))).toEqual([]);
  });

  it('asks again for a verdict that never came, but not for one that may be on its way', () => {
    const hoursAgo = (hours: number) => kept(new Date(start - (hours * dayMs) / 24), 'unverified');
    const [lost, onItsWay] = [hoursAgo(30), hoursAgo(3)];
    for (const rereadPercent of [0, 15])
      expect(planReadings([lost, onItsWay], { ...policy, rereadPercent }, new Date(start))).toEqual([
        { id: lost.id.id, reason: 'it has no verdict' },
      ]);
  });

  it('reads each again within its nights and before it goes, evenly, and no more of a night than rereadPercent', () => {
    const policies = fc.record({
      keepDays: fc.integer({ min: 3, max: 40 }),
      rereadPercent: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 1, max: 3 }),
        (anyOf, imported, perNight) => {
          // All that was imported was read on one day, and stays: the worst that can come together.
          let held = Array.from({ length: imported }, (_, index) =>
            kept(new Date(start - (400 + index) * dayMs), 'accepted', new Date(start - dayMs / 2)),
          );
          const cycle = Math.ceil(100 / anyOf.rereadPercent);
          for (let night = 0; night < 60; night += 1) {
            const now = new Date(start + night * dayMs);
            for (let index = 0; index < perNight; index += 1)
              held.push(kept(new Date(now.getTime() - (index + 2) * 3_600_000)));
            const due = new Set(planReadings(held, anyOf, now).map(({ id }) => id));
            const share = Math.ceil((held.length * anyOf.rereadPercent) / 100);
            // What two nights brought is over soon; nothing else is read beyond the share.
            expect(due.size).toBeLessThanOrEqual(share + 2 * perNight);
            for (const one of held) {
              if (due.has(one.id.id)) Object.assign(one, { lastReadAt: now, reads: one.reads + 1 });
              const sinceNights = (now.getTime() - one.lastReadAt.getTime()) / dayMs;
              expect(sinceNights).toBeLessThanOrEqual(cycle + 3);
            }
            const isOver = ({ datedAt }: Kept) =>
              now.getTime() - datedAt.getTime() >= (anyOf.keepDays - 1) * dayMs;
            const isImported = ({ datedAt }: Kept) => datedAt.getTime() < start - 300 * dayMs;
            for (const one of held.filter((each) => isOver(each) && !isImported(each)))
              expect(one.reads).toBeGreaterThanOrEqual(1);
            held = held.filter((one) => isImported(one) || !isOver(one));
          }
        },
      ),
      { numRuns: 12 },
    );
  });

  it('reads each of fourteen nights once a week by default', () => {
    let held: Kept[] = [];
    for (let night = 0; night < 60; night += 1) {
      const now = new Date(start + night * dayMs);
      held.push(kept(new Date(now.getTime() - 3 * 3_600_000)));
      const due = planReadings(held, policy, now);
      expect(due.length).toBeLessThanOrEqual(3);
      for (const one of held) {
        if (due.some(({ id }) => id === one.id.id)) Object.assign(one, { lastReadAt: now });
        expect(now.getTime() - one.lastReadAt.getTime()).toBeLessThan(7 * dayMs);
      }
      held = held.slice(-14);
    }
  });
});
