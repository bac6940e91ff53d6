// How large a Fargate task a restore needs, known before it starts: a task that dies of a full disk after an hour
// proves nothing.

import { OffsiteError } from '../base/errors.ts';
import { formatBytes } from '../base/quantities.ts';

/** A Fargate size: CPU units (1024 a core), memory in MiB, task storage in GiB. */
export type TaskSize = {
  readonly cpu: number;
  readonly memoryMib: number;
  readonly ephemeralStorageGib: number;
  /** Where the database lies if task storage cannot hold it; then that holds the image only. */
  readonly volume?: VolumeSize | undefined;
};

/** A volume of EBS, type gp3. */
export type VolumeSize = {
  readonly sizeGib: number;
  readonly iops: number;
  readonly throughputMib: number;
};

const gib = 1024 ** 3;

/**
 * What a function reads of a base backup in its time, as of one reader of a dump, but that a sum of each file is made, too; a larger one
 * is read by a task.
 */
export const functionReads = { compressedBytes: 32 * gib, plainBytes: 128 * gib } as const;

/** Task storage that Fargate offers. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html */
const storageGib = { least: 21, most: 200 };

/**
 * What ECS makes of gp3 for a task.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskManagedEBSVolumeConfiguration.html
 */
const mostVolumeGib = 16_384;

/**
 * How fast a volume is, whatever its size. A plain gp3 does 125 MiB/s, less than one session of a restore writes; eight
 * write, and then sort for their indexes. Four times that, with the operations for pieces of 85 KiB, costs some four cents
 * an hour, a tenth of what the cores cost that would wait for it.
 */
const volumeRate = { iops: 6000, throughputMib: 500 } as const;

/**
 * A restored database is about 1.8 times its plain dump (`corpus.sql`: 594 MB from 344 MB); sorting the largest index
 * takes room too.
 */
const databasePerPlainByte = 2.2;
/** The container's own image, the write-ahead log, and room to breathe. */
const overheadGib = 8;

/** Valid pairs of CPU and memory, by the plain bytes up to which they serve. More cores than sessions would idle. */
const steps = [
  { upToBytes: 8 * gib, cpu: 1024, memoryMib: 4096 },
  { upToBytes: 40 * gib, cpu: 2048, memoryMib: 8192 },
  { upToBytes: 160 * gib, cpu: 4096, memoryMib: 16_384 },
  { upToBytes: Number.POSITIVE_INFINITY, cpu: 8192, memoryMib: 32_768 },
] as const;

/**
 * Sizes the restore test's task.
 *
 * @param plainBytes - Length of the plain dump.
 * @param pointBytes - What a recovery to a point, after it on the same disk, lays down; 0 if there is none.
 * @throws {@link OffsiteError} `RESTORE_TEST_TOO_LARGE` if no volume can hold the restored database.
 */
export function sizeRestoreTask(plainBytes: number, pointBytes = 0): TaskSize {
  const neededGib = roomGib(plainBytes, pointBytes);
  if (neededGib > mostVolumeGib) {
    const mostBytes = ((mostVolumeGib - overheadGib) / databasePerPlainByte) * gib;
    throw new OffsiteError(
      'RESTORE_TEST_TOO_LARGE',
      'the restored database would not fit into a Fargate task',
      {
        expected: `a plain dump of at most ${formatBytes(mostBytes)} (a volume of ${mostVolumeGib} GiB)`,
        found: `${formatBytes(plainBytes)}${pointBytes === 0 ? '' : ` and a recovery of ${formatBytes(pointBytes)}`}, which needs about ${neededGib} GiB`,
        hint: "restore it on a machine of your own instead: 'offsite restore-test latest'",
      },
    );
  }
  return reckonTaskSize(plainBytes, pointBytes);
}

/** The size that a dump takes, be there such a task or not: an estimate has to say something of any dump. */
export function reckonTaskSize(plainBytes: number, pointBytes = 0): TaskSize {
  const { cpu, memoryMib } = steps.find(({ upToBytes }) => plainBytes <= upToBytes) ?? steps[3];
  const neededGib = roomGib(plainBytes, pointBytes);
  if (neededGib <= storageGib.most) {
    return { cpu, memoryMib, ephemeralStorageGib: Math.max(storageGib.least, neededGib) };
  }
  const volume = { sizeGib: neededGib, ...volumeRate };
  return { cpu, memoryMib, ephemeralStorageGib: storageGib.least, volume };
}

/** The restored database is gone when the point is recovered. */
function roomGib(plainBytes: number, pointBytes: number): number {
  return Math.ceil(Math.max(plainBytes * databasePerPlainByte, pointBytes) / gib + overheadGib);
}

/** The slowest that a restore was ever seen to be is ten times this fast (design/performance.md). */
const slowestBytesPerSecond = 4 * 1024 ** 2;
const leastTimeMs = 3_600_000;

/**
 * When a restore test has taken so long that it hangs rather than works.
 *
 * @param plainBytes - Length of the plain dump, from the manifest.
 */
export function restoreTimeLimitMs(plainBytes: number): number {
  return leastTimeMs + Math.ceil(plainBytes / slowestBytesPerSecond) * 1000;
}

/** The least room that a restored database was ever seen to take, in bytes of its plain dump. */
const leastDatabasePerPlainByte = 1.2;

/**
 * Refuses a disk that is too small for certain, before an hour is lost on it.
 *
 * @param way - What gives more room.
 * @throws {@link OffsiteError} `RESTORE_DISK_FULL`.
 */
export function assertDiskHolds(
  plainBytes: number,
  freeBytes: number,
  way = 'set TMPDIR to a larger disk',
): void {
  if (freeBytes >= plainBytes * leastDatabasePerPlainByte) return;
  throw new OffsiteError('RESTORE_DISK_FULL', 'the restored database would not fit on the disk', {
    expected: `at least ${formatBytes(plainBytes * leastDatabasePerPlainByte)}, better ${formatBytes(plainBytes * databasePerPlainByte)}`,
    found: `${formatBytes(freeBytes)} free`,
    hint: `make room, or ${way}`,
  });
}
