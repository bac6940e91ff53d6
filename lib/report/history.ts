// What the pictures of a source's page are drawn from: one point a past restore test, one point a night.

import { type CatalogueEntry, countedRows, countsAsIntact, type Standing } from '../archive/catalogue-of.ts';
import { totalRows } from '../archive/inventory.ts';
import { restoreTestCost } from './cost.ts';
import type { RestoreReport, StageName } from './report.ts';

/** A restore test, as the trend shows it. */
export type TestPoint = {
  readonly archiveId: string;
  readonly startedAt: Date;
  readonly outcome: RestoreReport['outcome'];
  /** The archive may have come back, and the recovery to a point in time not. */
  readonly pointFailed?: boolean | undefined;
  /** Whether it ran in the cloud's task: another machine has another speed. */
  readonly inTask: boolean;
  /** The measured restore time; of a failed test there is none. */
  readonly recoveryMs?: number | undefined;
  /** How much of it had gone by when the last row was in; what remained made indexes and keys. */
  readonly loadMs?: number | undefined;
  /** Of the dump that was restored, and of what came of it on disk. */
  readonly plainBytes?: number | undefined;
  readonly databaseBytes?: number | undefined;
  readonly rows?: number | undefined;
  readonly torrents?: number | undefined;
  /** US dollars; of a test in the cloud. */
  readonly costUsd?: number | undefined;
};

/** A night's archive, as its verdict describes it. */
export type NightPoint = {
  readonly archiveId: string;
  /** The date that counts. */
  readonly takenAt: Date;
  readonly verdict: Standing;
  readonly compressedBytes: number;
  /** Where the dump could be read. */
  readonly plainBytes?: number | undefined;
  readonly torrents?: number | undefined;
  readonly rows?: number | undefined;
  /** Retention has taken it since. */
  readonly isGone?: boolean;
};

/** The newest tests that are read and shown: five years of quarters. */
export const testsShown = 20;

/**
 * A report as a point of the trend.
 *
 * @param region - Where it ran, for its prices.
 */
export function testPoint(report: RestoreReport, region?: string): TestPoint {
  const { id, startedAt, outcome, task, archive, restoration, comparisons, torrents, point } = report;
  const passed = outcome === 'passed';
  return {
    archiveId: id,
    startedAt: new Date(startedAt),
    outcome,
    pointFailed: point?.outcome === 'failed',
    inTask: task !== undefined,
    recoveryMs: passed ? recoveryMsOf(report) : undefined,
    loadMs: passed ? loadMsOf(report) : undefined,
    plainBytes: archive?.plainBytes,
    databaseBytes: restoration?.databaseBytes,
    rows: comparisons.length === 0 ? undefined : restoredRowsOf(report),
    torrents: torrents ?? undefined,
    costUsd: restoreTestCost(report, region),
  };
}

/** The last test before another that it may be held against: one that passed, and on such a machine. */
export function comparableBefore(tests: readonly TestPoint[], current: TestPoint): TestPoint | undefined {
  return tests.findLast(
    ({ startedAt, outcome, inTask }) =>
      outcome === 'passed' && startedAt < current.startedAt && inTask === current.inTask,
  );
}

/** From the first byte asked for to the last index: how long a real recovery would take at least. */
export function recoveryMsOf({ restoration, durationMs }: RestoreReport): number {
  return restoration?.recoveryMs ?? durationMs;
}

/** Rows of all tables of the restored database; 0 where they were not counted. */
export function restoredRowsOf({ comparisons }: RestoreReport): number {
  const tables = comparisons.filter(({ counted }) => counted === 'rows');
  return tables.reduce((sum, { found }) => sum + (found ?? 0), 0);
}

/** The first byte is asked for when the download begins; reports of earlier versions tell less. */
function loadMsOf(report: RestoreReport): number | undefined {
  const download = report.stages.find(({ stage }) => stage === ('download' satisfies StageName));
  const load = report.stages.findLast(({ stage }) => stage === ('load' satisfies StageName));
  if (download === undefined || load === undefined) return undefined;
  return Math.min(recoveryMsOf(report), load.startMs + load.durationMs - download.startMs);
}

export function nightPoint(entry: CatalogueEntry): NightPoint {
  const { id, datedAt, standing, compressedBytes, plainBytes, inventory } = entry;
  return {
    archiveId: id.id,
    takenAt: datedAt,
    verdict: standing,
    compressedBytes,
    plainBytes,
    torrents: countedRows(entry),
    rows: inventory && totalRows(inventory),
  };
}

/** Whether a night counts as a good one. */
export function isProven({ verdict }: Pick<NightPoint, 'verdict'>): boolean {
  return countsAsIntact(verdict);
}
