// What WebAssembly counts of rows, against the plainest count of it.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countRowBytes } from '../../lib/sql/row-bytes.ts';
import { often } from '../fixtures/often.ts';

/** Mostly nothing that counts, in stretches longer than what is looked at in one step; now and then longer than a slice. */
const anyRows = fc
  .array(
    fc.oneof(
      fc.constantFrom('\n', '\t', '\r', '\\', '.', '\n\\.', '\\.\n', '\r\n'),
      fc.integer({ min: 0, max: 40 }).map((length) => 'x'.repeat(length)),
      { weight: 1, arbitrary: fc.integer({ min: 65_500, max: 65_540 }).map((length) => 'x'.repeat(length)) },
    ),
    { maxLength: 60 },
  )
  .map((pieces) => Buffer.from(pieces.join('')));

it('counts line ends, tabs and carriage returns up to the line that may end the rows', () => {
  fc.assert(
    fc.property(anyRows, fc.double({ min: 0, max: 1, noNaN: true }), (rows, place) => {
      const from = Math.floor(place * rows.length);
      const found = rows.indexOf('\n\\.', from);
      const end = found < 0 ? rows.length : found + 1;
      const counts = { lines: 0, tabs: 0, returns: 0 };
      expect(countRowBytes(rows, from, counts)).toBe(end);
      const count = (byte: string) => rows.toString('latin1', from, end).split(byte).length - 1;
      expect(counts).toEqual({ lines: count('\n'), tabs: count('\t'), returns: count('\r') });
    }),
    { numRuns: often(300, 5000) },
  );
});
