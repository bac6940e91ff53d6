import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CatalogueEntry, Standing } from '../../lib/archive/catalogue-of.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import { enoughFor, stepBetween } from '../../lib/retention/upgrade-step.ts';

describe('a step', () => {
  it.each([
    ['1.4.2', '1.4.3', 'PATCH'],
    ['v1.4.2', '1.4.10', 'PATCH'],
    ['1.4.2', 'v1.5.0', 'MINOR'],
    ['1.9.9', '2.0.0', 'MAJOR'],
    ['0.9.0', '0.10.0', 'MINOR'],
    ['1.5.0-rc.2', '1.5.0-rc.10', 'MINOR'],
    ['1.5.0-rc.1', '1.5.0', 'MINOR'],
    ['1.4.2+build.1', '1.4.3+build.2', 'PATCH'],
  ])('from %s to %s is %s', (from, to, step) => expect(stepBetween(from, to)).toBe(step));

  it.each([
    ['1.4.2', 'v1.4.2', 'are one version'],
    ['1.5.0', '1.4.9', 'is no upgrade'],
    ['1.10.0', '1.9.0', 'is no upgrade'],
    ['1.5.0', '1.5.0-rc.1', 'is no upgrade'],
    ['latest', '1.5.0', "'latest' is no version"],
    ['1.4.2', '1.5', "'1.5' is no version"],
    ['1.4.2', 'V 1.5.0', 'is no version'],
  ])('from %s to %s is none', (from, to, found) => {
    expect(() => stepBetween(from, to)).toThrow(
      expect.objectContaining({ code: 'USAGE', found: expect.stringContaining(found) }),
    );
  });

  it('goes one way only', () => {
    const number = fc.nat({ max: 12 });
    const candidate = fc.constantFrom('', '-rc.1', '-rc.2', '-rc.10', '-alpha', '-alpha.b');
    const version = fc
      .tuple(number, number, number, candidate)
      .map(([major, minor, patch, more]) => `${major}.${minor}.${patch}${more}`);
    const isStep = (from: string, to: string) => {
      try {
        return stepBetween(from, to) !== undefined;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(version, version, (one, other) => {
        expect([isStep(one, other), isStep(other, one)].filter(Boolean)).toHaveLength(one === other ? 0 : 1);
      }),
    );
  });
});

describe('an archive that is enough', () => {
  const now = new Date('2026-11-29T12:00:00Z');
  const entry = (ageHours: number, standing: Standing = 'intact'): CatalogueEntry => {
    const datedAt = new Date(now.getTime() - ageHours * 3_600_000);
    return { id: archiveIdAt('bitagent', datedAt), standing, datedAt, clockAheadMs: 0, compressedBytes: 1 };
  };
  it('is intact, at most a day old, and for a PATCH step', () => {
    expect(enoughFor('PATCH', [entry(24), entry(50)], now)?.datedAt).toEqual(entry(24).datedAt);
    expect(enoughFor('PATCH', [entry(1, 'unverified'), entry(9, 'accepted')], now)?.standing).toBe(
      'accepted',
    );
    expect(enoughFor('PATCH', [entry(24.1)], now)).toBeUndefined();
    expect(enoughFor('PATCH', [entry(1, 'suspicious')], now)).toBeUndefined();
    expect(enoughFor('MINOR', [entry(1)], now)).toBeUndefined();
    expect(enoughFor('MAJOR', [entry(1)], now)).toBeUndefined();
  });
});
