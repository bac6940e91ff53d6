// What restore tests have left in the vault, found again. However long a source has been kept, the newest are read and no
// more.

import { instantInName, parseArchiveId, reportsPrefix } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type TestPoint, testPoint, testsShown } from './history.ts';
import { parseRestoreReport, type RestoreReport } from './report.ts';

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

/** The tests up to an instant, oldest first. */
export async function readTests(
  store: ArchiveStore,
  { source, startedAt }: Pick<RestoreReport, 'source' | 'startedAt'>,
  region?: string,
): Promise<TestPoint[]> {
  const until = instantInName(new Date(startedAt));
  const keys = (await reportKeys(store, source)).filter((key) => testedAt(key) <= until);
  const reports = await Promise.all(keys.slice(-testsShown).map((key) => readReportAt(store, key)));
  return reports.filter((one) => one !== undefined).map((report) => testPoint(report, region));
}

/** The keys of all reports of a source, oldest test first. */
async function reportKeys(store: ArchiveStore, source: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(`${reportsPrefix}${source}/`)) {
    if (key.endsWith('.json')) keys.push(key);
  }
  return keys.sort((one, other) => (testedAt(one) < testedAt(other) ? -1 : 1));
}

/** @returns `undefined` if there is no report at the key, or none that this version understands. */
async function readReportAt(store: ArchiveStore, key: string): Promise<RestoreReport | undefined> {
  const stored = await store.readText(key);
  return stored && parseRestoreReport(stored.text);
}

/** `2026-11-24-050000Z`, as the last part of a report's key has it: it sorts by time. */
function testedAt(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1, -'.json'.length);
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
        : "a test runs every quarter; 'offsite restore-test' runs one here and now, 'offsite guard --restore-test' a guard's, and docs/runbook.md has the cloud's command (Restore test overdue)";
  return new OffsiteError('REPORT_MISSING', `there is no report of a restore test of ${whose}`, {
    expected: `a report under ${prefix}`,
    found,
    hint,
  });
}
