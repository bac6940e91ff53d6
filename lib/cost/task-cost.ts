// What a restore test's task costs: before it runs, for an estimate, and by the hour, for its report too.

import type { PointsInput } from './lines.ts';
import type { Prices } from './prices.ts';
import { reckonTaskSize, type VolumeSize } from './task-size.ts';

/** What is rented for a restore test. */
export type RentedTask = {
  readonly vcpu: number;
  readonly memoryMib: number;
  /** Of the task itself, without the volume. */
  readonly storageGib: number;
  readonly volume?: VolumeSize | undefined;
  readonly publicAddress: boolean;
};

/** Pulling the image and starting the server. */
export const startSeconds = 120;
/** Half of what two cores did (docs/performance.md); an index is made by one core, however many there are. */
const restoreBytesPerSecond = 25e6;
/** What is stored, of what it holds. */
const baseBackupShare = 1 / 2;
const logShare = 1 / 4;
/** Laid down and read by amcheck, from one core each. */
const layOutBytesPerSecond = 50e6;
/** One process replays: two segments a second. */
const replayBytesPerSecond = 2 * 16 * 2 ** 20;
const freeStorageGib = 20;
/** What a gp3 volume does without a surcharge. @see https://aws.amazon.com/ebs/pricing/ */
const freeRate = { iops: 3000, throughputMib: 125 } as const;
const hoursPerMonth = 730;

/** Reckons a restore test of a dump, and of a recovery to a point after it. */
export function restoreTaskFor(
  { plainBytes, points }: { readonly plainBytes: number; readonly points?: PointsInput | undefined },
  price: Prices,
  publicAddress: boolean,
) {
  const recovery = points === undefined ? { laidDown: 0, replayed: 0 } : recoveryOf(points);
  const { cpu, memoryMib, ephemeralStorageGib, volume } = reckonTaskSize(
    plainBytes,
    recovery.laidDown + recovery.replayed,
  );
  const task = { vcpu: cpu / 1024, memoryMib, storageGib: ephemeralStorageGib, volume, publicAddress };
  return {
    vcpu: task.vcpu,
    memoryGb: memoryMib / 1024,
    /** Where the database lies. */
    storageGb: volume?.sizeGib ?? ephemeralStorageGib,
    hours:
      (startSeconds +
        plainBytes / restoreBytesPerSecond +
        recovery.laidDown / layOutBytesPerSecond +
        // The point is any of the window.
        recovery.replayed / 2 / replayBytesPerSecond) /
      3600,
    usdPerHour: usdPerHour(task, price),
  };
}

/** At most, of a base backup that is as old as it gets: plain bytes, of what is stored compressed. */
function recoveryOf({ baseBackupBytes, baseBackupDays, walBytesPerDay }: PointsInput) {
  return {
    laidDown: baseBackupBytes / baseBackupShare,
    replayed: (walBytesPerDay * baseBackupDays) / logShare,
  };
}

/** What AWS charges for a task while it runs, in US dollars an hour. */
export function usdPerHour(task: RentedTask, price: Prices): number {
  return (
    task.vcpu * price.fargateVcpuHour +
    (task.memoryMib / 1024) * price.fargateGbHour +
    Math.max(0, task.storageGib - freeStorageGib) * price.fargateStorageGbHour +
    (task.volume === undefined ? 0 : volumeUsdPerMonth(task.volume, price) / hoursPerMonth) +
    (task.publicAddress ? price.publicIpv4Hour : 0)
  );
}

function volumeUsdPerMonth({ sizeGib, iops, throughputMib }: VolumeSize, price: Prices): number {
  return (
    sizeGib * price.ebsGbMonth +
    Math.max(0, iops - freeRate.iops) * price.ebsIopsMonth +
    Math.max(0, throughputMib - freeRate.throughputMib) * price.ebsThroughputMibMonth
  );
}
