// What a restore test proved, kept beside the archives and mailed to the operator. A passed report is the newest proof
// that the archives are worth keeping; a failed one says what failed and what to do.

import { z } from 'zod';
import { type ArchiveId, archiveKeys, parseArchiveId } from './archive.ts';
import { type Comparison, comparisonSchema } from './comparison.ts';
import { composeMail, type Mail, textTable } from './mail.ts';
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
    rowsTable(report.comparisons),
    objectsTable(report.comparisons),
  ];
  if (report.outcome === 'passed') {
    return composeMail(
      `[offsite] Restore test passed: ${report.source}, ${formatCount(report.torrents)} ${countedTable}`,
      [proven(report), ...details],
    );
  }
  const { failure } = report;
  return composeMail(`[offsite] RESTORE TEST FAILED: ${report.source}, ${failure.message}`, [
    wrap(`The archive ${report.id} did NOT pass its restore test: ${failure.message}.`),
    indented(`expected  ${failure.expected}\nfound     ${failure.found.replaceAll('\n', '\n          ')}`),
    wrap(`What to do: ${failure.hint}.`),
    wrap(
      `Until a test has passed again, do not rely on this archive. Take a new one now ('offsite backup' on the host), and see 'offsite list' for the others.`,
    ),
    ...details,
    `Error code: ${failure.code}`,
  ]);
}

function proven(report: Extract<RestoreReport, { outcome: 'passed' }>): string {
  const rows = report.comparisons.filter(({ counted }) => counted === 'rows');
  const total = rows.reduce((sum, { found }) => sum + (found ?? 0), 0);
  const took = formatDuration(report.durationMs);
  const lines = [
    [`SELECT count(*) FROM ${countedTable};`, `${formatCount(report.torrents)}, as dumped`],
    [`${formatCount(rows.length)} tables`, `${formatCount(total)} rows, every table as dumped`],
    ['indexes, keys, triggers …', 'all there, compared by name'],
    ['bytes of the archive', 'sha256 as the manifest has it'],
  ];
  return [
    wrap(
      `Your archive can be restored. ${report.id} was loaded into an empty PostgreSQL ${report.serverVersion}, and everything that was dumped came back, in ${took}.`,
    ),
    indented(textTable(lines)),
  ].join('\n\n');
}

function particulars({ id, archive, serverVersion, startedAt, durationMs: took }: RestoreReport): string {
  const { takenAt } = parseArchiveId(id);
  const started = new Date(startedAt);
  const rows: string[][] = [
    ['archive', id],
    ['dumped', formatInstant(takenAt)],
    ['tested', `${formatInstant(started)}, ${formatAge(takenAt, started)} after the dump`],
    ['took', formatDuration(took)],
  ];
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
    rows.push(['server', `PostgreSQL ${serverVersion}, thrown away afterwards`]);
  }
  return `What was tested\n\n${indented(textTable(rows))}`;
}

function stageTable({ stages, durationMs: took }: RestoreReport): string {
  const rows = stages.map((stage) => [stage.stage, formatDuration(stage.durationMs), share(stage, took)]);
  return textTable([['stage', 'time', 'share'], ...rows]);
}

function share(stage: RestoreStage, took: number): string {
  return '#'.repeat(took === 0 ? 0 : Math.round((stage.durationMs / took) * 30));
}

function rowsTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.filter(({ counted }) => counted === 'rows');
  if (rows.length === 0) return '';
  const lines = rows.map(({ what, expected, found, same }) => [
    what,
    formatCount(expected),
    found === null ? '-' : formatCount(found),
    same ? '' : found === null ? 'NOT THERE' : 'DIFFERS',
  ]);
  return `Rows of every table\n\n${indented(textTable([['table', 'dumped', 'restored', ''], ...lines]))}`;
}

function objectsTable(comparisons: readonly Comparison[]): string {
  const objects = comparisons.filter(({ counted }) => counted === 'objects');
  if (objects.length === 0) return '';
  const lines = objects.map(({ what, expected, found, same }) => [
    what,
    formatCount(expected),
    formatCount(found ?? 0),
    same ? '' : 'DIFFERS',
  ]);
  const names = objects.flatMap(({ what, missing = [], unexpected = [] }) => [
    ...(missing.length > 0 ? [wrap(`${what} that did not come back: ${missing.join(', ')}`)] : []),
    ...(unexpected.length > 0 ? [wrap(`${what} that were not dumped: ${unexpected.join(', ')}`)] : []),
  ]);
  const table = indented(textTable([['objects', 'dumped', 'restored', ''], ...lines]));
  return [`Everything else`, table, ...names].join('\n\n');
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

/** Breaks a text at spaces into lines of at most 78 columns. */
function wrap(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > 78) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}
