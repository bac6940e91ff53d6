import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Utf8 } from '../../lib/sql/utf8.ts';
import { often } from '../fixtures/often.ts';

/** Characters of each length, and what is none: alone, cut, too long, half a pair, beyond the last. */
const piece = fc.oneof(
  fc.constantFrom('a', '\n', 'é', 'ß', '中', '\u{10ffff}', '😀').map((text) => Buffer.from(text)),
  fc
    .constantFrom('80', 'bf', 'c3', 'e4b8', 'f09f98', 'c080', 'eda080', 'f4908080', 'ff', 'f8')
    .map((hex) => Buffer.from(hex, 'hex')),
);
const anyBytes = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.concat(pieces));

/** The bytes in pieces of these lengths, over and over. */
function* cut(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] as number;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

const lengths = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 });

it('is known of any bytes, wherever they are cut', () => {
  fc.assert(
    fc.property(anyBytes, lengths, (bytes, pieces) => {
      const utf8 = new Utf8();
      const isText = [...cut(bytes, pieces)].map((one) => utf8.push(one)).every(Boolean);
      expect(isText && utf8.begun === '').toBe(isUtf8(bytes));
    }),
    { numRuns: often(2000, 20_000) },
  );
});

it('is known of what follows where it begins within a character', () => {
  fc.assert(
    fc.property(fc.constantFrom('é', '中', '😀'), fc.nat(3), anyBytes, (first, cutAt, bytes) => {
      const utf8 = new Utf8(null);
      const rest = Buffer.from(first).subarray(cutAt);
      const whole = Buffer.concat([rest, Buffer.from('.'), bytes]);
      expect(utf8.push(whole) && utf8.begun === '').toBe(isUtf8(bytes));
    }),
  );
});
