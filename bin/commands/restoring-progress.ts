// How far a restore is: the bytes that are read, then what is made of them.

import { printable } from '../../lib/base/printable.ts';
import type { InPlaceOptions } from '../../lib/restore/in-place.ts';
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

/** What a restore is told of what it restores, and tells of how far it is. */
export type Reading = Pick<
  InPlaceOptions,
  'dump' | 'source' | 'roles' | 'compare' | 'plainBytes' | 'onStage' | 'onBuild' | 'warn' | 'signal'
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
  const { name, manifest, inventory, plainBytes, bytes } = restorable;
  const words = { ...restoreWords };
  return whileReading({ name, words, quiet }, (meter) => {
    if (vault !== undefined) vault.said.by = meter.say;
    return work({
      dump: () => restorable.dump(meter.bytes, signal),
      source: manifest?.database,
      roles: inventory?.roles,
      compare: { inventory },
      plainBytes,
      jobs: usualSessions(plainBytes ?? bytes * packedAtMost),
      onStage: (stage) => {
        words.ended = stages[stage];
      },
      onBuild: ({ name: what, made, known }) => {
        words.ended = `${restoreWords.ended}: ${made} of ${known}, now ${printable(what)}`;
      },
      warn,
      signal,
    });
  });
}
