// The log as recovery walks it, held against a plain model: of every segment between, is it there?

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { begunName, parseWalFile } from '../../lib/archive/wal-names.ts';
import { continuityOf, type ListedWal, leadsTo, namedAtMost } from '../../lib/wal/continuity.ts';
import { parseHistory } from '../../lib/wal/history.ts';
import { formatLsn, parseLsn, segmentAt, segmentName, segmentNumber } from '../../lib/wal/segment.ts';

const segmentBytes = 16 * 1024 * 1024;
const anySegmentBytes = fc.integer({ min: 20, max: 30 }).map((power) => 2 ** power);
const storedAt = new Date(0);

function listed(name: string, sha256 = 'a'): ListedWal {
  const file = parseWalFile(name);
  if (file === undefined) throw new Error(name);
  return { ...file, sha256, storedAt };
}

const startOf = (segment: number) => BigInt(segment) * BigInt(segmentBytes);

describe('positions and names', () => {
  it('are each other’s inverse', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), anySegmentBytes, (lsn, bytes) => {
        expect(parseLsn(formatLsn(lsn))).toBe(lsn);
        const segment = segmentAt(lsn, bytes);
        expect(segmentNumber(segmentName(7, segment, bytes), bytes)).toBe(segment);
      }),
    );
  });

  it('sort as text in the order of the log', () => {
    const number = fc.integer({ min: 0, max: 2 ** 34 });
    fc.assert(
      fc.property(number, number, (one, other) => {
        const [a, b] = [segmentName(1, one, segmentBytes), segmentName(1, other, segmentBytes)];
        expect(Math.sign(a < b ? -1 : a > b ? 1 : 0)).toBe(Math.sign(one - other));
      }),
    );
  });

  it.each(['', '0', '0/', '/0', '0/123456789', 'x/0', '0/0 '])('takes no %j for a position', (text) => {
    expect(parseLsn(text)).toBeUndefined();
  });
});

describe('histories', () => {
  it('are read as Postgres writes them', () => {
    const text =
      '1\t0/3000148\tno recovery target specified\n\n2\t0/5000000\tbefore 2026-11-29 03:00:00+00\n';
    expect(parseHistory(text)).toEqual([
      { timeline: 1, leftAt: 0x3000148n },
      { timeline: 2, leftAt: 0x5000000n },
    ]);
  });

  it.each(['', '# none\n', '1 zero\n', '2 0/2\n1 0/3\n', '1 0/3\n2 0/2\n'])('are not %j', (text) => {
    expect(parseHistory(text)).toBeUndefined();
  });
});

describe('continuity', () => {
  it('names what is missing, what is there twice and what is damaged, and is whole up to the first of them', () => {
    const segments = fc.uniqueArray(fc.integer({ min: 3, max: 40 }), { maxLength: 37 });
    fc.assert(
      fc.property(
        segments,
        segments,
        segments,
        fc.integer({ min: 3, max: 40 }),
        (there, twice, bad, first) => {
          const names = (numbers: readonly number[]) =>
            numbers.map((one) => segmentName(1, one, segmentBytes));
          const both = twice.filter((one) => there.includes(one));
          const only = bad.filter((one) => !there.includes(one));
          const files = [
            ...names(there).map((one) => listed(one)),
            ...names(bad).map((one) => ({ ...listed(one, 'c'), isDamaged: true as const })),
            ...names(both).map((one) => listed(one, 'b')),
          ];
          const course = {
            from: startOf(first) + 40n,
            fromTimeline: 1,
            timeline: 1,
            ancestors: [],
            segmentBytes,
          };
          const found = continuityOf(files, course);
          const last = Math.max(first - 1, ...there, ...only);
          const range = Array.from({ length: last - first + 1 }, (_, at) => first + at);
          const gone = range.filter((one) => !there.includes(one) && !only.includes(one));
          const stop = range.findIndex((one) => [gone, both, only].some((some) => some.includes(one)));
          const whole = stop < 0 ? range : range.slice(0, stop);
          expect(found.whole).toEqual(names(whole));
          expect(found.end).toBe(startOf(first + whole.length));
          expect(found.missing).toEqual(names(gone.slice(0, namedAtMost)));
          expect(found.missingCount).toBe(gone.length);
          expect(found.conflicting).toEqual(names(range.filter((one) => both.includes(one))));
          // Beside one that is whole, a damaged copy is no matter.
          expect(found.damaged).toEqual(names(range.filter((one) => only.includes(one))));
        },
      ),
    );
  });

  it('goes on into the segment that was being written, where it is the last, as far as it went', () => {
    const [one, two, three] = [3, 4, 5].map((number) => segmentName(1, number, segmentBytes)) as [
      string,
      string,
      string,
    ];
    const course = { from: startOf(3), fromTimeline: 1, timeline: 1, ancestors: [], segmentBytes };
    const begun = [7, 0xabc, 0x20].map((filled) => listed(begunName(two, filled)));
    const found = continuityOf([listed(one), ...begun], course);
    expect(found).toMatchObject({ end: startOf(4) + 0xabcn, whole: [one], begun: { filledBytes: 0xabc } });
    for (const further of [listed(two), listed(three), listed(one, 'b')])
      expect(continuityOf([listed(one), ...begun, further], course).begun).toBeUndefined();
  });

  it('counts a gap of any length, in no time', () => {
    const far = [3, 2 ** 36].map((one) => listed(segmentName(1, one, segmentBytes)));
    const course = { from: startOf(3), fromTimeline: 1, timeline: 1, ancestors: [], segmentBytes };
    expect(continuityOf(far, course)).toMatchObject({ missingCount: 2 ** 36 - 4, end: startOf(4) });
  });

  it('takes a segment in which timelines part from the child, and the log before from the parent', () => {
    const ancestors = [
      { timeline: 1, leftAt: startOf(5) + 100n },
      { timeline: 2, leftAt: startOf(7) + 100n },
    ];
    const course = { from: startOf(3), fromTimeline: 1, timeline: 3, ancestors, segmentBytes };
    const expected = [1, 1, 2, 2, 3, 3].map((timeline, at) => segmentName(timeline, 3 + at, segmentBytes));
    const strays = [
      segmentName(1, 5, segmentBytes),
      segmentName(1, 9, segmentBytes),
      segmentName(2, 7, segmentBytes),
    ];
    const found = continuityOf(
      [...expected, ...strays].map((one) => listed(one)),
      course,
    );
    expect(found).toMatchObject({ whole: expected, missingCount: 0, newest: expected.at(-1) });
    const partial = listed(`${segmentName(2, 5, segmentBytes)}.partial`);
    const without = expected.filter((one) => one !== expected[2]).map((one) => listed(one));
    expect(continuityOf([...without, partial], course)).toMatchObject({ missing: [expected[2]] });
  });

  it('leads to a timeline that left its parent after the base backup, and to no other', () => {
    const ancestors = [{ timeline: 1, leftAt: startOf(5) }];
    expect(leadsTo({ from: startOf(4), fromTimeline: 1, timeline: 2, ancestors })).toBe(true);
    expect(leadsTo({ from: startOf(6), fromTimeline: 1, timeline: 2, ancestors })).toBe(false);
    expect(leadsTo({ from: startOf(4), fromTimeline: 3, timeline: 2, ancestors })).toBe(false);
  });
});
