// From which base backup, along which timeline, a point is recovered; and whether the log leads there, whole. All of it is known
// before a byte of the base backup is fetched.

import type { ArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { plural } from '../base/quantities.ts';
import type { BaseBackupManifest } from '../basebackup/manifest.ts';
import { type Continuity, type Course, continuityOf, leadsTo } from '../wal/continuity.ts';
import type { FoldedLog } from '../wal/fold.ts';
import { type Ancestor, historyName, isHistory } from '../wal/history.ts';
import { formatLsn, type Lsn, parseLsn, segmentNumber } from '../wal/segment.ts';
import type { RecoveryTarget } from './target.ts';

export type BaseBackup = { readonly id: ArchiveId; readonly manifest: BaseBackupManifest };

/** The log of one cluster. */
export type ClusterLog = FoldedLog & {
  readonly histories: ReadonlyMap<number, readonly Ancestor[]>;
};

/** A way to a point. */
export type Way = {
  readonly base: BaseBackup;
  readonly timeline: number;
  readonly continuity: Continuity;
  /** Where its timeline begins, if that is another than the base backup's. */
  readonly begins?: Lsn | undefined;
  /** Timelines that it leaves, though they go on: what is on them after that is not on this way. */
  readonly leaves: readonly { readonly timeline: number; readonly at: string; readonly upTo: string }[];
};

/** Points that a way leads to. */
export type Window = {
  /** By the server's clock. */
  readonly from: Date;
  readonly fromLsn: string;
  readonly toLsn: string;
};

/**
 * Chooses the base backup: the newest that is older than the point.
 *
 * @param bases - The newest first.
 * @returns `undefined` if each is younger.
 */
export function chooseBase(bases: readonly BaseBackup[], target: RecoveryTarget): BaseBackup | undefined {
  return bases.find(({ manifest }) => {
    if (target.kind === 'time') return BigInt(Date.parse(manifest.consistentAt)) * 1000n <= target.micros;
    return target.kind !== 'lsn' || position(manifest.stopLsn) <= target.lsn;
  });
}

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
  const begins = course.timeline === course.fromTimeline ? undefined : course.ancestors.at(-1)?.leftAt;
  return { base, timeline: course.timeline, continuity, begins, leaves: leavesOf(course, log) };
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
  { ancestors, segmentBytes, fromTimeline }: Course,
  { spans, begun }: FoldedLog,
): Way['leaves'] {
  const startOf = (segment: number) => BigInt(segment) * BigInt(segmentBytes);
  return ancestors.flatMap(({ timeline, leftAt }) => {
    const isOwn = (one: { readonly timeline: number }) => one.timeline === timeline;
    const ends = [
      ...spans.filter(isOwn).map(({ last }) => startOf(last + 1)),
      ...begun
        .filter(isOwn)
        .map(({ name, filledBytes = 0 }) => startOf(segmentNumber(name, segmentBytes)) + BigInt(filledBytes)),
    ];
    const upTo = ends.reduce((most, end) => (end > most ? end : most), 0n);
    if (timeline < fromTimeline || upTo <= leftAt) return [];
    return [{ timeline, at: formatLsn(leftAt), upTo: formatLsn(upTo) }];
  });
}

export function windowOf({ base, continuity }: Way): Window {
  const { consistentAt, stopLsn } = base.manifest;
  return { from: new Date(consistentAt), fromLsn: stopLsn, toLsn: formatLsn(continuity.end) };
}

/**
 * Sees whether the log leads to the point, as far as its files tell; a time is looked for in the log itself.
 *
 * @param despiteGap - All of the log may be all of it up to where it breaks off.
 * @throws {@link OffsiteError} `WAL_MISSING`, `ARCHIVE_DAMAGED` or `WAL_CONFLICT` where it breaks off before, `POINT_OUTSIDE_WINDOW` where it ends before.
 */
export function assertLeadsTo(way: Way, target: RecoveryTarget, despiteGap: boolean): void {
  const { continuity, base } = way;
  // A server stops at a record that begins there or later; none begins at the log's end.
  const needed = target.kind === 'lsn' ? target.lsn + 1n : position(base.manifest.stopLsn);
  // Whether the point is before another timeline begins cannot be told, either.
  const isAstray = target.kind !== 'immediate' && continuity.missing.some(isHistory);
  const mustBeWhole = (target.kind === 'latest' && isBroken(way)) || isAstray;
  if (continuity.end < needed || (mustBeWhole && !despiteGap)) throw beyondError(way);
  if (target.kind === 'latest' && !despiteGap && continuity.end < (way.begins ?? 0n)) throw shortError(way);
}

/** A promotion is known by its history at once; the segment that it came in, once that is full. */
function shortError({ timeline, begins = 0n, continuity }: Way): OffsiteError {
  return new OffsiteError('WAL_MISSING', `the log in the vault ends before timeline ${timeline} begins`, {
    expected: `log up to ${formatLsn(begins)}, where timeline ${timeline} begins`,
    found: `its end at ${formatLsn(continuity.end)}`,
    hint: 'on the server that was promoted, SELECT pg_switch_wal() has the segment archived: ship it; or recover what there is (--to-latest --despite-gap)',
  });
}

/**
 * The error of a point that the log does not lead to.
 *
 * @param until - The newest transaction that it holds, where that is known.
 */
export function beyondError(way: Way, until?: string): OffsiteError {
  const { base, continuity, timeline } = way;
  const { from, toLsn } = windowOf(way);
  const to = until === undefined ? '' : `, and before ${until}`;
  const expected =
    continuity.end < position(base.manifest.stopLsn)
      ? `the log that ${base.id.id} needs, up to ${base.manifest.stopLsn}`
      : `a point from ${from.toISOString()} on${to}, on timeline ${timeline}: up to position ${toLsn}`;
  const broken = breakOf(continuity);
  if (broken !== undefined) {
    const [code, message, found] = broken;
    return new OffsiteError(code, message, {
      expected,
      found,
      hint: `look for what is missing on the server and in the folder that is shipped, and ship it; or recover what there is ${continuity.missing.some(isHistory) ? `on timeline ${timeline} (--timeline ${timeline})` : 'before it (--to-latest --despite-gap), or a point after a later base backup'}`,
    });
  }
  return new OffsiteError('POINT_OUTSIDE_WINDOW', 'the log in the vault does not lead to that point', {
    expected,
    found: `the log ends with ${continuity.begun?.name ?? continuity.newest ?? 'nothing after the base backup'}`,
    hint: '--to-latest recovers all of it; what is later was not shipped, or is on another timeline (--timeline)',
  });
}

/** The error of a point before every base backup. */
export function beforeError(bases: readonly BaseBackup[], source: string): OffsiteError {
  const oldest = bases.at(-1);
  if (oldest === undefined) {
    return new OffsiteError('BASE_BACKUP_MISSING', `there is no base backup of ${source}`, {
      expected: 'a base backup from before the point',
      found: 'none',
      hint: "offsite basebackup takes one, for points from then on; the nightly archives are something else: 'offsite list' shows them",
    });
  }
  const { consistentAt, stopLsn } = oldest.manifest;
  return new OffsiteError('POINT_OUTSIDE_WINDOW', 'the point is before the oldest base backup', {
    expected: `a point from ${consistentAt} on (position ${stopLsn})`,
    found: `no base backup that is older than the point: the oldest is ${oldest.id.id}`,
    hint: "before it, there are the nightly archives: 'offsite list' shows them",
  });
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

/** How a way's log stands, in a word. */
export function logWord(way: Way & { readonly arriving: boolean }): 'whole' | 'arriving' | 'broken off' {
  if (!isBroken(way)) return 'whole';
  return way.arriving ? 'arriving' : 'broken off';
}

function breakOf({ missing, missingCount, conflicting, damaged }: Continuity) {
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
function coursesFrom({ manifest }: BaseBackup, { histories }: ClusterLog): Course[] {
  const common = {
    from: position(manifest.startLsn),
    fromTimeline: manifest.timeline,
    segmentBytes: manifest.cluster.segmentBytes,
  };
  const own = histories.get(manifest.timeline) ?? [];
  const stop = position(manifest.stopLsn);
  const children = [...histories]
    .filter(([timeline, ancestors]) =>
      leadsTo({ fromTimeline: manifest.timeline, from: stop, timeline, ancestors }),
    )
    .map(([timeline, ancestors]) => ({ ...common, timeline, ancestors }));
  const all = [{ ...common, timeline: manifest.timeline, ancestors: own }, ...children];
  const known = new Map(all.map((course) => [course.timeline, course]));
  return [...known.values()].sort((one, other) => one.timeline - other.timeline);
}

function position(text: string): Lsn {
  return parseLsn(text) ?? 0n;
}
