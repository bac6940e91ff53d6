// What goes of the log, held against the way from every base backup that stays: nothing changes on it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byAge, type CatalogueEntry } from '../../lib/archive/catalogue-of.ts';
import { archiveIdAt } from '../../lib/archive/names.ts';
import { begunName, parseWalFile, type WalFile } from '../../lib/archive/wal-names.ts';
import { type BaseBackup, isArriving, reaches, type Way, wayFrom } from '../../lib/recovery-point/way.ts';
import { type LogNeed, LogSieve, planBaseBackups, planBaseReadings } from '../../lib/retention/log-plan.ts';
import { isFullDue, isUnread, type LogState } from '../../lib/retention/log-sight.ts';
import { continuityOf } from '../../lib/wal/continuity.ts';
import type { ListedWal } from '../../lib/wal/fold.ts';
import type { Ancestor } from '../../lib/wal/history.ts';
import { formatLsn, segmentName } from '../../lib/wal/segment.ts';
import { Settled, settledMinutes } from '../../lib/wal/settled.ts';
import { foldOf, inListing, namesFrom, systemIdentifier } from '../fixtures/wal.ts';

const segmentBytes = 16 * 2 ** 20;
const now = new Date('2026-11-30T06:00:00Z');
const dayMs = 86_400_000;
const daysAgo = (days: number) => new Date(now.getTime() - days * dayMs);
const startOf = (segment: number) => BigInt(segment) * BigInt(segmentBytes);

function listed(name: string, days: number, sha256 = 'a'): ListedWal {
  return { ...(parseWalFile(name) as WalFile), sha256, storedAt: daysAgo(days) };
}

const days = fc.double({ min: 0, max: 40, noNaN: true });
const segment = fc.integer({ min: 0, max: 40 });
const timelines = 4;
const timeline = fc.integer({ min: 1, max: timelines });
const anyFile = fc
  .tuple(timeline, segment, days, fc.constantFrom('', '.partial', '.00000028.backup', 'begun', 'history'))
  .chain(([line, number, age, what]) => {
    const name = segmentName(line, number, segmentBytes);
    if (what === 'history') return fc.constant(listed(`${name.slice(0, 8)}.history`, age));
    if (what === 'begun') return fc.nat({ max: 99 }).map((filled) => listed(begunName(name, filled), age));
    return fc.constantFrom('a', 'b').map((sha256) => listed(name + what, age, sha256));
  });
const anyFiles = fc.array(anyFile, { maxLength: 80 });
const anyNeeds = fc.array(fc.tuple(timeline, segment), { minLength: 1, maxLength: 4 });
/** Of each timeline those that it came from: of any that was there, left no sooner than that had begun. */
const anyTree = fc
  .array(fc.tuple(fc.nat(), fc.nat({ max: 40 }), fc.nat({ max: segmentBytes - 1 })), {
    minLength: timelines - 1,
    maxLength: timelines - 1,
  })
  .map((forks) => {
    const histories = new Map<number, readonly Ancestor[]>([[1, []]]);
    for (const [at, [any, number, rest]] of forks.entries()) {
      const parent = 1 + (any % (at + 1));
      const own = histories.get(parent) ?? [];
      const [begun, fork] = [own.at(-1)?.leftAt ?? 0n, startOf(number) + BigInt(rest)];
      histories.set(at + 2, [...own, { timeline: parent, leftAt: fork < begun ? begun : fork }]);
    }
    return histories;
  });
const baseOf = ([line, number]: readonly [number, number]) => {
  const [startLsn, stopLsn] = [40n, 400n].map((rest) => formatLsn(startOf(number) + rest));
  return { manifest: { timeline: line, startLsn, stopLsn, cluster: { segmentBytes } } } as BaseBackup;
};
const needOf = (number: number) => ({ from: startOf(number) + 40n, segmentBytes });
const policy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };

function planLog(files: readonly ListedWal[], needs: readonly LogNeed[]): ListedWal[] {
  const plan = new LogSieve(needs, policy, now);
  return [...inListing(files).flatMap((file) => plan.next(file)), ...plan.end()];
}

describe('of the log', () => {
  it('all stays that is on the way from a base backup which stays, and nothing before the oldest', () => {
    fc.assert(
      fc.property(anyFiles, anyNeeds, anyTree, (files, bases, histories) => {
        const needs = bases.map(([, number]) => needOf(number));
        const going = new Set(planLog(files, needs));
        const left = files.filter((file) => !going.has(file));
        for (const base of bases.map(baseOf)) {
          const leading = [...histories.keys()].filter((line) =>
            reaches(base, line, { ...foldOf([], 1), histories }),
          );
          for (const line of leading) {
            const wayIn = (some: ListedWal[]) =>
              wayFrom(base, { ...foldOf(some, segmentBytes), histories }, line);
            const [now, before] = [left, files].map(wayIn);
            expect(now?.continuity).toEqual(before?.continuity);
          }
        }
        const oldest = segmentName(1, Math.min(...bases.map(([, number]) => number)), segmentBytes).slice(8);
        expect(left.filter(({ kind, name }) => kind !== 'history' && name.slice(8, 24) < oldest)).toEqual([]);
        expect(files.filter(({ kind }) => kind === 'history').some((file) => going.has(file))).toBe(false);
      }),
    );
  });

  it('goes in an order that leaves no gap, wherever it is interrupted', () => {
    fc.assert(
      fc.property(anyFiles, segment, (files, number) => {
        const going = planLog(files, [needOf(number)]);
        // What a timeline came from has a lower number, and goes first.
        const places = going.map(({ name }) => name.slice(0, 24));
        expect(places).toEqual([...places].sort());
      }),
    );
  });

  it('without any base backup goes by its age, and a history with the last of it', () => {
    const names = ['00000002.history', segmentName(2, 3, segmentBytes), segmentName(2, 4, segmentBytes)];
    const of = (...ages: number[]) =>
      planLog(
        names.map((name, at) => listed(name, ages[at] ?? 0)),
        [],
      ).map(({ name }) => name);
    expect(of(20, 20, 13)).toEqual([names[1]]);
    expect(of(20, 20, 20)).toEqual([names[1], names[2], names[0]]);
  });

  it('a part of a segment goes a day after the whole of it came, or a longer part', () => {
    const [one, two] = [segmentName(1, 5, segmentBytes), segmentName(1, 6, segmentBytes)];
    const files = [
      listed(begunName(one, 10), 2),
      listed(one, 1.9),
      listed(begunName(two, 10), 1.5),
      listed(begunName(two, 11), 1.4),
      listed(begunName(two, 12), 0.1),
    ];
    expect(planLog(files, [needOf(5)]).map(({ name }) => name)).toEqual([
      begunName(one, 10),
      begunName(two, 10),
      begunName(two, 11),
    ]);
    expect(planLog(files.slice(2, 4), [needOf(5)])).toEqual([files[2]]);
  });
});

describe('of base backups', () => {
  const standings = ['intact', 'intact', 'intact', 'damaged', 'unverified', 'no manifest'] as const;
  const entries = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.constantFrom(...standings)), {
    selector: ([age]) => age,
    maxLength: 12,
  });
  const entryOf = ([age, standing]: readonly [number, CatalogueEntry['standing']]): CatalogueEntry => ({
    id: archiveIdAt('bitagent', daysAgo(age)),
    standing,
    datedAt: daysAgo(age),
    clockAheadMs: 0,
    compressedBytes: 1,
  });

  it('every point of the promised days that could be recovered still can, and one run after the other nothing else stays', () => {
    fc.assert(
      fc.property(entries, (found) => {
        let left = found.map(entryOf);
        const begins = (all: readonly CatalogueEntry[], point: Date) =>
          byAge(all).find(({ standing, datedAt }) => standing === 'intact' && datedAt <= point)?.id.id;
        for (let run = 0; run < found.length + 1; run += 1) {
          const plan = planBaseBackups('bitagent', left, policy, now);
          const kept = new Set(plan.keep.map(({ id }) => id));
          const next = left.filter(({ id }) => kept.has(id.id));
          for (const age of [0, 5, 13.9, 14])
            expect(begins(next, daysAgo(age))).toBe(begins(left, daysAgo(age)));
          left = next;
        }
        const isFresh = found.some(([age, standing]) => standing === 'intact' && age <= 14);
        const old = left.filter(({ datedAt }) => datedAt < daysAgo(14));
        if (isFresh && left.filter(({ standing }) => standing === 'intact').length >= 2)
          expect(old.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('are read again in their turn, those first that were read longest ago, and at once what has no verdict', () => {
    const read = (age: number, days: number, standing: CatalogueEntry['standing'] = 'intact') => ({
      ...entryOf([age, standing]),
      lastReadAt: daysAgo(days),
    });
    const all = [read(1, 1), read(8, 6), read(15, 8), read(22, 9), read(29, 9, 'damaged')];
    const due = (rereadPercent: number) =>
      planBaseReadings([...all, entryOf([2, 'unverified'])], rereadPercent, now).map(({ id }) => id);
    const [, , turned, oldest] = all.map(({ id }) => id.id);
    const unjudged = archiveIdAt('bitagent', daysAgo(2)).id;
    // After seven nights, and of four no more than one in a run.
    expect(due(15)).toEqual([unjudged, oldest]);
    expect(due(50)).toEqual([unjudged, oldest, turned]);
    expect(due(10)).toEqual([unjudged]);
    expect(due(0)).toEqual([unjudged]);
  });

  it('go a night in a run after a silence, and all at once at the operator’s word', () => {
    const all = [1, 20, 21, 30, 40].map((age) => entryOf([age, 'intact']));
    const goneBy = (more: object) =>
      planBaseBackups('bitagent', all, { ...policy, ...more }, now).expire.length;
    expect(goneBy({})).toBe(1);
    expect(goneBy({ atOnce: true })).toBe(3);
  });
});

describe('what a look at the log has not asked to be read yet', () => {
  const began = Date.UTC(2026, 10, 1);
  const at = (hours: number) => new Date(began + hours * 3_600_000);

  it('is asked for once, wherever it was stored or written over, by the next look at all of it', () => {
    const stores = fc.array(
      fc.record({ hour: fc.double({ min: 0.01, max: 40, noNaN: true }), back: fc.nat(6) }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(stores, (some) => {
        let state: LogState | undefined;
        const asked: number[] = [];
        // Each hour a segment; what is stored besides lies over an earlier one.
        const files = [
          ...Array.from({ length: 48 }, (_, hour) => ({
            name: namesFrom(hour, 1)[0] as string,
            storedAt: at(hour + 0.5),
          })),
          ...some.map(({ hour, back }) => ({
            name: namesFrom(Math.max(0, Math.floor(hour - 0.5) - back), 1)[0] as string,
            storedAt: at(hour),
          })),
        ];
        for (let hour = 1; hour <= 80; hour += 1) {
          const isFull = isFullDue(state, at(hour));
          const before = state;
          const there = files.filter(({ storedAt }) => storedAt <= at(hour));
          const listed = there.filter(({ name }) => isFull || before === undefined || name > before.last);
          for (const file of listed)
            if (isUnread(file.storedAt, before, (last) => file.name > last)) asked.push(files.indexOf(file));
          const last = namesFrom(Math.min(hour - 1, 47), 1)[0] as string;
          const looks = isFull || before === undefined ? [] : [...before.looks, before];
          const fullAt = isFull || before === undefined ? at(hour).toISOString() : before.fullAt;
          state = {
            systemIdentifier,
            last,
            lastStoredAt: at(0).toISOString(),
            lookedUntil: at(hour).toISOString(),
            fullAt,
            looks,
            toldMissing: [],
          };
        }
        expect(asked.toSorted((one, other) => one - other)).toEqual(files.map((_, index) => index));
      }),
    );
  });
});

describe('what is held against those who ship', () => {
  const minutes = settledMinutes / (24 * 60);
  const ages = fc.array(fc.constantFrom(undefined, 0, minutes / 2, minutes, 1), {
    minLength: 1,
    maxLength: 12,
  });

  it('is a segment that is not there though a later one has been for long, and no other', () => {
    fc.assert(
      // Of each segment, how many days ago it was stored.
      fc.property(ages, (stored) => {
        const files = stored.flatMap((age, at) =>
          age === undefined ? [] : [listed(segmentName(1, 3 + at, segmentBytes), age)],
        );
        const settled = new Settled<ListedWal>(now);
        const sure = [...inListing(files).flatMap((file) => settled.next(file)), ...settled.end()];
        const course = { from: startOf(3), fromTimeline: 1, timeline: 1, ancestors: [], segmentBytes };
        const isOld = (age: number | undefined) => age !== undefined && age >= minutes;
        const gone = stored.flatMap((age, at) =>
          age === undefined && stored.slice(at).some(isOld) ? [segmentName(1, 3 + at, segmentBytes)] : [],
        );
        const [all, settledAlone] = [files, sure].map(
          (some) => ({ continuity: continuityOf(foldOf(some, segmentBytes), course) }) as Way,
        ) as [Way, Way];
        expect(settledAlone.continuity.missing).toEqual(gone);
        expect(isArriving(all, settledAlone)).toBe(all.continuity.missingCount > 0 && gone.length === 0);
        // The newest point is no newer for what came after a gap.
        const first = stored.indexOf(undefined);
        const whole = first < 0 ? stored.length : first;
        expect(continuityOf(foldOf(files, segmentBytes), course).end).toBe(startOf(3 + whole));
      }),
    );
  });

  it('is nothing of another timeline that is young, and a copy of what was begun only once it is old', () => {
    const [young, begun, old] = [
      listed(segmentName(1, 9, segmentBytes), 0),
      listed(begunName(segmentName(1, 9, segmentBytes), 99), 1),
      listed(segmentName(2, 5, segmentBytes), 1),
    ];
    const settled = new Settled<ListedWal>(now);
    expect([young, begun, old].map((file) => settled.next(file))).toEqual([[], [], [begun, old]]);
    expect([young, begun].map((file) => settled.next(file))).toEqual([[], []]);
    expect(settled.end()).toEqual([begun]);
  });
});
