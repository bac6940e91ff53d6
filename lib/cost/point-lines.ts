// Lines of a cost estimate: what points in time cost besides, base backups and the log.

import { formatBytes, formatCount } from '../base/quantities.ts';
import { type CostLine, type EstimateInput, gib, lifeOf, line } from './lines.ts';
import type { Prices } from './prices.ts';
import { startSeconds, usdPerHour } from './task-cost.ts';
import { functionReads } from './task-size.ts';

/** One a minute of a quiet server; of a busy one each is a quarter of its 16 MiB. */
const leastSegments = 1440;
const segmentBytes = 4 * 2 ** 20;
/** Of the function that reads them, which has 1.73 GB: measured for dumps, which inflate as fast. */
const gbSecondsPerSegment = 0.14;
const readBytesPerSecond = 75e6;
/** As the stack defines it. */
const verifyTask = { vcpu: 1, memoryMib: 2048, storageGib: 21 } as const;
const listedAtOnce = 1000;
const monthDays = 730 / 24;

/** @returns No line where nothing of that is stored. */
export function pointLines(input: EstimateInput, price: Prices): CostLine[] {
  const { points } = input;
  if (points === undefined) return [];
  const { baseBackupBytes, baseBackupDays, walBytesPerDay } = points;
  const { keptDays, undoneDays } = lifeOf(input);
  // One that is older stays: what was recovered on the first of the days begins with it.
  const bases = Math.max(2, Math.ceil(keptDays / baseBackupDays) + 1) + undoneDays / baseBackupDays;
  const walDays = keptDays + baseBackupDays + undoneDays;
  const segments = Math.max(leastSegments, walBytesPerDay / segmentBytes);
  const perMonth = segments * monthDays;
  const month = price.s3StandardGbMonth;
  // A look each hour, and all of the log twice a day.
  const lists = 730 * 4 + (2 * monthDays * segments * walDays) / listedAtOnce;
  const readings = monthDays / baseBackupDays;
  const readSeconds = baseBackupBytes / readBytesPerSecond;
  const takesTask = baseBackupBytes > functionReads.compressedBytes;
  const baseGbSeconds = takesTask ? 0 : readings * readSeconds * 1.73;
  const taskHours = (readings * (startSeconds + readSeconds)) / 3600;
  const task = { ...verifyTask, publicAddress: input.restoreTestNetwork === 'public' };
  const gbSeconds = perMonth * gbSecondsPerSegment + baseGbSeconds;
  return [
    line(
      'S3 Standard: base backups',
      `${bases.toFixed(1)} of ${formatBytes(baseBackupBytes)}`,
      ((bases * baseBackupBytes) / gib) * month,
    ),
    line(
      'S3 Standard: log',
      `${formatBytes(walBytesPerDay)} x ${walDays} days`,
      ((walBytesPerDay * walDays) / gib) * month,
    ),
    line(
      'S3 requests: log',
      `${round(perMonth)} PUT and GET, ${round(lists)} LIST`,
      // Each object that is stored is an event, too.
      perMonth * (price.s3Put + price.s3Get + price.event) + lists * price.s3Put,
    ),
    line('Lambda: verify log, base backups', `${round(gbSeconds)} GB-s`, gbSeconds * price.lambdaGbSecond),
    ...(takesTask
      ? [
          line(
            'Fargate: verify base backups',
            `${taskHours.toFixed(1)} hours of 1 vCPU`,
            taskHours * usdPerHour(task, price),
          ),
        ]
      : []),
  ];
}

function round(count: number): string {
  return formatCount(Math.round(count));
}
