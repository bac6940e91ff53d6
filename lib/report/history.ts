// What the pictures of a restore report are drawn from: one point a past restore test, one point a night.

import { type Acceptance, isAccepted } from '../archive/acceptance.ts';
import { rowsOf, totalRows } from '../archive/inventory.ts';
import { parseArchiveId } from '../archive/names.ts';
import { countedTable, type Verdict, type VerdictName } from '../archive/verdict.ts';
import type { RestoreReport, StageName } from './report.ts';

/** A restore test, as the trend shows it. */
export type TestPoint = {
  readonly archiveId: string;
  readonly startedAt: Date;
  readonly outcome: RestoreReport['outcome'];
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
};

/** A night's archive, as its verdict describes it. */
export type NightPoint = {
  readonly archiveId: string;
  readonly takenAt: Date;
  /** `accepted`: it was suspicious, until the operator said that it is right. */
  readonly verdict: VerdictName | 'accepted';
  readonly compressedBytes: number;
  readonly plainBytes: number;
  /** Where the dump could be read. */
  readonly torrents?: number | undefined;
  readonly rows?: number | undefined;
};

/** Oldest first. */
export type ReportHistory = {
  readonly tests: readonly TestPoint[];
  readonly nights: readonly NightPoint[];
  /** What of it could not be read, and why, as sentences. */
  readonly unread?: readonly string[] | undefined;
};

/** The newest that are read and shown: five years of quarters, a quarter of nights. */
export const historyLimits = { tests: 20, nights: 92 } as const;

/** A report as a point of the trend. */
export function testPoint(report: RestoreReport): TestPoint {
  const { id, startedAt, outcome, task, archive, restoration, comparisons, torrents } = report;
  const passed = outcome === 'passed';
  return {
    archiveId: id,
    startedAt: new Date(startedAt),
    outcome,
    inTask: task !== undefined,
    recoveryMs: passed ? recoveryMsOf(report) : undefined,
    loadMs: passed ? loadMsOf(report) : undefined,
    plainBytes: archive?.plainBytes,
    databaseBytes: restoration?.databaseBytes,
    rows: comparisons.length === 0 ? undefined : restoredRowsOf(report),
    torrents: torrents ?? undefined,
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

/** A verdict as a point of the nights, with what the operator has said of it. */
export function nightPoint(verdict: Verdict, acceptance?: Acceptance): NightPoint {
  const inventory = 'inventory' in verdict ? verdict.inventory : undefined;
  return {
    archiveId: verdict.id,
    takenAt: parseArchiveId(verdict.id).takenAt,
    verdict: isAccepted(verdict, acceptance) ? 'accepted' : verdict.verdict,
    compressedBytes: verdict.compressedBytes,
    plainBytes: verdict.plainBytes,
    torrents: inventory && rowsOf(inventory, countedTable),
    rows: inventory && totalRows(inventory),
  };
}

/** Whether a night counts as a good one. */
export function isProven({ verdict }: NightPoint): boolean {
  return verdict === 'intact' || verdict === 'accepted';
}
