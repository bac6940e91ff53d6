// What a restore test says of its recovery to a point in time; the mail, the page and the terminal say it alike.

import { formatDuration } from '../base/quantities.ts';
import { byGravity, describeTally, tallyOf } from './check-words.ts';
import { brokeOff, particularsOfFailure, sentence } from './failure-words.ts';
import type { PointReport } from './report.ts';

/** How it ended, as a sentence. */
export function pointHeadline(point: PointReport): string {
  if (point.outcome === 'failed') return `Recovery to a point FAILED: ${sentence(point.failure.message)}`;
  return `Recovery to a point passed, in ${formatDuration(point.durationMs)}.`;
}

export function pointProof(point: PointReport) {
  const what = 'recovery to a point in time';
  if (point.outcome === 'failed') {
    const state = brokeOff(point) ? ('not reached' as const) : ('differs' as const);
    return { what, state, result: point.failure.message };
  }
  const result = `${placeOf(point)}; ${describeTally(tallyOf(point.checks))}`;
  return { what, state: 'proven' as const, result };
}

function placeOf({ target }: PointReport): string {
  return target === undefined ? 'the end of the base backup' : `the last transaction by ${target}`;
}

/** Which point of which window, what was asked of it, what failed, and the same again by hand. */
export function pointParticulars(point: PointReport): [string, string][] {
  const { baseBackup, window, target, seed, lastTransactionAt, checks, outcome } = point;
  const chosen = baseBackup !== undefined && (window !== undefined || outcome === 'passed');
  const pairs: [string, string | undefined][] = [
    ...(outcome === 'failed'
      ? [...particularsOfFailure(point.failure), ['to do', point.failure.hint] as [string, string]]
      : []),
    ['from', baseBackup],
    ['window', window && `${window.from} to ${window.until}`],
    ['point', chosen ? `${placeOf(point)}${target === undefined ? '' : `, by the seed ${seed}`}` : undefined],
    ['reached', lastTransactionAt && `last transaction ${lastTransactionAt}`],
    ...byGravity(checks).map(({ name, outcome: found, detail }): [string, string] => [
      name,
      `${found}: ${detail}`,
    ]),
    ['by hand', chosen ? pointCommand(point) : undefined],
  ];
  return pairs.filter((pair): pair is [string, string] => Boolean(pair[1]));
}

/** What recovers the same point on another machine. */
function pointCommand({ baseBackup, target, timeline }: PointReport): string {
  // Without a blank: a mail breaks its lines at them.
  const time = target?.replace(' ', 'T').replace(/\+00$/, 'Z');
  const point = time === undefined ? '--immediate' : `--to-time ${time}`;
  return `offsite restore ${baseBackup} ${point} --timeline ${timeline} --data-directory DIR`;
}
