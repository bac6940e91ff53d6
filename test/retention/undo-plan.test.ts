import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonText } from '../../lib/base/parse-json.ts';
import { holdKey, parseHold, placeHold } from '../../lib/retention/hold.ts';
import { livesUntil } from '../../lib/retention/undo-plan.ts';
import { exampleId } from '../fixtures/manifests.ts';

describe('livesUntil', () => {
  const newest = { versionId: 'v', etag: 'e', bytes: 1 };
  const deleted = (at: Date) => ({ archive: { newest, deletedAt: at }, manifest: { newest }, verdict: {} });

  it('is the midnight after the days that the lifecycle gives', () => {
    expect(livesUntil(deleted(new Date('2026-11-23T06:00:00Z')), 7)?.toISOString()).toBe(
      '2026-12-01T00:00:00.000Z',
    );
    expect(livesUntil(deleted(new Date('2026-11-23T00:00:00Z')), 7)?.toISOString()).toBe(
      '2026-11-30T00:00:00.000Z',
    );
    expect(livesUntil({ archive: { newest }, manifest: { newest }, verdict: {} }, 7)).toBeUndefined();
  });

  it('is that of the part that goes first', () => {
    fc.assert(
      fc.property(fc.nat(3e9), fc.nat(3e9), fc.integer({ min: 1, max: 90 }), (one, other, days) => {
        const parts = {
          archive: { newest, deletedAt: new Date(one * 1000) },
          manifest: { newest, deletedAt: new Date(other * 1000) },
          verdict: {},
        };
        const until = livesUntil(parts, days)?.getTime() ?? 0;
        const least = (Math.min(one, other) + days * 86_400) * 1000;
        expect(until % 86_400_000).toBe(0);
        expect(until - least).toBeGreaterThanOrEqual(0);
        expect(until - least).toBeLessThan(86_400_000);
      }),
    );
  });
});

describe('a hold', () => {
  const now = new Date('2026-11-23T06:00:00Z');

  it('comes back from its text, for its own archive only', () => {
    const hold = placeHold(exampleId.id, 14, now);
    expect(hold.until).toBe('2026-12-07T06:00:00.000Z');
    expect(parseHold(jsonText(hold), exampleId.id)).toEqual(hold);
    expect(parseHold(jsonText(hold), 'bitagent-2026-11-24-031500Z')).toBeUndefined();
    expect(parseHold('{"format":2}', exampleId.id)).toBeUndefined();
    expect(parseHold('no JSON', exampleId.id)).toBeUndefined();
    expect(holdKey(exampleId)).toBe('holds/bitagent/bitagent-2026-11-23-031500Z.json');
  });
});
