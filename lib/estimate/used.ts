// What a source costs by what the vault shows of it, beside what was to be expected. AWS's bill alone knows the whole.

import { formatBytes, plural } from '../base/quantities.ts';
import { gib } from '../cost/lines.ts';
import { prices } from '../cost/prices.ts';
import { type KeptPeriods, keptBeyondDays } from '../retention/periods.ts';
import { type Estimate, estimateCost } from './monthly.ts';

export type UsedInput = {
  /** Of the newest proven archive. */
  readonly compressedBytes: number;
  readonly plainBytes: number;
  readonly archivesPerDay: number;
  /** Of all archives that are in the vault now. */
  readonly archives: number;
  readonly storedBytes: number;
  /** Of the restore tests of the last twelve months, US dollars; `undefined` where none ran in the cloud. */
  readonly testsUsd: number | undefined;
  readonly policy: KeptPeriods & { readonly keepDays?: number };
  readonly region: string;
};

/** A month, in cents; `used` is what can be measured from here. */
export type UsedLine = {
  readonly what: string;
  readonly estimated: number;
  readonly used: number | undefined;
  readonly basis: string;
};

export type UsedCost = { readonly pricedLike: Estimate['pricedLike']; readonly lines: readonly UsedLine[] };

/** As the stack is deployed where nothing else is said, and as `offsite estimate` takes it. */
const asDeployed = { keepDays: 14, undoDays: 7, rereadPercent: 15 } as const;
const stored = /^S3 (Standard: archives|Glacier)|^S3: weekly/;
const tests = /^Fargate: restore test/;

/** Holds what was to be expected against what is there. */
export function compareCost(input: UsedInput): UsedCost {
  const { compressedBytes, plainBytes, archivesPerDay, policy, region, storedBytes } = input;
  const { keepDays = asDeployed.keepDays } = policy;
  const estimate = estimateCost({
    ...{ compressedBytes, plainBytes, archivesPerDay, keepDays, region },
    keptBeyondDays: keptBeyondDays(keepDays, policy),
    undoDays: asDeployed.undoDays,
    rereadPercent: asDeployed.rereadPercent,
    encryption: 's3',
    agentAccess: 'policy',
    restoreTestNetwork: 'public',
  });
  const { pricedLike, totalCents } = estimate;
  const sum = (wanted: RegExp) =>
    estimate.lines.reduce((cents, line) => cents + (wanted.test(line.what) ? line.cents : 0), 0);
  const [storage, testing] = [sum(stored), sum(tests)];
  return {
    pricedLike,
    lines: [
      {
        what: 'archives in the vault',
        estimated: storage,
        used: (storedBytes / gib) * prices[pricedLike].s3StandardGbMonth * 100,
        basis: `${formatBytes(storedBytes)} in ${plural(input.archives, 'archive')} now`,
      },
      {
        what: 'restore tests',
        estimated: testing,
        used: input.testsUsd === undefined ? undefined : (input.testsUsd * 100) / 12,
        basis: 'a twelfth of those of the last twelve months',
      },
      {
        what: 'all else',
        estimated: totalCents - storage - testing,
        used: undefined,
        basis: 'verifying, watching, alarms, what is kept for undo: only the bill knows',
      },
    ],
  };
}
