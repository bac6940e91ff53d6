// report: finds what a restore test has left in the vault, and draws its page.

import { parseArchiveId, reportsPrefix } from '../../archive/names.ts';
import { OffsiteError } from '../../base/errors.ts';
import type { ArchiveStore } from '../../store/store.ts';
import { restoreTestCost } from '../cost.ts';
import type { ReportHistory } from '../history.ts';
import type { RestoreReport } from '../report.ts';
import { type ReportPage, renderReportPage } from './page.ts';
import { readReportAt, reportKeys } from './read-history.ts';

export type FoundReport = {
  readonly key: string;
  readonly report: RestoreReport;
  /** Keys of newer ones that could not be read. */
  readonly unreadable: readonly string[];
};

/**
 * Finds the newest report.
 *
 * @param wanted - An archive's id, for the newest report of that archive; without it, of any archive of the source.
 * @throws {@link OffsiteError} `REPORT_MISSING` if there is none that can be read; `ARCHIVE_ID_INVALID`.
 */
export async function findReport(store: ArchiveStore, source: string, wanted?: string): Promise<FoundReport> {
  const id = wanted === undefined ? undefined : parseArchiveId(wanted);
  const keys = await reportKeys(store, id?.source ?? source);
  const chosen = keys.filter((key) => id === undefined || key.split('/').at(-2) === id.id).reverse();
  const unreadable: string[] = [];
  for (const key of chosen) {
    const report = await readReportAt(store, key);
    if (report !== undefined) return { key, report, unreadable };
    unreadable.push(key);
  }
  throw noReport(`${reportsPrefix}${id?.source ?? source}/`, wanted ?? source, keys, unreadable);
}

/**
 * Draws a report's page.
 *
 * @param kept - Where the report is: its key, or the file beside the page.
 * @param history - What the vault shows of the nights and tests before it.
 * @param region - Whose prices what the test ran in has.
 */
export function drawReport(
  { report, kept }: Pick<ReportPage, 'report' | 'kept'>,
  history: ReportHistory,
  region: string | undefined,
): string {
  return renderReportPage({ report, kept, costUsd: restoreTestCost(report, region), history });
}

function noReport(
  prefix: string,
  whose: string,
  keys: readonly string[],
  unreadable: readonly string[],
): OffsiteError {
  const found =
    unreadable.length > 0
      ? `${unreadable.length} that this version cannot read: ${unreadable[0]}`
      : keys.length > 0
        ? `reports of other archives: ${keys.slice(-3).join(', ')}`
        : 'none';
  const hint =
    unreadable.length > 0
      ? 'update this installation (git pull && npm ci), or look at it with aws s3 cp'
      : keys.length > 0
        ? "'offsite report' without an id shows the newest"
        : "a test runs every quarter; start one now: 'aws lambda invoke --function-name <LaunchRestoreTestFunction> /dev/stdout'";
  return new OffsiteError('REPORT_MISSING', `there is no report of a restore test of ${whose}`, {
    expected: `a report under ${prefix}`,
    found,
    hint,
  });
}
