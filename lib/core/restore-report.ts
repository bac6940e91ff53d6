// What a restore test proved, kept beside the archives and mailed to the operator. A passed report is the newest proof
// that the archives are worth keeping; a failed one says what failed and what to do.

import * as z from 'zod';
import { type ArchiveId, archiveKeys, parseArchiveId } from './archive.ts';
import { type Comparison, comparisonSchema } from './comparison.ts';
import { composeMail, type Mail, textTable, wrap } from './mail.ts';
import { formatAge, formatBytes, formatCount, formatDuration, formatInstant } from './quantities.ts';
import { countedTable } from './verdict.ts';

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

const stageSchema = z.object({ stage: z.string(), durationMs });

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
};

const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  expected: z.string(),
  found: z.string(),
  hint: z.string(),
});

export const restoreReportSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('passed'),
    ...common,
    archive: archiveSchema,
    serverVersion: z.string(),
    /** `SELECT count(*) FROM torrents` in the restored database. */
    torrents: count,
  }),
  z.object({
    outcome: z.literal('failed'),
    ...common,
    failure: failureSchema,
    /** What was known when it failed. */
    archive: archiveSchema.optional(),
    serverVersion: z.string().optional(),
    torrents: count.optional(),
  }),
]);

export type RestoreReport = z.infer<typeof restoreReportSchema>;
type PassedReport = Extract<RestoreReport, { outcome: 'passed' }>;
export type RestoreStage = z.infer<typeof stageSchema>;
export type RestoreFailure = z.infer<typeof failureSchema>;

/** The report as it is stored. */
export function serializeRestoreReport(report: RestoreReport): string {
  return `${JSON.stringify(report, null, 1)}\n`;
}

/**
 * Reads a report.
 *
 * @returns `undefined` if the text is none: what cannot be read proves nothing.
 */
export function parseRestoreReport(text: string): RestoreReport | undefined {
  try {
    return restoreReportSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Where a report is kept: under its archive's reports, by the second in which the test began.
 *
 * @returns For example `reports/bitagent/bitagent-2026-11-23-031500Z/2026-11-24-050000Z.json`.
 */
export function restoreReportKey(id: Pick<ArchiveId, 'id' | 'source'>, startedAt: Date): string {
  const [day = '', time = ''] = startedAt.toISOString().split('T');
  return `${archiveKeys(id).reports}${day}-${time.slice(0, 8).replaceAll(':', '')}Z.json`;
}

/** Tells how a restore test ended: the outcome in the subject, then what was proven, against what and how long. */
export function restoreTestMail(report: RestoreReport): Mail {
  const details = [
    particulars(report),
    report.stages.length === 0 ? '' : `How long it took\n\n${indented(stageTable(report))}`,
    countsTable('Rows of every table', 'table', report.comparisons, 'rows'),
    countsTable('Everything else', 'objects', report.comparisons, 'objects'),
  ];
  if (report.outcome === 'passed') {
    return composeMail(
      `[offsite] Restore test passed: ${report.source}, ${formatCount(report.torrents)} ${countedTable}`,
      [...proven(report), ...details],
    );
  }
  const { failure } = report;
  return composeMail(`[offsite] RESTORE TEST FAILED: ${report.source}, ${failure.message}`, [
    `The archive ${report.id} did NOT pass its restore test: ${failure.message}.`,
    indented(
      `expected  ${continued(failure.expected)}\nfound     ${continued(failure.found)}\ncode      ${failure.code}`,
    ),
    ...differingNames(report.comparisons),
    `What to do: ${failure.hint}.`,
    `Do not rely on this archive until a test of it has passed. 'offsite verify ${report.id}' reads its bytes again, 'offsite list' shows the others, 'offsite backup' on the host takes a new one.`,
    ...details,
  ]);
}

function proven({ id, comparisons, torrents, serverVersion, durationMs: took }: PassedReport): string[] {
  const rows = comparisons.filter(({ counted }) => counted === 'rows');
  const total = rows.reduce((sum, { found }) => sum + (found ?? 0), 0);
  const restored = (kind: string) => formatCount(comparisons.find(({ what }) => what === kind)?.found ?? 0);
  return [
    `Your archive can be restored. ${id} was loaded into an empty PostgreSQL ${shortVersion(serverVersion)}, and everything that was dumped came back, in ${formatDuration(took)}. There is nothing to do.`,
    indented(
      textTable([
        [`SELECT count(*) FROM ${countedTable};`, `${formatCount(torrents)}, as dumped`],
        [`${formatCount(rows.length)} tables`, `${formatCount(total)} rows, every table as dumped`],
        [
          `${restored('indexes')} indexes, ${restored('constraints')} constraints`,
          'all there by name, and all else too',
        ],
        ['the bytes', 'sha256 as the agent wrote them'],
      ]),
    ),
  ];
}

function differingNames(comparisons: readonly Comparison[]): string[] {
  const sentence = (what: string, how: string, names: readonly string[], all: number) => {
    const rest = all > names.length ? `, and ${formatCount(all - names.length)} more` : '';
    return names.length === 0 ? [] : [`${what} that ${how}: ${names.join(', ')}${rest}`];
  };
  return comparisons.flatMap(({ what, expected, found, missing = [], unexpected = [] }) => [
    ...sentence(what, 'did not come back', missing, expected - (found ?? 0) + unexpected.length),
    ...sentence(what, 'were not dumped', unexpected, (found ?? 0) - expected + missing.length),
  ]);
}

function particulars(report: RestoreReport): string {
  const { id, source, archive, serverVersion, torrents, durationMs: took } = report;
  const { takenAt } = parseArchiveId(id);
  const started = new Date(report.startedAt);
  const rows: string[][] = [
    ['archive', id],
    ['dumped', formatInstant(takenAt)],
    ['tested', `${formatInstant(started)}, ${formatAge(takenAt, started)} after the dump`],
    ['took', formatDuration(took)],
  ];
  if (torrents !== undefined) rows.push([countedTable, `${formatCount(torrents)} restored`]);
  if (archive !== undefined) {
    const { compressedBytes, plainBytes } = archive;
    rows.push(['bytes', `${formatBytes(compressedBytes)} compressed, ${formatBytes(plainBytes)} plain`]);
    rows.push(
      ['object', archive.key],
      ['version', archive.versionId ?? 'none: the bucket keeps no versions'],
    );
    rows.push(['ETag', archive.etag]);
  }
  if (serverVersion !== undefined) {
    rows.push(['server', `PostgreSQL ${shortVersion(serverVersion)}, thrown away afterwards`]);
  }
  rows.push(['report', restoreReportKey({ id, source }, started)]);
  return `What was tested\n\n${indented(textTable(rows))}`;
}

/** Debian adds the package's version in parentheses. */
function shortVersion(version: string): string {
  return version.split(' ')[0] ?? version;
}

function stageTable({ stages, durationMs: took }: RestoreReport): string {
  const rows = stages.map((stage) => [stage.stage, formatDuration(stage.durationMs), share(stage, took)]);
  return textTable([['stage', 'time', 'share'], ...rows]);
}

function share(stage: RestoreStage, took: number): string {
  return '#'.repeat(took === 0 ? 0 : Math.round((stage.durationMs / took) * 30));
}

function countsTable(
  title: string,
  heading: string,
  comparisons: readonly Comparison[],
  wanted: Comparison['counted'],
): string {
  const chosen = comparisons.filter(({ counted }) => counted === wanted);
  if (chosen.length === 0) return '';
  const lines = chosen.map(({ what, expected, found, same }) => [
    what,
    formatCount(expected),
    found === null ? '-' : formatCount(found),
    same ? '' : found === null ? 'NOT THERE' : 'DIFFERS',
  ]);
  return `${title}\n\n${indented(textTable([[heading, 'dumped', 'restored', ''], ...lines]))}`;
}

/** Later lines of a text stand under its first. */
function continued(text: string): string {
  return text
    .split('\n')
    .flatMap((line) => wrap(line, 66))
    .join('\n          ');
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
