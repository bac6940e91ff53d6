// What a source's log looks like to the watcher: up to when points can be recovered, and what is missing on the way there.

import * as z from 'zod';
import { hoursBetween } from '../base/quantities.ts';
import { type BaseBackup, isBroken, type Way } from '../recovery-point/way.ts';
import { formatLsn, parseLsn, segmentAt, segmentName, segmentNumber } from '../wal/segment.ts';

/** What is remembered of a source's log between two looks. */
export const logStateSchema = z.object({
  systemIdentifier: z.string(),
  /** The segment up to which all was there, and when that was stored: no listing has to begin before it. */
  last: z.string(),
  lastStoredAt: z.iso.datetime(),
  /** What was stored by then was asked to be read. */
  lookedUntil: z.iso.datetime(),
  /** When all of it was looked at last; and what was remembered at each look since then. */
  fullAt: z.iso.datetime().optional(),
  looks: z.array(z.object({ last: z.string(), lookedUntil: z.iso.datetime() })).default([]),
  /** Segments that the operator was told are missing, and are. */
  toldMissing: z.array(z.string()).default([]),
});

export type LogState = z.infer<typeof logStateSchema>;

/** What a look at a source's log has shown. */
export type LogSight = {
  /** When the newest point was stored that can be recovered; `undefined` where there is log and no base backup that it could go with. */
  readonly newestAt: Date | undefined;
  /** Since when there is any log. */
  readonly since: Date;
  readonly gaps: readonly LogGap[];
  /** Whether all of it was looked at, from the oldest base backup on. */
  readonly isFull: boolean;
  /** What is to be remembered, but for what is told; absent where there is no base backup. */
  readonly next: Omit<LogState, 'toldMissing'> | undefined;
};

/** Segments that lack on the way from a base backup, and what is lost with them. */
export type LogGap = {
  /** The first of them; damaged ones, too. */
  readonly missing: readonly string[];
  readonly missingCount: number;
  /** There with different bytes. */
  readonly conflicting: readonly string[];
  /** Points from then on are lost, */
  readonly from: Date;
  /** until a later base backup was consistent; without one, up to now. */
  readonly until: Date | undefined;
};

/** All of the log is looked at daily; the hours of the looks differ a little. */
export const fullEveryHours = 20;
/** So many looks are remembered. */
const looksMost = 100;

export function isFullDue(state: LogState | undefined, now: Date): boolean {
  const { fullAt, looks = [] } = state ?? {};
  return (
    fullAt === undefined || hoursBetween(new Date(fullAt), now) >= fullEveryHours || looks.length >= looksMost
  );
}

/**
 * Whether no look has asked yet that a file be read: each has listed what comes after the segment up to which all was there then, so
 * that what was stored over an older one waits for a look at all of it.
 *
 * @param isAfter - Whether the listing that goes on after a segment has it.
 */
export function isUnread(
  storedAt: Date,
  state: LogState | undefined,
  isAfter: (segment: string) => boolean,
): boolean {
  if (state === undefined) return true;
  const before = [...state.looks, state].findLast(
    (look) => Date.parse(look.lookedUntil) < storedAt.getTime(),
  );
  if (before === undefined) return false;
  return before === state || !isAfter(before.last);
}

/**
 * Goes on from where an earlier look ended, as if a base backup had been taken there.
 *
 * @param base - Of the same cluster.
 */
export function resumedAt({ last }: LogState, { id, manifest }: BaseBackup): BaseBackup {
  const { segmentBytes } = manifest.cluster;
  const end = segmentNumber(last, segmentBytes) + 1;
  const position = formatLsn(BigInt(end) * BigInt(segmentBytes));
  const timeline = Number.parseInt(last.slice(0, 8), 16);
  return { id, manifest: { ...manifest, timeline, startLsn: position, stopLsn: position } };
}

export function segmentBefore({ manifest }: BaseBackup): string {
  const { segmentBytes } = manifest.cluster;
  return segmentName(manifest.timeline, startOf(manifest) - 1, segmentBytes);
}

export function beginsAfter({ manifest }: BaseBackup, segment: string): boolean {
  return startOf(manifest) > segmentNumber(segment, manifest.cluster.segmentBytes);
}

/** When the newest point was stored that a way leads to; `undefined` where it has no segment yet. */
export function newestPoint({ continuity: { begun, whole } }: Way): Date | undefined {
  return (begun ?? whole.at(-1))?.storedAt;
}

/**
 * Finds what is missing on ways, each once.
 *
 * @param bases - All of the cluster.
 * @param lastStoredAt - When the segment was stored that the listing goes on from.
 */
export function gapsOf(ways: readonly Way[], bases: readonly BaseBackup[], lastStoredAt?: Date): LogGap[] {
  const told = new Set<string>();
  return ways.filter(isBroken).flatMap(({ base, continuity }) => {
    const { conflicting, damaged, whole } = continuity;
    const missing = [...continuity.missing, ...damaged].sort();
    const missingCount = continuity.missingCount + damaged.length;
    const names = [...missing, ...conflicting];
    if (names.every((name) => told.has(name))) return [];
    for (const name of names) told.add(name);
    const from = whole.at(-1)?.storedAt ?? lastStoredAt ?? new Date(base.manifest.consistentAt);
    const behind = bases.filter((one) => beginsAfter(one, names.at(-1) as string));
    const dates = behind.map(({ manifest }) => Date.parse(manifest.consistentAt));
    const until = dates.length === 0 ? undefined : new Date(Math.min(...dates));
    return [{ missing, missingCount, conflicting, from, until }];
  });
}

/**
 * Decides which gaps are news, and what is remembered of them.
 *
 * @param look - `undefined` where there is no log, or nobody could look at it: what is known stays known then.
 */
export function newsOfLog(
  look: LogSight | undefined,
  before: LogState | undefined,
): {
  readonly newGaps: readonly LogGap[];
  readonly missing: readonly string[];
  readonly state: LogState | undefined;
} {
  const told = new Set(before?.toldMissing);
  const namesOf = ({ missing, conflicting }: LogGap) => [...missing, ...conflicting];
  const missing = look?.gaps.flatMap(namesOf) ?? [];
  const newGaps = look?.gaps.filter((gap) => namesOf(gap).some((name) => !told.has(name))) ?? [];
  if (look?.next === undefined) return { newGaps, missing, state: before };
  // What lies before the part that was looked at is as it was.
  const toldMissing = look.isFull ? missing : [...new Set([...told, ...missing])];
  return { newGaps, missing, state: { ...look.next, toldMissing } };
}

function startOf({ startLsn, cluster }: BaseBackup['manifest']): number {
  return segmentAt(parseLsn(startLsn) ?? 0n, cluster.segmentBytes);
}
