// report-history: reads what the trends of a restore report are drawn from. However long a source has been kept, the
// newest tests and nights are read and no more.

import { type ArchiveId, parseKey, reportsPrefix, verdictsPrefix } from '../../archive/names.ts';
import { readAcceptance, readVerdict } from '../../archive/read-catalogue.ts';
import { OffsiteError } from '../../base/errors.ts';
import type { ArchiveStore } from '../../store/store.ts';
import {
  historyLimits,
  type NightPoint,
  nightPoint,
  type ReportHistory,
  type TestPoint,
  testPoint,
} from '../history.ts';
import { parseRestoreReport, type RestoreReport } from '../report.ts';

const readsInFlight = 16;

/**
 * Reads the past of a report: the tests before it, and the nights up to its archive's or its own time.
 *
 * @returns Oldest first; what cannot be read as a report or a verdict is left out.
 */
export async function readHistory(store: ArchiveStore, report: RestoreReport): Promise<ReportHistory> {
  return { tests: await readTests(store, report), nights: await readNights(store, report) };
}

/**
 * Reads as much of a report's past as the store lets us: a report is worth showing without.
 *
 * @returns As {@link readHistory}; `unread` names what could not be read, and why.
 */
export async function readHistoryIfPossible(
  store: ArchiveStore,
  report: RestoreReport,
): Promise<ReportHistory> {
  const unread: string[] = [];
  const without = (what: string) => (error: unknown) => {
    const why = error instanceof OffsiteError ? `${error.message} (${error.found})` : String(error);
    unread.push(`The vault's earlier ${what} could not be read, and are not shown: ${why}.`);
    return [];
  };
  const tests = await readTests(store, report).catch(without('restore tests'));
  const nights = await readNights(store, report).catch(without('nights'));
  return { tests, nights, ...(unread.length > 0 && { unread }) };
}

/** The tests up to an instant, oldest first. */
export async function readTests(
  store: ArchiveStore,
  { source, startedAt }: Pick<RestoreReport, 'source' | 'startedAt'>,
): Promise<TestPoint[]> {
  const until = nameOf(new Date(startedAt));
  const keys = (await reportKeys(store, source)).filter((key) => testedAt(key) <= until);
  const reports = await readEach(keys.slice(-historyLimits.tests), (key) => readReportAt(store, key));
  return reports.filter((one) => one !== undefined).map(testPoint);
}

async function readNights(store: ArchiveStore, { source, startedAt }: RestoreReport): Promise<NightPoint[]> {
  const ids = await nightIds(store, source, new Date(startedAt));
  const points = await readEach(ids.slice(-historyLimits.nights), async (id) => {
    const verdict = await readVerdict(store, id);
    return verdict && nightPoint(verdict, await readAcceptance(store, verdict));
  });
  return points.filter((one) => one !== undefined);
}

/** The keys of all reports of a source, oldest test first. */
export async function reportKeys(store: ArchiveStore, source: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(`${reportsPrefix}${source}/`)) {
    if (key.endsWith('.json')) keys.push(key);
  }
  return keys.sort((one, other) => (testedAt(one) < testedAt(other) ? -1 : 1));
}

/** @returns `undefined` if there is no report at the key, or none that this version understands. */
export async function readReportAt(store: ArchiveStore, key: string): Promise<RestoreReport | undefined> {
  const stored = await store.readText(key);
  return stored && parseRestoreReport(stored.text);
}

async function nightIds(store: ArchiveStore, source: string, until: Date): Promise<ArchiveId[]> {
  const ids: ArchiveId[] = [];
  for await (const { key } of store.list(`${verdictsPrefix}${source}/`)) {
    const parsed = parseKey(key);
    if (parsed?.part === 'verdict' && parsed.id.takenAt <= until) ids.push(parsed.id);
  }
  return ids;
}

async function readEach<T, R>(wanted: readonly T[], read: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < wanted.length; from += readsInFlight) {
    results.push(...(await Promise.all(wanted.slice(from, from + readsInFlight).map(read))));
  }
  return results;
}

/** `2026-11-24-050000Z`, as the last part of a report's key has it: it sorts by time. */
function testedAt(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1, -'.json'.length);
}

function nameOf(instant: Date): string {
  const [day = '', time = ''] = instant.toISOString().split('T');
  return `${day}-${time.slice(0, 8).replaceAll(':', '')}Z`;
}
