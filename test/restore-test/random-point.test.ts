import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { choosePoint } from '../../lib/restore-test/random-point.ts';

const micros = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000n });

it('chooses the same point of a window by the same seed, within it, and none of an empty one', () => {
  fc.assert(
    fc.property(micros, micros, fc.string(), (from, until, seed) => {
      const point = choosePoint({ from, until }, seed);
      expect(choosePoint({ from, until }, seed)).toBe(point);
      if (until <= from) expect(point).toBeUndefined();
      else expect(point !== undefined && point >= from && point < until).toBe(true);
    }),
  );
});

it('chooses each part of a window about as often', () => {
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let seed = 0; seed < 2000; seed += 1) {
    const point = Number(choosePoint({ from: 0n, until: 1000n }, String(seed)));
    tenths[Math.floor(point / 100)] = (tenths[Math.floor(point / 100)] ?? 0) + 1;
  }
  // 200 each, and five times the deviation of chance: the seeds are always the same.
  expect(Math.min(...tenths)).toBeGreaterThan(130);
  expect(Math.max(...tenths)).toBeLessThan(270);
});
