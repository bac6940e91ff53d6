// How large a Fargate task a restore needs, known before it starts: a task that dies of a full disk after an hour
// proves nothing.

import { OffsiteError } from './errors.ts';
import { formatBytes } from './quantities.ts';

/** A Fargate size: CPU units (1024 a core), memory in MiB, task storage in GiB. */
export type TaskSize = {
  readonly cpu: number;
  readonly memoryMib: number;
  readonly ephemeralStorageGib: number;
};

const gib = 1024 ** 3;

/** Task storage that Fargate offers. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html */
const storageGib = { least: 21, most: 200 };

/**
 * A restored database is about 1.8 times its plain dump (`corpus.sql`: 594 MB from 344 MB); sorting the largest index
 * takes room too.
 */
const databasePerPlainByte = 2.2;
/** The container's own image, the write-ahead log, and room to breathe. */
const overheadGib = 8;

/** Valid pairs of CPU and memory, by the plain bytes up to which they serve. */
const steps = [
  { upToBytes: 8 * gib, cpu: 1024, memoryMib: 4096 },
  { upToBytes: 40 * gib, cpu: 2048, memoryMib: 8192 },
  { upToBytes: Number.POSITIVE_INFINITY, cpu: 4096, memoryMib: 16_384 },
] as const;

/**
 * Sizes the restore test's task.
 *
 * @param plainBytes - Length of the plain dump, from the manifest.
 * @throws {@link OffsiteError} `RESTORE_TEST_TOO_LARGE` if no Fargate task storage can hold the restored database.
 */
export function sizeRestoreTask(plainBytes: number): TaskSize {
  const neededGib = Math.ceil((plainBytes / gib) * databasePerPlainByte + overheadGib);
  if (neededGib > storageGib.most) {
    const mostBytes = ((storageGib.most - overheadGib) / databasePerPlainByte) * gib;
    throw new OffsiteError(
      'RESTORE_TEST_TOO_LARGE',
      'the restored database would not fit into a Fargate task',
      {
        expected: `a plain dump of at most ${formatBytes(mostBytes)} (${storageGib.most} GiB of task storage)`,
        found: `${formatBytes(plainBytes)}, which needs about ${neededGib} GiB`,
        hint: "restore it on a machine of your own instead: 'offsite restore latest' into a fresh database",
      },
    );
  }
  const { cpu, memoryMib } = steps.find(({ upToBytes }) => plainBytes <= upToBytes) ?? steps[2];
  return { cpu, memoryMib, ephemeralStorageGib: Math.max(storageGib.least, neededGib) };
}
