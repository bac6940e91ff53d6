import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineCrc32 } from '../../lib/gzip/crc32-combine.ts';

describe('combineCrc32', () => {
  it('is what zlib gives for the whole, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), (parts) => {
        const joined = parts.reduce((sum, part) => combineCrc32(sum, crc32(part), part.length), 0);
        expect(joined).toBe(crc32(Buffer.concat(parts)));
      }),
      { numRuns: 1000 },
    );
  });

  it('knows lengths beyond 32 bits: 6 GB of zeros, by doubling', () => {
    let [sum, length] = [crc32(Buffer.alloc(1)), 1];
    for (; length < 2 ** 33; length *= 2) sum = combineCrc32(sum, sum, length);
    const tail = Buffer.from('tail');
    const one = combineCrc32(sum, crc32(tail), tail.length);
    // The same bytes, cut at another place.
    const late = combineCrc32(crc32(Buffer.alloc(5)), sumOfZeros(2 ** 33 - 5), 2 ** 33 - 5);
    expect(late).toBe(sum);
    expect(combineCrc32(late, crc32(tail), tail.length)).toBe(one);
  });
});

/** By its binary digits. */
function sumOfZeros(bytes: number): number {
  let sum = 0;
  let [power, length] = [crc32(Buffer.alloc(1)), 1];
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) sum = combineCrc32(sum, power, length);
    power = combineCrc32(power, power, length);
    length *= 2;
  }
  return sum;
}
