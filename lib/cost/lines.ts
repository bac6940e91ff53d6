// Lines of a cost estimate: what is estimated for, what one line says, and those of the vault's bytes: for how long each
// version is there, and in which class.

import { formatBytes } from '../base/quantities.ts';
import type { Prices } from './prices.ts';

/** What is stored so that points in time can be recovered. */
export type PointsInput = {
  /** Of one base backup, as it is stored. */
  readonly baseBackupBytes: number;
  /** One in so many days. */
  readonly baseBackupDays: number;
  /** Of a day's log, as it is stored. */
  readonly walBytesPerDay: number;
};

/** What is kept, and how it was deployed. */
export type EstimateInput = {
  /** Of one archive, as it is stored. */
  readonly compressedBytes: number;
  /** Of the plain dump in it. */
  readonly plainBytes: number;
  readonly archivesPerDay: number;
  readonly keepDays: number;
  readonly undoDays: number;
  /** How old those are that stay for their week, month or year once their days are over. */
  readonly keptBeyondDays?: readonly number[] | undefined;
  /** How many of a hundred kept archives are read again in a night; default 0. */
  readonly rereadPercent?: number | undefined;
  readonly encryption: 's3' | 'kms';
  readonly agentAccess: 'policy' | 'user' | 'rolesAnywhere';
  readonly restoreTestNetwork: 'public' | 'endpoints';
  /** Age from which archives lie in Glacier Instant Retrieval. */
  readonly glacierAfterDays?: number | undefined;
  readonly points?: PointsInput | undefined;
  readonly region: string;
};

export type CostLine = {
  readonly what: string;
  readonly basis: string;
  /** A month, in whole cents of the US dollar. */
  readonly cents: number;
};

/** What AWS bills as a GB. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/aws-usage-report-understand.html */
export const gib = 2 ** 30;

/** Makes a line, rounded to whole cents. */
export function line(what: string, basis: string, usd: number): CostLine {
  return { what, basis, cents: Math.round(usd * 100) };
}

/** Glacier Instant Retrieval charges for so long at least. @see https://aws.amazon.com/s3/storage-classes/glacier/ */
const glacierLeastDays = 90;
/** Beside each archive: its manifest (120 bytes for each 8 MiB of plain text), its verdict, a mail's worth of report. */
const recordBytes = (plainBytes: number) => 30_000 + (plainBytes / 2 ** 23) * 120;

/**
 * Days for which a version is paid. Retention runs daily and the lifecycle at midnight, so each is up to a day late. The
 * lock is for `keepDays` from a version's beginning: it ends before retention takes it, and keeps nothing longer.
 */
export function lifeOf({ keepDays, undoDays, glacierAfterDays }: EstimateInput) {
  const keptDays = keepDays + 1;
  const undoneDays = undoDays + 1;
  // Only what is not deleted moves; what was moved stays there.
  const moves = glacierAfterDays !== undefined && glacierAfterDays < keptDays;
  return { keptDays, undoneDays, standardDays: moves ? glacierAfterDays : keptDays, moves };
}

export function storageLines(input: EstimateInput, price: Prices): CostLine[] {
  const { keptDays, undoneDays, standardDays, moves } = lifeOf(input);
  const nightly = input.compressedBytes * input.archivesPerDay;
  const held = (what: string, days: number, gbMonth: number) =>
    line(
      what,
      `${formatBytes(nightly * days)} = ${formatBytes(nightly)} x ${days} days`,
      ((nightly * days) / gib) * gbMonth,
    );
  const movedDays = Math.max(glacierLeastDays, keptDays + undoneDays - standardDays);
  const records = recordBytes(input.plainBytes) * input.archivesPerDay * (keptDays + undoneDays);
  return [
    held('S3 Standard: archives', standardDays, price.s3StandardGbMonth),
    moves
      ? held('S3 Glacier Instant Retrieval', movedDays, price.s3GlacierInstantGbMonth)
      : held('S3 Standard: expired, for undo', undoneDays, price.s3StandardGbMonth),
    ...longKeptLines(input, price),
    line('S3: manifests, verdicts, reports', formatBytes(records), (records / gib) * price.s3StandardGbMonth),
  ];
}

function longKeptLines(input: EstimateInput, price: Prices): CostLine[] {
  const { keptBeyondDays = [], compressedBytes, glacierAfterDays = Number.POSITIVE_INFINITY } = input;
  const count = keptBeyondDays.length;
  if (count === 0) return [];
  const inGlacier = keptBeyondDays.filter((ageDays) => ageDays >= glacierAfterDays).length;
  const gbMonths = inGlacier * price.s3GlacierInstantGbMonth + (count - inGlacier) * price.s3StandardGbMonth;
  const share = inGlacier === 0 ? '' : `, ${inGlacier} Glacier`;
  const basis = `${formatBytes(count * compressedBytes)} = ${formatBytes(compressedBytes)} x ${count}${share}`;
  return [line('S3: weekly, monthly, yearly', basis, (compressedBytes / gib) * gbMonths)];
}
