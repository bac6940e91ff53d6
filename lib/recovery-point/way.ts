// Ways: from a base backup, along a timeline, to the end of its log, whole or not.

import type { ArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { plural } from '../base/quantities.ts';
import type { BaseBackupManifest } from '../basebackup/manifest.ts';
import { type Continuity, type Course, continuityOf, leadsTo } from '../wal/continuity.ts';
import type { FoldedLog } from '../wal/fold.ts';
import { type Ancestor, historyName, isHistory } from '../wal/history.ts';
import { formatLsn, type Lsn, parseLsn, segmentNumber } from '../wal/segment.ts';

export type BaseBackup = { readonly id: ArchiveId; readonly manifest: BaseBackupManifest };

export type ClusterLog = FoldedLog & {
  readonly histories: ReadonlyMap<number, readonly Ancestor[]>;
};

export type Way = {
  readonly base: BaseBackup;
  readonly timeline: number;
  readonly continuity: Continuity;
  /** Up to where there was log, as histories say: its timeline began there, or was left. */
  readonly knownTo: Lsn;
  /** What there is of other timelines, and not on this way: of those that it leaves though they go on, and of those that left it, or one before it. */
  readonly leaves: readonly Branch[];
};

type Branch = {
  readonly timeline: number;
  /** Where they part. */
  readonly at: string;
  readonly upTo: string;
};

export type Window = {
  /** By the server's clock. */
  readonly from: Date;
  readonly fromLsn: string;
  readonly toLsn: string;
};

/**
 * Finds the way from a base backup.
 *
 * @param timeline - By default the newest that it leads to, as Postgres has it.
 * @throws {@link OffsiteError} `POINT_OUTSIDE_WINDOW` if the timeline cannot be come to from there.
 */
export function wayFrom(base: BaseBackup, log: ClusterLog, timeline?: number): Way {
  const courses = coursesFrom(base, log);
  const course = timeline === undefined ? courses.at(-1) : courses.find((one) => one.timeline === timeline);
  if (course === undefined) {
    throw new OffsiteError(
      'POINT_OUTSIDE_WINDOW',
      `timeline ${timeline} cannot be come to from ${base.id.id}`,
      {
        expected: `one of the timelines ${courses.map((one) => one.timeline).join(', ')}`,
        found: `timeline ${timeline}`,
        hint: 'name another base backup, or leave --timeline out',
      },
    );
  }
  const known = continuityOf(log, course);
  const lost = timeline === undefined ? lostHistories(log, course) : [];
  const continuity = {
    ...known,
    missing: [...known.missing, ...lost],
    missingCount: known.missingCount + lost.length,
  };
  return {
    base,
    timeline: course.timeline,
    continuity,
    knownTo: knownEnd(course, log),
    leaves: leavesOf(base, course, log),
  };
}

function knownEnd({ timeline, ancestors }: Course, { histories }: ClusterLog): Lsn {
  const leaving = [...histories.values()].flat().filter((one) => one.timeline === timeline);
  return [...ancestors, ...leaving].reduce((most, { leftAt }) => (leftAt > most ? leftAt : most), 0n);
}

/** Of timelines after it that there is log of: nobody knows whether they go on from it, and where. */
function lostHistories({ spans, begun, histories }: ClusterLog, { timeline }: Course): string[] {
  const told = [...histories].flatMap(([line, ancestors]) => [line, ...ancestors.map((one) => one.timeline)]);
  const there = new Set([...spans, ...begun].map((one) => one.timeline));
  return [...there]
    .filter((line) => line > timeline && !told.includes(line))
    .toSorted((one, other) => one - other)
    .map(historyName);
}

function leavesOf(
  base: BaseBackup,
  { ancestors, timeline: own, segmentBytes, fromTimeline }: Course,
  log: ClusterLog,
) {
  const startOf = (segment: number) => BigInt(segment) * BigInt(segmentBytes);
  const ends = new Map<number, Lsn>();
  const goesTo = (timeline: number, end: Lsn) => {
    if (end > (ends.get(timeline) ?? 0n)) ends.set(timeline, end);
  };
  for (const { timeline, last } of log.spans) goesTo(timeline, startOf(last + 1));
  for (const { timeline, name, filledBytes = 0 } of log.begun)
    goesTo(timeline, startOf(segmentNumber(name, segmentBytes)) + BigInt(filledBytes));
  const lines = [...ancestors.map((one) => one.timeline), own];
  return [...ends].flatMap(([timeline, upTo]): Branch[] => {
    const left = ancestors.find((one) => one.timeline === timeline);
    const came = log.histories.get(timeline)?.findLast((one) => lines.includes(one.timeline));
    const parting = left ?? (timeline === own ? undefined : came);
    const isBehind = left === undefined ? reaches(base, timeline, log) : timeline >= fromTimeline;
    // One that is older, and left before the base backup, was given up for what that is of.
    if (parting === undefined || upTo <= parting.leftAt || !(isBehind || timeline > own)) return [];
    return [{ timeline, at: formatLsn(parting.leftAt), upTo: formatLsn(upTo) }];
  });
}

/** Whether a timeline can be come to from a base backup. */
export function reaches({ manifest }: BaseBackup, timeline: number, { histories }: ClusterLog): boolean {
  const { timeline: fromTimeline, stopLsn } = manifest;
  const ancestors = histories.get(timeline) ?? [];
  return leadsTo({ fromTimeline, from: position(stopLsn), timeline, ancestors });
}

export function windowOf({ base, continuity }: Way): Window {
  const { consistentAt, stopLsn } = base.manifest;
  return { from: new Date(consistentAt), fromLsn: stopLsn, toLsn: formatLsn(continuity.end) };
}

/** Whether there is log that cannot be come to, for what lacks before it. */
export function isBroken({ continuity }: Way): boolean {
  return breakOf(continuity) !== undefined;
}

/**
 * Whether what lacks may be on its way yet: segments go side by side, and a later one is there sooner.
 *
 * @param sure - The same way, by what was stored long enough ago.
 */
export function isArriving(way: Way, sure: Way): boolean {
  const { missingCount, conflicting, damaged } = way.continuity;
  return missingCount > 0 && conflicting.length + damaged.length === 0 && !isBroken(sure);
}

/** Whether the log ends before the base backup's own: no point can be recovered from it then. */
export function lacksOwn({ base, continuity }: Way): boolean {
  return continuity.end < position(base.manifest.stopLsn);
}

/** How a way's log stands, in a word. */
export function logWord(way: Way & { readonly arriving: boolean }): 'whole' | 'arriving' | 'broken off' {
  if (!isBroken(way) && !lacksOwn(way)) return 'whole';
  return way.arriving ? 'arriving' : 'broken off';
}

/** Why it breaks off: a code, what is the matter, and where; `undefined` if it does not. */
export function breakOf({ missing, missingCount, conflicting, damaged }: Continuity) {
  const more = missingCount > missing.length ? `, and ${missingCount - missing.length} more` : '';
  const kinds = [
    [
      'WAL_MISSING',
      `${plural(missingCount, missing.some(isHistory) ? 'file' : 'segment')} of the log missing`,
      missing,
      more,
    ],
    ['ARCHIVE_DAMAGED', `${plural(damaged.length, 'segment')} of the log not what was stored`, damaged, ''],
    ['WAL_CONFLICT', 'segments of the log are there with different bytes', conflicting, ''],
  ] as const;
  const [first, ...others] = kinds.filter(([, , names]) => names.length > 0);
  if (first === undefined) return undefined;
  const [code, message, names, rest] = first;
  const besides = others.map(([, what, some]) => `; ${what}: ${some.join(', ')}`).join('');
  return [code, message, names.join(', ') + rest + besides] as const;
}

/** Every timeline that it leads to, the newest last. */
function coursesFrom(base: BaseBackup, log: ClusterLog): Course[] {
  const { timeline: fromTimeline, startLsn, cluster } = base.manifest;
  const all = new Set([fromTimeline, ...log.histories.keys()]);
  return [...all]
    .filter((timeline) => reaches(base, timeline, log))
    .sort((one, other) => one - other)
    .map((timeline) => ({
      from: position(startLsn),
      fromTimeline,
      segmentBytes: cluster.segmentBytes,
      timeline,
      ancestors: log.histories.get(timeline) ?? [],
    }));
}

export function position(text: string): Lsn {
  return parseLsn(text) ?? 0n;
}
