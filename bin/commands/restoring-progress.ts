// How far a restore is: the bytes that are read, then what is made of them.

import { printable } from '../../lib/base/printable.ts';
import { formatDuration } from '../../lib/base/quantities.ts';
import type { InPlaceOptions } from '../../lib/restore/in-place.ts';
import type { BuildProgress } from '../../lib/restore/indexes.ts';
import { usualSessions } from '../../lib/restore/load.ts';
import type { Restorable } from '../../lib/restore/restorable.ts';
import { warn } from './print.ts';
import { restoreWords, whileReading } from './reading-progress.ts';
import type { ReadingStore } from './reading-store.ts';

const stages = {
  load: restoreWords.ended,
  compare: 'comparing with what was dumped, making statistics',
  swap: 'changing places',
};

/** A gzip archive of a dump is hardly shorter than that. */
const packedAtMost = 20;

/** Of less than this, nobody can tell what the rest will take. */
const leastShare = 0.05;

/**
 * What is said while indexes are made.
 *
 * @param tookMs - From the first of them to the beginning of this one.
 * @param sinceMs - Since then.
 */
export function buildingWords(
  { name, made, known, share }: BuildProgress,
  tookMs: number,
  sinceMs: number,
): string {
  const leftMs = share < leastShare ? 0 : (tookMs / share) * (1 - share) - sinceMs;
  const left = leftMs < 1000 ? '' : `, about ${roughly(leftMs)} left`;
  return `indexes and keys: ${made} of ${known}${left}, now ${printable(name)}`;
}

function roughly(durationMs: number): string {
  if (durationMs < 90_000) return `${Math.round(durationMs / 1000)} s`;
  return formatDuration(Math.round(durationMs / 60_000) * 60_000).replace(' 0 s', '');
}

/** What a restore is told of what it restores, and tells of how far it is. */
export type Reading = Pick<
  InPlaceOptions,
  | 'dump'
  | 'byHand'
  | 'source'
  | 'roles'
  | 'compare'
  | 'plainBytes'
  | 'onStage'
  | 'onBuild'
  | 'warn'
  | 'signal'
> & {
  /** Sessions that fit it. */
  readonly jobs: number;
};

/** Shows how far it is for as long as it works. */
export function whileRestoring<T>(
  {
    restorable,
    vault,
    quiet,
  }: {
    readonly restorable: Restorable;
    readonly vault?: ReadingStore | undefined;
    readonly quiet?: boolean | undefined;
  },
  signal: AbortSignal,
  work: (reading: Reading) => Promise<T>,
): Promise<T> {
  const { name, manifest, inventory, plainBytes, byHand, bytes } = restorable;
  let ended: () => string = () => restoreWords.ended;
  const words = {
    ...restoreWords,
    get ended() {
      return ended();
    },
  };
  let beganAt: number | undefined;
  return whileReading({ name, words, quiet }, (meter) => {
    if (vault !== undefined) vault.said.by = meter.say;
    return work({
      dump: () => restorable.dump(meter.bytes, signal),
      byHand,
      source: manifest?.database,
      roles: inventory?.roles,
      compare: { inventory },
      plainBytes,
      jobs: usualSessions(plainBytes ?? bytes * packedAtMost),
      onStage: (stage) => {
        ended = () => stages[stage];
      },
      onBuild: (build) => {
        const at = performance.now();
        beganAt ??= at;
        const tookMs = at - beganAt;
        ended = () => buildingWords(build, tookMs, performance.now() - at);
      },
      warn,
      signal,
    });
  });
}
