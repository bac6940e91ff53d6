// Which point a restore test recovers: any of the window, by a seed that its report names.

import { createHash } from 'node:crypto';

/** In microseconds since 1970; the end is no point of it: a recovery stops before a transaction that ended later. */
export type PointWindow = { readonly from: bigint; readonly until: bigint };

const steps = 2n ** 64n;

/**
 * Chooses a point, each as likely as any other.
 *
 * @returns The same for the same seed and window; `undefined` of a window that has none.
 */
export function choosePoint({ from, until }: PointWindow, seed: string): bigint | undefined {
  if (until <= from) return undefined;
  const drawn = createHash('sha256').update(seed).digest().readBigUInt64BE();
  return from + ((until - from) * drawn) / steps;
}
