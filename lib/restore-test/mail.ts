// The mail after a restore test: what was proven, against what, how long it took and what it cost; what failed and what
// to do before any figure.

import type { Comparison } from '../archive/comparison.ts';
import { parseArchiveId } from '../archive/names.ts';
import { formatCount, formatDuration, formatInstant, plural } from '../base/quantities.ts';
import { composeMail, type Mail, textTable } from '../mail/mail.ts';
import { checkLines, describeTally, tallyOf } from '../report/check-words.ts';
import { formatUsd } from '../report/cost.ts';
import {
  adviceOn,
  type FailedReport,
  particularsOfFailure,
  sentence,
  shortMessage,
} from '../report/failure-words.ts';
import { recoveryMsOf } from '../report/history.ts';
import { hangingTable, indented } from '../report/layout.ts';
import { pointHeadline, pointParticulars } from '../report/point-words.ts';
import { hasPassed, type RestoreReport, type RestoreStage, restoreReportKey } from '../report/report.ts';
import { headline, particularsOf, proofsOf, proofTable, shortVersion, skippedRows } from '../report/words.ts';

type PassedReport = Extract<RestoreReport, { outcome: 'passed' }>;

const columns = 80;
/** More of them push what to do out of sight; the page has them all. */
const shownNames = 6;

/**
 * Tells how a restore test ended.
 *
 * @param costUsd - What it cost, in US dollars, if that is known.
 */
export function restoreTestMail(report: RestoreReport, costUsd?: number): Mail {
  const { subject, opening } = openingOf(report, costUsd);
  const proofs = proofsOf(report);
  const paragraphs = [
    ...opening,
    proofs.every(({ state }) => state === 'not reached') ? '' : indented(proofTable(proofs, columns - 2)),
    checksSection(report),
    skippedSection(report),
    report.point === undefined
      ? ''
      : `${pointHeadline(report.point)}\n\n${indented(hangingTable(pointParticulars(report.point), columns - 2))}`,
    `To see it as a page, with pictures and how it has gone so far:\n\n  offsite report ${report.id} --open`,
    particulars(report),
    report.stages.length === 0 ? '' : `How long it took\n\n${indented(stageTable(report))}`,
    countsTable('Rows of every table', 'table', report.comparisons, 'rows'),
    countsTable('Everything else', 'objects', report.comparisons, 'objects'),
  ];
  if (report.outcome === 'failed') return composeMail(subject, paragraphs, 'restoreTestFailed');
  if (report.point?.outcome === 'failed') return composeMail(subject, paragraphs, 'pointTestFailed');
  return composeMail(subject, paragraphs);
}

type Opening = { readonly subject: string; readonly opening: string[] };

function openingOf(report: RestoreReport, costUsd: number | undefined): Opening {
  if (report.outcome === 'failed') return openingOfFailed(report, costUsd);
  const passed = openingOfPassed(report, costUsd);
  const { point, source } = report;
  if (point?.outcome !== 'failed') return passed;
  const { message, hint } = point.failure;
  return {
    subject: `[offsite] RECOVERY TO A POINT FAILED: ${source}: ${message}`,
    opening: [sentence(message), `What to do: ${hint}.`, ...passed.opening],
  };
}

function openingOfPassed(report: PassedReport, costUsd: number | undefined): Opening {
  const { id, source, torrents, serverVersion, durationMs, skipped } = report;
  const time = `The restore took ${formatDuration(recoveryMsOf(report))}; the whole test took ${formatDuration(durationMs)}${price(costUsd)}.`;
  const { warn } = tallyOf(report.checks);
  const counts = [
    torrents === null ? 'no table of torrents' : plural(torrents, 'torrent'),
    ...(warn === 0 ? [] : [plural(warn, 'warning')]),
    ...(skipped === undefined ? [] : [`${plural(skipped.statements, 'statement')} skipped`]),
  ];
  const all = torrents === null ? 'Every' : `All ${plural(torrents, 'torrent')} came back, and every`;
  const but = skipped === undefined ? '' : ', but for what the test cannot do';
  return {
    subject: `[offsite] Restore test passed: ${source}, ${counts.join(', ')}`,
    opening: [
      `${headline(report)} ${all} row, index and constraint of its inventory${torrents === null ? ' came back' : ''}${but}. ${time} ${warn > 0 ? 'Look at what warns.' : hasPassed(report) ? 'There is nothing to do.' : ''}`.trimEnd(),
      `${id}, dumped ${formatInstant(parseArchiveId(id).takenAt)}, was loaded into an empty PostgreSQL ${shortVersion(serverVersion)} and compared with what its verdict says that was dumped.`,
    ],
  };
}

function openingOfFailed(report: FailedReport, costUsd: number | undefined): Opening {
  const { id, source, torrents, failure, durationMs } = report;
  const message = shortMessage(failure, id);
  const { what, commands } = adviceOn(report);
  const count = typeof torrents === 'number' ? `, ${plural(torrents, 'torrent')}` : '';
  return {
    subject: `[offsite] RESTORE TEST FAILED: ${source}${count}: ${message}`,
    opening: [
      `${sentence(message)} ${headline(report)}`,
      `What to do: ${failure.hint}.`,
      indented(hangingTable([['archive', id], ...particularsOfFailure(failure)], columns - 2)),
      ...differingNames(report.comparisons),
      `${what}\n\n${indented(commands.map(([command, does]) => `${command}\n  ${does}`).join('\n'))}`,
      `The test took ${formatDuration(durationMs)}${price(costUsd)}.`,
    ],
  };
}

function price(usd: number | undefined): string {
  if (usd === undefined) return '';
  return usd < 0.01 ? ' and cost less than one cent' : ` and cost about ${formatUsd(usd)}`;
}

function checksSection({ checks }: RestoreReport): string {
  if (checks.length === 0) return '';
  return `Checks: ${describeTally(tallyOf(checks))}\n\n${indented(checkLines(checks, columns - 2))}`;
}

function skippedSection({ skipped }: RestoreReport): string {
  if (skipped === undefined) return '';
  const rest = skipped.statements - shownNames;
  const rows = hangingTable(skippedRows(skipped).slice(0, shownNames), columns - 2);
  return `Skipped: what the test's own server cannot do. It says nothing against the archive.\n\n${indented(rows)}${rest > 0 ? `\n  and ${formatCount(rest)} more` : ''}`;
}

function differingNames(comparisons: readonly Comparison[]): string[] {
  const sentence = (what: string, how: string, names: readonly string[], all: number) => {
    const shown = names.slice(0, shownNames);
    const rest = all > shown.length ? `, and ${formatCount(all - shown.length)} more` : '';
    return names.length === 0 ? [] : [`${what} that ${how}: ${shown.join(', ')}${rest}`];
  };
  return comparisons.flatMap(({ what, expected, found, missing = [], unexpected = [] }) => [
    ...sentence(what, 'did not come back', missing, expected - (found ?? 0) + unexpected.length),
    ...sentence(what, 'were not dumped', unexpected, (found ?? 0) - expected + missing.length),
  ]);
}

function particulars(report: RestoreReport): string {
  const { id, source, startedAt } = report;
  const key = restoreReportKey({ id, source }, new Date(startedAt));
  return `What was tested\n\n${indented(hangingTable([...particularsOf(report), ['report', key]], columns - 2))}`;
}

function stageTable({ stages, durationMs: took }: RestoreReport): string {
  const rows = stages.map((stage) => [stage.stage, formatDuration(stage.durationMs), share(stage, took)]);
  return textTable([['stage', 'time', 'when'], ...rows]);
}

const shareWidth = 40;

/** The stage on a line that is the whole test. */
function share({ startMs, durationMs }: RestoreStage, took: number): string {
  if (took === 0) return '';
  const from = Math.min(shareWidth - 1, Math.floor((startMs / took) * shareWidth));
  const to = Math.min(
    shareWidth,
    Math.max(from + 1, Math.round(((startMs + durationMs) / took) * shareWidth)),
  );
  return `${'.'.repeat(from)}${'#'.repeat(to - from)}${'.'.repeat(shareWidth - to)}`;
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
