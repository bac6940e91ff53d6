// What the pictures of a restore report are drawn from: one point a past restore test, one point a night.

import { parseArchiveId } from './archive.ts';
import { rowsOf, totalRows } from './inventory.ts';
import type { RestoreReport } from './restore-report.ts';
import { countedTable, type Verdict, type VerdictName } from './verdict.ts';

/** A restore test, as the trend shows it. */
export type TestPoint = {
  readonly archiveId: string;
  readonly startedAt: Date;
  readonly outcome: RestoreReport['outcome'];
  /** The measured restore time; of a failed test there is none. */
  readonly recoveryMs?: number | undefined;
  readonly plainBytes?: number | undefined;
  readonly torrents?: number | undefined;
};

/** A night's archive, as its verdict describes it. */
export type NightPoint = {
  readonly archiveId: string;
  readonly takenAt: Date;
  readonly verdict: VerdictName;
  readonly compressedBytes: number;
  readonly plainBytes: number;
  /** Where the dump could be read. */
  readonly torrents?: number | undefined;
  readonly rows?: number | undefined;
};

/** Oldest first. */
export type ReportHistory = { readonly tests: readonly TestPoint[]; readonly nights: readonly NightPoint[] };

/** The newest that are read and shown: five years of quarters, a quarter of nights. */
export const historyLimits = { tests: 20, nights: 92 } as const;

/** A report as a point of the trend. */
export function testPoint(report: RestoreReport): TestPoint {
  return {
    archiveId: report.id,
    startedAt: new Date(report.startedAt),
    outcome: report.outcome,
    recoveryMs: report.outcome === 'passed' ? recoveryMsOf(report) : undefined,
    plainBytes: report.archive?.plainBytes,
    torrents: report.torrents,
  };
}

/** From the first byte asked for to the last index: how long a real recovery would take at least. */
export function recoveryMsOf({ restoration, durationMs }: RestoreReport): number {
  return restoration?.recoveryMs ?? durationMs;
}

/** A verdict as a point of the nights. */
export function nightPoint(verdict: Verdict): NightPoint {
  const inventory = 'inventory' in verdict ? verdict.inventory : undefined;
  return {
    archiveId: verdict.id,
    takenAt: parseArchiveId(verdict.id).takenAt,
    verdict: verdict.verdict,
    compressedBytes: verdict.compressedBytes,
    plainBytes: verdict.plainBytes,
    torrents: inventory && rowsOf(inventory, countedTable),
    rows: inventory && totalRows(inventory),
  };
}
