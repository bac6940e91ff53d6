// What the restore test's task is reckoned with before it runs.

import { OffsiteError } from './errors.ts';
import type { Prices } from './prices.ts';
import { sizeRestoreTask } from './restore-task-size.ts';

export type ReckonedTask = {
  readonly vcpu: number;
  readonly memoryGb: number;
  readonly storageGb: number;
  readonly hours: number;
  readonly usdPerHour: number;
};

/** Pulling the image and starting the server. */
const startSeconds = 120;
/** Half of what two cores did (docs/performance.md); an index is made by one core, however many there are. */
const restoreBytesPerSecond = 25e6;
/** Task storage that costs nothing. */
const freeStorageGb = 20;

/** Reckons a restore test of a dump. */
export function restoreTaskFor(plainBytes: number, price: Prices): ReckonedTask {
  const { vcpu, memoryGb, storageGb, volumeGb } = partsFor(plainBytes);
  const usdPerHour =
    vcpu * price.fargateVcpuHour +
    memoryGb * price.fargateGbHour +
    Math.max(0, storageGb - freeStorageGb) * price.fargateStorageGbHour +
    (volumeGb * price.ebsGbMonth) / 730 +
    price.publicIpv4Hour;
  const hours = (startSeconds + plainBytes / restoreBytesPerSecond) / 3600;
  return { vcpu, memoryGb, storageGb: Math.max(storageGb, volumeGb), hours, usdPerHour };
}

function partsFor(plainBytes: number) {
  try {
    const { cpu, memoryMib, ephemeralStorageGib } = sizeRestoreTask(plainBytes);
    return { vcpu: cpu / 1024, memoryGb: memoryMib / 1024, storageGb: ephemeralStorageGib, volumeGb: 0 };
  } catch (error) {
    if (!(error instanceof OffsiteError)) throw error;
    // Beyond what a task's own storage holds: the largest task, and a volume for the rest.
    const neededGb = Math.ceil((plainBytes / 2 ** 30) * 2.2) + 8;
    return { vcpu: 4, memoryGb: 16, storageGb: 200, volumeGb: neededGb };
  }
}
