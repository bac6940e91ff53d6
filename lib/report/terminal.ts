// A restore report as a terminal shows it: 80 columns, the outcome first.

import { printable } from '../base/printable.ts';
import { formatAge, formatDuration, formatInstant } from '../base/quantities.ts';
import { wrap } from '../base/wrap.ts';
import { describeDelay } from './change-words.ts';
import { checkLines, describeTally, tallyOf } from './check-words.ts';
import { type FailedReport, particularsOfFailure, sentence } from './failure-words.ts';
import { comparableBefore, recoveryMsOf, type TestPoint, testPoint } from './history.ts';
import { hangingTable, indented } from './layout.ts';
import { pointHeadline, pointParticulars } from './point-words.ts';
import { hasPassed, type RestoreReport } from './report.ts';
import { headline, proofsOf, proofTable } from './words.ts';

const columns = 80;

/**
 * Sums a report up.
 *
 * @param tests - For how the restore time compares with the test before.
 * @param now - For the report's age.
 */
export function summarizeReport(report: RestoreReport, tests: readonly TestPoint[], now: Date): string {
  const started = new Date(report.startedAt);
  const failing = report.checks.filter(({ outcome }) => outcome === 'fail' || outcome === 'warn');
  const paragraphs = [
    `${hasPassed(report) ? 'PASSED' : 'FAILED'}  ${report.id}\ntested ${formatInstant(started)}, ${formatAge(started, now)} ago`,
    headline(report),
    report.outcome === 'failed' ? failureLines(report) : '',
    indented(proofTable(proofsOf(report), columns - 2)),
    indented(hangingTable(timeRows(report, tests), columns - 2)),
    report.point === undefined
      ? ''
      : `${pointHeadline(report.point)}\n\n${indented(hangingTable(pointParticulars(report.point), columns - 2))}`,
    failing.length === 0
      ? ''
      : `Checks: ${describeTally(tallyOf(report.checks))}\n\n${indented(checkLines(failing, columns - 2))}`,
  ];
  const text = paragraphs.filter(Boolean).join('\n\n');
  return `${text
    .split('\n')
    .flatMap((line) => wrap(printable(line), columns))
    .join('\n')}\n`;
}

function failureLines({ failure }: FailedReport): string {
  const particulars = hangingTable(particularsOfFailure(failure), columns - 2);
  return `${sentence(failure.message)}\n\n${indented(particulars)}\n\nWhat to do: ${failure.hint}.`;
}

function timeRows(report: RestoreReport, tests: readonly TestPoint[]): [string, string][] {
  const took: [string, string] = ['in all', formatDuration(report.durationMs)];
  if (report.outcome === 'failed') return [took];
  const recoveryMs = recoveryMsOf(report);
  const before = comparableBefore(tests, testPoint(report));
  const trend =
    before?.recoveryMs === undefined ? '' : `, ${describeDelay(before.recoveryMs, recoveryMs)} the last time`;
  return [['restore time', `${formatDuration(recoveryMs)}${trend}`], took];
}
