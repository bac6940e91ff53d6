// The log as recovery walks it, held against a plain model: of every segment between, is it there?

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { begunName, parseWalFile } from '../../lib/archive/wal-names.ts';
import { assertLeadsTo } from '../../lib/recovery-point/choose.ts';
import { type BaseBackup, wayFrom } from '../../lib/recovery-point/way.ts';
import {
  type Course,
  continuityOf,
  furthest,
  leadsTo,
  namedAtMost,
  namesBackwards,
} from '../../lib/wal/continuity.ts';
import { type ListedWal, LogFold } from '../../lib/wal/fold.ts';
import { type Ancestor, parseHistory } from '../../lib/wal/history.ts';
import {
  comesNext,
  formatLsn,
  parseLsn,
  segmentAt,
  segmentName,
  segmentNumber,
} from '../../lib/wal/segment.ts';
import { foldOf } from '../fixtures/wal.ts';

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

  it('follow on each other, whatever the length of segments; within a log, no other does', () => {
    const segment = fc.integer({ min: 0, max: 2 ** 20 });
    fc.assert(
      fc.property(segment, fc.integer({ min: 0, max: 3 }), anySegmentBytes, (at, ahead, bytes) => {
        const [one, other] = [at, at + ahead].map((number) => segmentName(7, number, bytes)) as [
          string,
          string,
        ];
        const isOfOneLog = one.slice(8, 16) === other.slice(8, 16);
        if (ahead === 1 || isOfOneLog) expect(comesNext(one, other)).toBe(ahead === 1);
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
  /** Every file remembered, and of every segment asked whether it is there. */
  function plainly(files: readonly ListedWal[], course: Course) {
    const first = segmentAt(course.from, segmentBytes);
    const nameOf = (segment: number) => {
      const own = course.ancestors.find(({ leftAt }) => segment < segmentAt(leftAt, segmentBytes));
      return segmentName(own?.timeline ?? course.timeline, segment, segmentBytes);
    };
    const of = (segment: number) =>
      files.filter(({ kind, name }) => kind === 'segment' && name === nameOf(segment));
    const numbers = files.map(({ name }) => segmentNumber(name, segmentBytes));
    const all = Array.from({ length: 50 }, (_, at) => first + at);
    const last = all.findLast((segment) => numbers.includes(segment) && of(segment).length > 0) ?? first - 1;
    const range = all.filter((segment) => segment <= last);
    const usable = (segment: number) =>
      new Set(
        of(segment)
          .filter(({ isDamaged }) => !isDamaged)
          .map(({ sha256 }) => sha256),
      ).size;
    const isBegun = (segment: number) =>
      files.some(({ kind, name }) => kind === 'begun' && name.startsWith(nameOf(segment)));
    const lastBegun = all.findLast(isBegun) ?? 0;
    const gone = all.filter(
      (segment) => (segment <= last || segment < lastBegun) && of(segment).length === 0,
    );
    /** The first of those that left in it which have any of it: no more than up to where they left. */
    function ofParent(segment: number, begunAs: (name: string) => ListedWal[]): ListedWal[] {
      const leaving = course.ancestors.filter(({ leftAt }) => segmentAt(leftAt, segmentBytes) === segment);
      for (const { timeline, leftAt } of leaving.toReversed()) {
        const name = segmentName(timeline, segment, segmentBytes);
        if (files.some((file) => file.name === name)) return [];
        const copies = begunAs(name);
        const fits = copies.every(({ filledBytes = 0 }) => startOf(segment) + BigInt(filledBytes) <= leftAt);
        if (copies.length > 0) return fits ? copies : [];
      }
      return [];
    }
    const breaksAt = range.findIndex((segment) => usable(segment) !== 1);
    const stop = breaksAt < 0 && gone.length > 0 ? range.length : breaksAt;
    const whole = stop < 0 ? range : range.slice(0, stop);
    const next = nameOf(first + whole.length);
    const begunAs = (segment: string) =>
      files.filter(({ kind, name }) => stop < 0 && kind === 'begun' && name.startsWith(segment));
    const begun = begunAs(next).length > 0 ? begunAs(next) : ofParent(first + whole.length, begunAs);
    const filled = Math.max(0, ...begun.map(({ filledBytes = 0 }) => filledBytes));
    return {
      whole: whole.map(nameOf),
      end: startOf(first + whole.length) + BigInt(filled),
      missing: gone.slice(0, namedAtMost).map(nameOf),
      missingCount: gone.length,
      conflicting: range.filter((segment) => usable(segment) > 1).map(nameOf),
      // Beside one that is whole, a damaged copy is no matter.
      damaged: range.filter((segment) => usable(segment) === 0 && !gone.includes(segment)).map(nameOf),
      newest: range.length === 0 ? undefined : nameOf(last),
    };
  }

  it('is, of a log that was folded while it was listed, what it is of all its files', () => {
    const anyFile = fc
      .record({
        timeline: fc.integer({ min: 1, max: 3 }),
        number: fc.integer({ min: 3, max: 30 }),
        upTo: fc.integer({ min: 0, max: 12 }),
        sha256: fc.constantFrom('a', 'a', 'a', 'b'),
        what: fc.constantFrom('whole', 'whole', 'whole', 'damaged', 'begun'),
      })
      .map(({ timeline, number, upTo, sha256, what }) =>
        Array.from({ length: what === 'whole' ? upTo : 1 }, (_, at) => {
          const name = segmentName(timeline, number + at, segmentBytes);
          if (what === 'begun') return listed(begunName(name, 40 + upTo), sha256);
          return { ...listed(name, sha256), ...(what === 'damaged' && { isDamaged: true as const }) };
        }),
      );
    const position = fc.integer({ min: 3, max: 35 }).map((segment) => startOf(segment) + 46n);
    const files = fc.array(anyFile, { maxLength: 12 }).map((some) => some.flat());
    fc.assert(
      fc.property(files, position, fc.tuple(position, position), (there, from, forks) => {
        const [one = 0n, two = 0n] = forks.toSorted((a, b) => (a < b ? -1 : 1));
        const ancestors = [
          { timeline: 1, leftAt: one },
          { timeline: 2, leftAt: two },
        ];
        const course = { from, fromTimeline: 1, timeline: 3, ancestors, segmentBytes };
        // A damaged one and a whole one of the same bytes are one file.
        const keys = new Map(there.map((file) => [file.name + file.sha256, file]));
        const { begun, whole, ...found } = continuityOf(foldOf([...keys.values()], segmentBytes), course);
        expect({ ...found, whole: [...namesBackwards(whole, segmentBytes)].reverse() }).toEqual(
          plainly([...keys.values()], course),
        );
      }),
    );
  });

  it('takes segments that follow on each other for one span, however many, and a gap between for two', () => {
    const fold = new LogFold(segmentBytes);
    const course = { from: startOf(3), fromTimeline: 1, timeline: 1, ancestors: [], segmentBytes };
    const [count, gap] = [20_000, 19_990];
    const one = listed(segmentName(1, 3, segmentBytes));
    for (let at = 0; at < count; at += 1)
      if (at !== gap) fold.add({ ...one, name: segmentName(1, 3 + at, segmentBytes) });
    const folded = fold.folded();
    expect(folded.spans).toHaveLength(2);
    expect(continuityOf(folded, course)).toMatchObject({
      missing: [segmentName(1, 3 + gap, segmentBytes)],
      whole: [{ count: gap }],
    });
  });

  it('goes on into the segment that was being written, where it is the last, as far as it went', () => {
    const [one, two, three] = [3, 4, 5].map((number) => segmentName(1, number, segmentBytes)) as [
      string,
      string,
      string,
    ];
    const course = { from: startOf(3), fromTimeline: 1, timeline: 1, ancestors: [], segmentBytes };
    const begun = [7, 0xabc, 0x20].map((filled) => listed(begunName(two, filled)));
    const found = continuityOf(foldOf([listed(one), ...begun], segmentBytes), course);
    expect(found).toMatchObject({
      end: startOf(4) + 0xabcn,
      whole: [{ first: one, last: one }],
      begun: { filledBytes: 0xabc },
    });
    for (const further of [listed(two), listed(three), listed(one, 'b')])
      expect(
        continuityOf(foldOf([listed(one), ...begun, further], segmentBytes), course).begun,
      ).toBeUndefined();
  });

  it('breaks off before a segment that was never finished, though one after it was begun', () => {
    const [one, two, four] = [3, 4, 6].map((number) => segmentName(1, number, segmentBytes)) as [
      string,
      string,
      string,
    ];
    const course = { from: startOf(3), fromTimeline: 1, timeline: 1, ancestors: [], segmentBytes };
    const files = [listed(one), listed(begunName(two, 7)), listed(begunName(four, 9))];
    expect(continuityOf(foldOf(files, segmentBytes), course)).toMatchObject({
      missing: [two, segmentName(1, 5, segmentBytes)],
      missingCount: 2,
      begun: undefined,
      end: startOf(4),
    });
  });

  it('is not to be had where nobody knows whether a later timeline goes on from it, unless one is named', () => {
    const names = [segmentName(1, 3, segmentBytes), segmentName(2, 4, segmentBytes)];
    const { spans, begun } = foldOf(
      names.map((name) => listed(name)),
      segmentBytes,
    );
    const consistentAt = storedAt.toISOString();
    const manifest = {
      consistentAt,
      timeline: 1,
      startLsn: '0/3000028',
      stopLsn: '0/3000100',
      cluster: { segmentBytes },
    };
    const base = { id: { id: 'one' }, manifest } as BaseBackup;
    const lost = { spans, begun, histories: new Map() };
    const way = wayFrom(base, lost);
    expect(way.continuity).toMatchObject({ missing: ['00000002.history'], missingCount: 1 });
    for (const target of [
      { kind: 'latest' },
      { kind: 'name', name: 'x' },
      { kind: 'xid', xid: '9' },
      { kind: 'lsn', lsn: startOf(3) + 0x200n },
      { kind: 'time', micros: 0n, text: '' },
    ] as const) {
      expect(() => assertLeadsTo(way, target, false)).toThrow(/1 file of the log missing/);
      assertLeadsTo(wayFrom(base, lost, 1), target, false);
    }
    assertLeadsTo(way, { kind: 'immediate' }, false);
    // Its own, or that of a child which names it, says where it came from.
    const told = (timeline: number, ...ancestors: Ancestor[]) =>
      wayFrom(base, { spans, begun, histories: new Map([[timeline, ancestors]]) });
    const [first, second] = [1, 2].map((timeline) => ({ timeline, leftAt: startOf(4) })) as [
      Ancestor,
      Ancestor,
    ];
    expect(told(2, first)).toMatchObject({ timeline: 2, continuity: { missingCount: 0 } });
    expect(told(3, first, second).continuity.missing).toEqual([]);
    // It is known where that begins, and the log does not come to there.
    const unreached = told(2, { timeline: 1, leftAt: startOf(5) + 9n });
    const reached = told(2, { timeline: 1, leftAt: startOf(4) + 9n });
    expect(() => assertLeadsTo(unreached, { kind: 'latest' }, false)).toThrow(
      /ends before a server was promoted/,
    );
    assertLeadsTo(unreached, { kind: 'latest' }, true);
    assertLeadsTo(reached, { kind: 'latest' }, false);
    const histories = new Map([[2, [{ timeline: 1, leftAt: startOf(4) + 9n }]]]);
    const left = wayFrom(base, { spans, begun, histories }, 1);
    expect(() => assertLeadsTo(left, { kind: 'latest' }, false)).toThrow(/ends before a server was promoted/);
  });

  it('takes of the copies of what was being written the one that goes furthest, in whatever order they are listed', () => {
    const [name, other] = [5, 6].map((segment) => segmentName(1, segment, segmentBytes)) as [string, string];
    const copies = [begunName(name, 7), begunName(name, 90), begunName(name, 12), begunName(other, 99), name];
    for (const order of [copies, copies.toReversed()])
      expect(
        furthest(
          order.map((one) => listed(one)),
          name,
        )?.name,
      ).toBe(begunName(name, 90));
  });

  it('counts a gap of any length, in no time', () => {
    const far = [3, 2 ** 36].map((one) => listed(segmentName(1, one, segmentBytes)));
    const course = { from: startOf(3), fromTimeline: 1, timeline: 1, ancestors: [], segmentBytes };
    expect(continuityOf(foldOf(far, segmentBytes), course)).toMatchObject({
      missingCount: 2 ** 36 - 4,
      end: startOf(4),
    });
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
    const files = [...expected, ...strays].map((one) => listed(one));
    const found = continuityOf(foldOf(files, segmentBytes), course);
    expect([...namesBackwards(found.whole, segmentBytes)]).toEqual(expected.toReversed());
    expect(found).toMatchObject({ missingCount: 0, newest: expected.at(-1) });
    const partial = listed(`${segmentName(2, 5, segmentBytes)}.partial`);
    const without = expected.filter((one) => one !== expected[2]).map((one) => listed(one));
    expect(continuityOf(foldOf([...without, partial], segmentBytes), course)).toMatchObject({
      missing: [expected[2]],
    });
  });

  it('leads to a timeline that left its parent after the base backup, and to no other', () => {
    const ancestors = [
      { timeline: 1, leftAt: startOf(5) },
      { timeline: 4, leftAt: startOf(7) },
    ];
    expect(leadsTo({ from: startOf(5), fromTimeline: 1, timeline: 2, ancestors })).toBe(true);
    expect(leadsTo({ from: startOf(9), fromTimeline: 2, timeline: 2, ancestors })).toBe(true);
    expect(leadsTo({ from: startOf(4), fromTimeline: 1, timeline: 2, ancestors })).toBe(true);
    expect(leadsTo({ from: startOf(6), fromTimeline: 1, timeline: 2, ancestors })).toBe(false);
    expect(leadsTo({ from: startOf(4), fromTimeline: 3, timeline: 2, ancestors })).toBe(false);
  });
});
