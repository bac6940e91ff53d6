// What a restore test proved, kept beside the archives and mailed to the operator. A passed report is the newest proof
// that the archives are worth keeping; a failed one says what failed and what to do.

import * as z from 'zod';
import { comparisonSchema } from '../archive/comparison.ts';
import { type ArchiveId, archiveKeys, instantInName } from '../archive/names.ts';
import { deviationSchema } from '../archive/verdict.ts';
import { parseJson } from '../base/parse-json.ts';

export const restoreReportFormat = 1;

const durationMs = z.number().nonnegative();
const count = z.number().int().nonnegative();

const archiveSchema = z.object({
  key: z.string(),
  /** The bytes that were restored; null where the bucket is not versioned. */
  versionId: z.string().nullable(),
  etag: z.string(),
  compressedBytes: count,
  plainBytes: count,
});

/** The stages of a test, in the order in which they begin; `download`, `inflate` and `load` feed each other. */
export const stageNames = [
  'start server',
  'download',
  'inflate',
  'load',
  'indexes',
  'compare',
  'checks',
] as const;

export type StageName = (typeof stageNames)[number];

const stageSchema = z.object({
  /** One of {@link stageNames}; reports of earlier versions have others. */
  stage: z.string(),
  /** From the test's beginning: stages overlap where one feeds the next. */
  startMs: durationMs.default(0),
  durationMs,
  /** Bytes that passed through it. */
  bytes: count.optional(),
});

const restorationSchema = z.object({
  /** `parallel`: split while streaming; `one session`: as psql alone would. */
  way: z.enum(['parallel', 'one session']),
  /** Why it was not restored in parallel. */
  because: z.string().optional(),
  /** Sessions that loaded at the same time, and that made indexes at the same time. */
  sessions: count,
  /** From the first byte asked for to the last index: the measured RTO without the server's start. */
  recoveryMs: durationMs,
  /** The restored database on disk. */
  databaseBytes: count.optional(),
});

const resourcesSchema = z.object({
  /** Most resident memory of the program's own process (not of Postgres). */
  peakMemoryBytes: count,
  /** Most bytes on the disk that the server was on, beyond those at the beginning, and what there was to be had. */
  peakDiskBytes: count.optional(),
  diskBytes: count.optional(),
  cpus: count,
});

/** What a task is charged for that Fargate does not tell it of: who starts it has to. */
export const surchargesSchema = z.object({
  /** A volume of EBS (gp3), where task storage would not do. */
  volume: z.object({ sizeGib: count, iops: count, throughputMib: count }).optional(),
  publicAddress: z.boolean().optional(),
});

/** What was rented for the test, and for how long: what it cost follows from it. */
const taskSchema = surchargesSchema.extend({
  vcpu: z.number().positive(),
  memoryMib: count,
  /** Of the task itself, without the volume. */
  storageGib: count,
  /** Fargate counts from the pulling of the image on. */
  billedFrom: z.iso.datetime().optional(),
});

/** What one named check of a restored database said. */
const checkResultSchema = z.object({
  /** As the file of checks calls it: `torrents_count`. */
  name: z.string(),
  /** A warning is reported and proves nothing wrong; what is skipped does not apply to what was dumped. */
  outcome: z.enum(['pass', 'warn', 'fail', 'skip']),
  /** What was found, in one line. */
  detail: z.string(),
  /** `shipped` with this program, or the operator's `own`. */
  origin: z.enum(['shipped', 'own']),
  durationMs: z.number().nonnegative(),
});

/** What of the dump the test's own server cannot do: it says nothing of the archive. */
const skippedSchema = z.object({
  statements: count,
  /** The first of them: the line of the plain dump, its first words, and why it was left out. */
  first: z.array(z.object({ line: count, what: z.string(), why: z.string() })),
});

const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  expected: z.string(),
  found: z.string(),
  hint: z.string(),
  /** Of the plain dump, where the first error came from a statement of it. */
  line: count.optional(),
  /** That statement's beginning. */
  statement: z.string().optional(),
});

const pointFields = {
  /** What the point was chosen by: the same seed chooses the same of the same window. */
  seed: z.string(),
  durationMs,
  baseBackup: z.string().optional(),
  /** As `--to-time` takes them: from when to when points could be recovered. */
  window: z.object({ from: z.string(), until: z.string() }).optional(),
  /** The point; absent where the log holds no transaction after the base backup, which is recovered to its own end then. */
  target: z.string().optional(),
  /** Which the way to it ended on. */
  timeline: count.optional(),
  /** Of the last transaction that came back. */
  lastTransactionAt: z.string().optional(),
  /** Of the cluster itself, then of the database. */
  checks: z.array(checkResultSchema),
};

/** A recovery to a point in time, of a source that has base backups: it ends well or not, whatever became of the archive. */
const pointSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('passed'), ...pointFields }),
  z.object({ outcome: z.literal('failed'), ...pointFields, failure: failureSchema }),
]);

const common = {
  format: z.literal(restoreReportFormat),
  id: z.string(),
  source: z.string(),
  startedAt: z.iso.datetime(),
  durationMs,
  toolVersion: z.string(),
  /** In the order in which they ran. */
  stages: z.array(stageSchema),
  comparisons: z.array(comparisonSchema),
  /** Empty when it did not come to them. */
  checks: z.array(checkResultSchema).default([]),
  restoration: restorationSchema.optional(),
  skipped: skippedSchema.optional(),
  /** Kinds of objects that the source's archives used to hold, and this one does not: absent where none is gone. */
  lacks: z.array(deviationSchema).optional(),
  resources: resourcesSchema.optional(),
  /** Absent outside of Fargate. */
  task: taskSchema.optional(),
  /** Absent of a source without base backups. */
  point: pointSchema.optional(),
};

export const restoreReportSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('passed'),
    ...common,
    archive: archiveSchema,
    serverVersion: z.string(),
    /** `SELECT count(*) FROM torrents` in the restored database; null of an accepted archive that has no such table. */
    torrents: count.nullable(),
  }),
  z.object({
    outcome: z.literal('failed'),
    ...common,
    failure: failureSchema,
    /** What was known when it failed. */
    archive: archiveSchema.optional(),
    serverVersion: z.string().optional(),
    torrents: count.nullish(),
  }),
]);

export type RestoreReport = z.infer<typeof restoreReportSchema>;
export type RestoreStage = z.infer<typeof stageSchema>;
export type CheckResult = z.infer<typeof checkResultSchema>;
export type RestoreFailure = z.infer<typeof failureSchema>;
export type PointReport = z.infer<typeof pointSchema>;

/** Whether all that was tried went well: the archive, and the recovery to a point where there was one. */
export function hasPassed({ outcome, point }: RestoreReport): boolean {
  return outcome === 'passed' && point?.outcome !== 'failed';
}

/**
 * Reads a report.
 *
 * @returns `undefined` if the text is none: what cannot be read proves nothing.
 */
export function parseRestoreReport(text: string): RestoreReport | undefined {
  return parseJson(restoreReportSchema, text);
}

/**
 * Where a report is kept: under its archive's reports, by the second in which the test began.
 *
 * @returns For example `reports/bitagent/bitagent-2026-11-23-031500Z/2026-11-24-050000Z.json`.
 */
export function restoreReportKey(id: Pick<ArchiveId, 'id' | 'source'>, startedAt: Date): string {
  return `${archiveKeys(id).reports}${instantInName(startedAt)}.json`;
}

/** Where the page of a report is kept: beside it. */
export function pageKeyOf(reportKey: string): string {
  return reportKey.replace(/\.json$/, '.html');
}
