// The mail after a restore test. Of one that passed ten lines, whose subject is enough; of one that failed all that helps:
// what failed, and what to do, before any figure.

import type { Comparison } from '../archive/comparison.ts';
import { printable } from '../base/printable.ts';
import { formatCount, formatDuration, plural } from '../base/quantities.ts';
import { composeMail, type Mail, subjectLimit, textTable } from '../mail/mail.ts';
import { checkLines, describeTally, tallyOf } from '../report/check-words.ts';
import { formatUsd } from '../report/cost.ts';
import {
  adviceOn,
  type FailedReport,
  particularsOfFailure,
  sentence,
  shortMessage,
} from '../report/failure-words.ts';
import { recoveryMsOf, restoredRowsOf } from '../report/history.ts';
import { hangingTable, indented } from '../report/layout.ts';
import { pointHeadline, pointParticulars } from '../report/point-words.ts';
import {
  type PointReport,
  type RestoreReport,
  type RestoreStage,
  restoreReportKey,
} from '../report/report.ts';
import { headline, particularsOf, proofsOf, proofTable, skippedRows } from '../report/words.ts';

type PassedReport = Extract<RestoreReport, { outcome: 'passed' }>;
type FailedPoint = Extract<PointReport, { outcome: 'failed' }>;

export type MailedBesides = {
  /** What it cost, in US dollars, if that is known. */
  readonly costUsd?: number | undefined;
  /** Where its page can be looked at; without it, by the command alone. */
  readonly pageUrl?: string | undefined;
};

const columns = 80;
/** More of them push what to do out of sight; the page has them all. */
const shownNames = 6;
/** Of what is well nobody reads more. */
const linesOfPassed = 10;

/** Tells how a restore test ended. */
export function restoreTestMail(report: RestoreReport, besides: MailedBesides = {}): Mail {
  const ways = [`offsite report ${report.id} --open`, besides.pageUrl ?? ''].filter(Boolean).join('\n');
  const rest = `The rest, as a page with pictures and how it has gone so far:\n\n${indented(ways)}`;
  const { costUsd } = besides;
  if (report.outcome === 'failed') {
    const { subject, opening } = openingOfFailed(report, costUsd);
    return composeMail(subject, wholeMail(report, opening, rest), 'restoreTestFailed');
  }
  if (report.point?.outcome !== 'failed')
    return composeMail(subjectOfPassed(report), [linesOf(report, besides), rest]);
  const { subject, opening } = openingOfPoint(report, report.point, costUsd);
  return composeMail(subject, wholeMail(report, opening, rest), 'pointTestFailed');
}

/** Verdict, source, rows, duration; and what is not quite as it should be. */
function subjectOfPassed(report: PassedReport): string {
  const { source, skipped, torrents } = report;
  const { warn } = tallyOf(report.checks);
  const figures = [
    `${plural(restoredRowsOf(report), 'row')} in ${formatDuration(recoveryMsOf(report))}`,
    ...(warn === 0 ? [] : [plural(warn, 'warning')]),
    ...(skipped === undefined ? [] : [`${plural(skipped.statements, 'statement')} skipped`]),
  ].join(', ');
  const subject = (name: string, more = '') => `[offsite] Restore test passed: ${name}, ${more}${figures}`;
  const whole = subject(source, torrents === null ? '' : `${plural(torrents, 'torrent')}, `);
  if (whole.length <= subjectLimit) return whole;
  // The mail has the torrents, too; and a long name is still known by its beginning.
  const excess = subject(source).length - subjectLimit;
  return subject(excess > 0 ? `${source.slice(0, Math.max(8, source.length - excess - 3))}...` : source);
}

/** One line for each thing, whatever it says. */
function linesOf(report: PassedReport, { costUsd }: MailedBesides): string {
  const warnings = report.checks.filter(({ outcome }) => outcome === 'warn');
  const what = warnings.length > 0 ? 'Look at what warns.' : 'There is nothing to do.';
  const lines = [
    `${headline(report)} ${what}`,
    `Restored in ${formatDuration(recoveryMsOf(report))}; the whole test took ${formatDuration(report.durationMs)}${price(costUsd)}.`,
    '',
    ...indented(proofTable(proofsOf(report), Number.POSITIVE_INFINITY)).split('\n'),
  ];
  const room = linesOfPassed - lines.length;
  const named = warnings.map(({ name, detail }) => `  warns: ${name}: ${detail}`);
  const left = `  warns: ${formatCount(warnings.length - room + 1)} more`;
  return [
    ...lines,
    ...(named.length > room ? named.toSpliced(Math.max(0, room - 1), named.length, left) : named),
  ]
    .slice(0, linesOfPassed)
    .map((line) => oneLine(printable(line.replaceAll(/[\r\n\t]+/g, ' ').trimEnd())))
    .join('\n');
}

function oneLine(text: string): string {
  return text.length > columns ? `${text.slice(0, columns - 1).trimEnd()}\u2026` : text;
}

/** Of what failed, all that is known. */
function wholeMail(report: RestoreReport, opening: readonly string[], rest: string): string[] {
  const proofs = proofsOf(report);
  return [
    ...opening,
    proofs.every(({ state }) => state === 'not reached') ? '' : indented(proofTable(proofs, columns - 2)),
    checksSection(report),
    skippedSection(report),
    report.point === undefined
      ? ''
      : `${pointHeadline(report.point)}\n\n${indented(hangingTable(pointParticulars(report.point), columns - 2))}`,
    rest,
    particulars(report),
    report.stages.length === 0 ? '' : `How long it took\n\n${indented(stageTable(report))}`,
    countsTable('Rows of every table', 'table', report.comparisons, 'rows'),
    countsTable('Everything else', 'objects', report.comparisons, 'objects'),
  ];
}

type Opening = { readonly subject: string; readonly opening: string[] };

/** The archive came back, and the recovery to a point did not. */
function openingOfPoint(
  report: PassedReport,
  { failure }: FailedPoint,
  costUsd: number | undefined,
): Opening {
  const took = `Restored in ${formatDuration(recoveryMsOf(report))}; the whole test took ${formatDuration(report.durationMs)}${price(costUsd)}.`;
  return {
    subject: `[offsite] RECOVERY TO A POINT FAILED: ${report.source}: ${failure.message}`,
    opening: [sentence(failure.message), `What to do: ${failure.hint}.`, `${headline(report)} ${took}`],
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
      'Your database and the other archives are as they were.',
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
