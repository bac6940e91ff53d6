// From which base backup, along which timeline, a point is recovered; and whether the log leads there, whole. All of it is known
// before a byte of the base backup is fetched.

import { OffsiteError } from '../base/errors.ts';
import { isHistory } from '../wal/history.ts';
import { formatLsn } from '../wal/segment.ts';
import type { RecoveryTarget } from './target.ts';
import { type BaseBackup, breakOf, isBroken, position, type Way, windowOf } from './way.ts';

/** None is shorter. */
const recordHeaderBytes = 24n;

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
  // A copy ends with its last byte that is no zero; what lacks then may be the end of a record, and no record.
  const isShort = continuity.end + (continuity.begun === undefined ? 1n : recordHeaderBytes) <= way.knownTo;
  if (target.kind === 'latest' && !despiteGap && isShort) throw shortError(way);
}

/** A promotion is known by its history at once; the segment that it came in, once that is full. */
function shortError({ timeline, knownTo, continuity }: Way): OffsiteError {
  return new OffsiteError('WAL_MISSING', 'the log in the vault ends before a server was promoted', {
    expected: `log of timeline ${timeline} up to ${formatLsn(knownTo)}, where a timeline begins`,
    found: `its end at ${formatLsn(continuity.end)}`,
    hint: 'on the server that was promoted, SELECT pg_switch_wal() has its segment archived: ship it; leave --timeline out, if one was named; or recover what there is (--to-latest --despite-gap), on the timeline before it perhaps (--timeline)',
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
      hint: `look for what is missing on the server and in the folder that is shipped, and ship it; or recover what there is before it (--to-latest --despite-gap), on this timeline alone (--timeline ${timeline}), or a point after a later base backup`,
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
