import { formatBytes, plural } from '../../lib/base/quantities.ts';
import { wrap } from '../../lib/base/wrap.ts';
import type { EstimateInput } from '../../lib/cost/lines.ts';
import { priceSource, pricesAsOf } from '../../lib/cost/prices.ts';
import { type Estimate, estimateCost } from '../../lib/estimate/monthly.ts';
import { type ArchiveSize, findArchiveSize, namedSize } from '../../lib/estimate/sizes.ts';
import { keptBeyondDays } from '../../lib/retention/periods.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { parseBytes } from '../../lib/store/part-size.ts';
import { wholeNumber } from './flags.ts';
import { print, printJson } from './print.ts';
import { regionOf } from './region.ts';

type Flags = {
  archiveBytes?: string;
  archivesPerDay: string;
  keepDays: string;
  keepWeekly: string;
  keepMonthly: string;
  keepYearly: string;
  rereadPercent: string;
  undoDays: string;
  encryption: EstimateInput['encryption'];
  agentAccess: EstimateInput['agentAccess'];
  restoreTestNetwork: EstimateInput['restoreTestNetwork'];
  glacierAfterDays?: string;
  baseBackupBytes?: string;
  baseBackupDays: string;
  walBytesPerDay: string;
  json?: boolean;
};

export async function runEstimate(settings: Settings, flags: Flags, signal: AbortSignal): Promise<void> {
  const wishes = readWishes(flags);
  const size =
    flags.archiveBytes === undefined
      ? await findArchiveSize(settings.source, settings.dump, signal)
      : namedSize(parseBytes(flags.archiveBytes));
  const input = { ...size, ...wishes, region: regionOf(settings) ?? 'us-east-1' };
  const estimate = estimateCost(input);
  if (flags.json) printJson('estimate', { input, ...estimate, pricesAsOf, priceSource, currency: 'USD' });
  else print(page(size, input, estimate));
}

const upTo = (most: number, least = 1) => ({ least, most, example: 14 });
const upToHundred = upTo(100, 0);
const days = upTo(36_500);

function readWishes(flags: Flags) {
  const keepDays = wholeNumber('--keep-days', flags.keepDays, days);
  return {
    archivesPerDay: wholeNumber('--archives-per-day', flags.archivesPerDay, days),
    keepDays,
    keptBeyondDays: keptBeyondDays(keepDays, {
      keepWeekly: wholeNumber('--keep-weekly', flags.keepWeekly, upToHundred),
      keepMonthly: wholeNumber('--keep-monthly', flags.keepMonthly, upToHundred),
      keepYearly: wholeNumber('--keep-yearly', flags.keepYearly, upToHundred),
    }),
    rereadPercent: wholeNumber('--reread-percent', flags.rereadPercent, upToHundred),
    undoDays: wholeNumber('--undo-days', flags.undoDays, days),
    encryption: flags.encryption,
    agentAccess: flags.agentAccess,
    restoreTestNetwork: flags.restoreTestNetwork,
    ...(flags.glacierAfterDays === undefined
      ? {}
      : { glacierAfterDays: wholeNumber('--glacier-after-days', flags.glacierAfterDays, days) }),
    ...(flags.baseBackupBytes !== undefined && {
      points: {
        baseBackupBytes: parseBytes(flags.baseBackupBytes),
        baseBackupDays: wholeNumber('--base-backup-days', flags.baseBackupDays, days),
        walBytesPerDay: parseBytes(flags.walBytesPerDay),
      },
    }),
  };
}

function page(
  { compressedBytes, plainBytes, knownFrom }: ArchiveSize,
  { archivesPerDay, keepDays, keptBeyondDays = [], undoDays, region }: EstimateInput,
  estimate: Estimate,
): string {
  const nightly = archivesPerDay === 1 ? 'a night' : `${archivesPerDay} times a day`;
  const head = `An archive of ${formatBytes(compressedBytes)} (${formatBytes(plainBytes)} plain) ${nightly}, kept ${keepDays} days and ${undoDays} more for undo${keptBeyondDays.length > 0 ? `, ${plural(keptBeyondDays.length, 'archive')} for longer` : ''}. Size by ${knownFrom}.`;
  const likeWhich =
    estimate.pricedLike === region
      ? `Prices of ${region}`
      : `The prices of ${region} are not in the table: these are those of ${estimate.pricedLike}`;
  const foot = `${likeWhich}, ${pricesAsOf}, in US dollars, without taxes and without any free tier (CloudWatch's has 10 alarms, 10 metrics and 3 dashboards for all of an account). To be checked: https://calculator.aws.`;
  const rows = estimate.lines.map(({ what, basis, cents }) => row(what, basis, cents));
  return [
    ...wrap(head, 80),
    '',
    row('a month', '', 'USD'),
    ...rows,
    row('total', 'monitoring=lean, the default', estimate.totalCents),
    '',
    ...estimate.full.lines.map(({ what, basis, cents }) => row(what, basis, cents)),
    row('total', 'monitoring=full', estimate.full.totalCents),
    '',
    ...wrap(foot, 80),
    ...wrap(
      `${estimate.fetchOnce.what}: ${estimate.fetchOnce.basis}, ${usd(estimate.fetchOnce.cents)} each time.`,
      80,
    ),
    '',
  ].join('\n');
}

/** 80 columns. */
function row(what: string, basis: string, amount: number | 'USD'): string {
  const figure = amount === 'USD' ? amount : usd(amount);
  return `${what.padEnd(32)} ${basis.padEnd(36)} ${figure.padStart(10)}`;
}

function usd(cents: number): string {
  return (cents / 100).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
