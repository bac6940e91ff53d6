import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Width } from '../../lib/store/width.ts';

const chunkBytes = 65_536;

/** Lets an object come over a line, and says how many connections read it, each time that this changed. */
function widthsOf(width: Width, bytesPerMs: (connections: number) => number, bytes = 2 ** 30): number[] {
  const seen = [width.connections];
  let atMs = 0;
  for (let come = 0; come < bytes; come += chunkBytes) {
    width.came(chunkBytes, atMs);
    if (seen.at(-1) !== width.connections) seen.push(width.connections);
    atMs += chunkBytes / bytesPerMs(width.connections);
  }
  return seen;
}

describe('how many connections read', () => {
  it.each([
    { most: 48, seen: [16, 32, 48] },
    { most: 40, seen: [16, 32, 40] },
    { most: 17, seen: [16, 17] },
    { most: 16, seen: [16] },
    { most: 3, seen: [3] },
  ])('grows to $most where each of them brings as much', ({ most, seen }) => {
    expect(widthsOf(new Width(most), (connections) => connections * 5_000)).toEqual(seen);
  });

  it('goes back for good where the line gives no more', () => {
    expect(widthsOf(new Width(64), () => 12_500)).toEqual([16, 32, 16]);
    expect(widthsOf(new Width(64), (connections) => Math.min(connections * 5_000, 160_000))).toEqual([
      16, 32, 48, 32,
    ]);
  });

  it('does so where more of them cost more than they bring', () => {
    expect(widthsOf(new Width(64), (connections) => 200_000 - 1_000 * connections)).toEqual([16, 32, 16]);
  });

  it('is never more than may be, nor less than there were, and what is on its way is bounded', () => {
    const rates = fc.array(fc.integer({ min: 1, max: 1e6 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), rates, (most, ofRound) => {
        const width = new Width(most);
        const seen = widthsOf(width, () => ofRound.shift() ?? 1_000);
        expect(Math.max(...seen)).toBeLessThanOrEqual(most);
        expect(Math.min(...seen)).toBe(Math.min(most, 16));
        expect(width.connections * width.partBytes).toBeLessThanOrEqual(128 * 1024 * 1024);
      }),
    );
  });
});
