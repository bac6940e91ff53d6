// The mail after a restore test: what was proven, against what and how long; what failed and what to do before any figure.

import { parseArchiveId } from './archive.ts';
import type { Comparison } from './comparison.ts';
import { runbookLine } from './faults.ts';
import { composeMail, type Mail, textTable, wrap } from './mail.ts';
import { formatAge, formatBytes, formatCount, formatDuration, formatInstant } from './quantities.ts';
import { type RestoreReport, type RestoreStage, restoreReportKey } from './restore-report.ts';
import { countedTable } from './verdict.ts';

type PassedReport = Extract<RestoreReport, { outcome: 'passed' }>;

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
    runbookLine('restoreTestFailed'),
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
