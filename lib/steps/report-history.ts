// report-history: reads what the trends of a restore report are drawn from. However long a source has been kept, the
// newest tests and nights are read and no more.

import { type ArchiveId, parseKey, reportsPrefix, verdictsPrefix } from '../core/archive.ts';
import { historyLimits, nightPoint, type ReportHistory, testPoint } from '../core/report-history.ts';
import { parseRestoreReport, type RestoreReport } from '../core/restore-report.ts';
import type { Verdict } from '../core/verdict.ts';
import type { ArchiveStore } from '../io/archive-store.ts';
import { readVerdict } from './catalogue.ts';

const readsInFlight = 16;

/**
 * Reads the past of a report: the tests before it, and the nights up to its archive's or its own time.
 *
 * @returns Oldest first; what cannot be read as a report or a verdict is left out.
 */
export async function readHistory(store: ArchiveStore, report: RestoreReport): Promise<ReportHistory> {
  const { source, startedAt } = report;
  const until = new Date(startedAt);
  const keys = (await reportKeys(store, source)).filter((key) => testedAt(key) <= nameOf(until));
  const reports = await readEach(keys.slice(-historyLimits.tests), (key) => readReportAt(store, key));
  const nights = await nightIds(store, source, until);
  const verdicts = await readEach(nights.slice(-historyLimits.nights), (id) => readVerdict(store, id));
  return {
    tests: reports.filter((one): one is RestoreReport => one !== undefined).map(testPoint),
    nights: verdicts.filter((one): one is Verdict => one !== undefined).map(nightPoint),
  };
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
