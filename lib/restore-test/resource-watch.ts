// What a restore test uses while it runs: the program's own memory, and the disk that its server is on.

import { availableParallelism } from 'node:os';
import { freeBytesOf } from '../base/free-bytes.ts';
import type { RestoreReport } from '../report/report.ts';

const lookEveryMs = 2000;

type ResourcesUsed = NonNullable<RestoreReport['resources']>;

/**
 * Looks at a disk every two seconds.
 *
 * @param directory - On that disk; `undefined` where it is not to be seen.
 * @returns A function that ends the watch and says what was seen.
 */
export async function watchResources(directory: string | undefined): Promise<() => Promise<ResourcesUsed>> {
  if (directory === undefined) return async () => ownUse();
  const before = await freeBytesOf(directory);
  let leastFree = before;
  const look = async () => {
    // The directory may be gone by now; then what was seen counts.
    leastFree = Math.min(leastFree, await freeBytesOf(directory).catch(() => before));
  };
  const timer = setInterval(() => void look(), lookEveryMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await look();
    return { ...ownUse(), peakDiskBytes: before - leastFree, diskBytes: before };
  };
}

function ownUse(): ResourcesUsed {
  return { peakMemoryBytes: process.resourceUsage().maxRSS * 1024, cpus: availableParallelism() };
}
