// The page of a restore test: one file without a script, a font or a picture from elsewhere, made from values alone. It
// opens from a disk, from a bucket or on paper, on a phone or a desk, in the light or the dark.

import { parseArchiveId } from '../../archive/names.ts';
import { countedTable } from '../../archive/verdict.ts';
import { formatCount, formatDuration, plural } from '../../base/quantities.ts';
import { formatUsd } from '../cost.ts';
import { adviceOn, type FailedReport, sentence, shortMessage } from '../failure-words.ts';
import { type ReportHistory, recoveryMsOf, restoredRowsOf, type TestPoint, testPoint } from '../history.ts';
import { pointHeadline, pointParticulars } from '../point-words.ts';
import { hasPassed, type PointReport, type RestoreReport } from '../report.ts';
import { headline, type Proof, proofsOf, shortVersion } from '../words.ts';
import { constantHtml, type Html, html } from './html.ts';
import { nightTrends } from './nights.ts';
import { pageStyle, pageStyleHash } from './style.ts';
import { checksTable, comparedTables, differences, particulars, skippedStatements } from './tables.ts';
import { testTrends } from './tests.ts';
import { longDate } from './units.ts';
import { waterfall } from './waterfall.ts';

export type ReportPage = {
  readonly report: RestoreReport;
  /** What was known when the test ended; this test itself is added if it is not among them. */
  readonly history: ReportHistory;
  /** Where the report is: its key in the bucket, or the file beside the page. */
  readonly kept: string;
  /** What the test cost, in US dollars, if that is known. */
  readonly costUsd?: number | undefined;
};

/**
 * Draws the page.
 *
 * @returns A whole HTML document. Its policy lets nothing in: no script, no request, no style but its own, by hash.
 */
export function renderReportPage({ report, history, kept, costUsd }: ReportPage): string {
  const current = testPoint(report);
  const tests = withCurrent(history.tests, current);
  const outcome = `Restore test ${report.outcome}: ${report.source}, ${report.startedAt.slice(0, 10)}`;
  return html`${constantHtml('<!doctype html>')}
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${pageStyleHash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">
<title>${outcome}</title>
${constantHtml(`<style>${pageStyle}</style>`)}</head>
<body class="${hasPassed(report) ? 'passed' : 'failed'}"><main>
${opening(report)}
${report.outcome === 'failed' ? whatFailed(report) : undefined}
${report.point === undefined ? undefined : pointSection(report.point)}
${figures(report, costUsd)}
${proofs(report)}
${waterfall(report)}
<section aria-labelledby="trends"><h2 id="trends" class="bare">How it has gone so far</h2>
${history.unread?.map((sentence) => html`<p class="caption unread">${sentence}</p>`)}
<div class="grid">${testTrends(tests, current)}
${nightTrends(history.nights, current)}</div></section>
${report.outcome === 'failed' ? differences(report) : undefined}
${checksTable(report)}
${report.outcome === 'passed' ? differences(report) : undefined}
${skippedStatements(report)}
${comparedTables(report)}
${particulars(report, kept)}
</main><footer><p>bitagent-offsite ${report.toolVersion}. All times are UTC. This page holds no script and asks for nothing from the network.</p></footer></body></html>
`.markup;
}

function withCurrent(tests: readonly TestPoint[], current: TestPoint): TestPoint[] {
  const others = tests.filter(({ startedAt }) => startedAt.getTime() !== current.startedAt.getTime());
  return [...others, current].sort((one, other) => one.startedAt.getTime() - other.startedAt.getTime());
}

function opening(report: RestoreReport): Html {
  const passed = hasPassed(report);
  const sign = passed ? 'M14 25l7 7 14-15' : 'M16 16l16 16M32 16L16 32';
  return html`<header><p class="eyebrow">Restore test of <b>${report.source}</b><span class="when">${longDate(new Date(report.startedAt))}</span></p>
<div class="outcome"><svg class="sign" viewBox="0 0 48 48" width="48" height="48" aria-hidden="true"><circle cx="24" cy="24" r="24"/><path d="${sign}"/></svg>
<h1>${headline(report)}</h1></div>
<p class="lead">${lead(report)}</p></header>`;
}

function lead(report: RestoreReport): Html {
  const dumped = longDate(parseArchiveId(report.id).takenAt);
  const archive = html`<code>${report.id}</code>, dumped on ${dumped},`;
  if (report.outcome === 'failed') {
    const { comparisons, failure } = report;
    const message = shortMessage(failure, report.id);
    if (comparisons.length === 0) return html`${archive} was not restored to its end: ${message}.`;
    const same = comparisons.every((one) => one.same);
    return html`${archive} was restored${same ? ` as it was dumped, but ${message}` : ', but not everything is as it was dumped'}.`;
  }
  return html`${archive} was loaded into an empty PostgreSQL ${shortVersion(report.serverVersion)}, and everything that was dumped came back${report.skipped && ' but for what was skipped'}${report.torrents === null ? undefined : html`, all <b>${plural(report.torrents, 'torrent')}</b> included`}.`;
}

function whatFailed(report: FailedReport): Html {
  const { code, message, expected, found, hint, line, statement } = report.failure;
  const { what, commands } = adviceOn(report);
  const where =
    line === undefined && statement === undefined
      ? undefined
      : html`<div><dt>where</dt><dd>${line === undefined ? '' : `line ${formatCount(line)} of the dump`}${statement === undefined ? undefined : html`<pre>${statement}</pre>`}</dd></div>`;
  return html`<section class="card failure" aria-labelledby="failure"><h2 id="failure">What failed</h2>
<p class="message">${sentence(message)}</p>
<dl class="particulars"><div><dt>expected</dt><dd class="text">${expected}</dd></div><div><dt>found</dt><dd class="text">${found}</dd></div>${where}<div><dt>code</dt><dd><code>${code}</code></dd></div></dl>
<p class="advice"><b>What to do:</b> ${hint}.</p>
<p class="advice">${what}</p>
<ul class="commands">${commands.map(([command, does]) => html`<li><code>${command}</code> ${does}</li>`)}</ul></section>`;
}

function pointSection(point: PointReport): Html {
  const rows = pointParticulars(point).map(
    ([word, text]) => html`<div><dt>${word}</dt><dd class="text">${text}</dd></div>`,
  );
  return html`<section class="card${point.outcome === 'failed' ? ' failure' : ''}" aria-labelledby="point"><h2 id="point">${pointHeadline(point)}</h2>
<dl class="particulars">${rows}</dl></section>`;
}

function figures(report: RestoreReport, costUsd: number | undefined): Html {
  const { comparisons, torrents, outcome } = report;
  const tables = comparisons.filter(({ counted }) => counted === 'rows').length;
  const tiles: [string, string, string][] = [];
  if (typeof torrents === 'number')
    tiles.push([formatCount(torrents), countedTable, 'counted in the restored database']);
  if (outcome === 'passed') {
    tiles.push([
      formatDuration(recoveryMsOf(report)),
      'restore time',
      'from the first byte to the last index',
    ]);
  } else tiles.push([formatDuration(report.durationMs), 'until it failed', 'from the start of the test']);
  if (tables > 0) tiles.push([formatCount(restoredRowsOf(report)), 'rows', `in ${plural(tables, 'table')}`]);
  if (costUsd !== undefined)
    tiles.push([formatUsd(costUsd), 'cost', `about, for ${formatDuration(report.durationMs)} of Fargate`]);
  return html`<dl class="tiles">${tiles.map(
    ([figure, what, how]) =>
      html`<div class="card tile"><dt>${what}</dt><dd><strong>${figure}</strong><span>${how}</span></dd></div>`,
  )}</dl>`;
}

const proofSigns = {
  proven: '\u2713',
  differs: '\u00d7',
  'not reached': '\u2013',
  skipped: '\u2013',
} as const;
const proofWords = {
  proven: 'proven',
  differs: 'differs',
  'not reached': 'not proven',
  skipped: 'skipped',
} as const;

function proofs(report: RestoreReport): Html {
  const row = ({ state, what, result }: Proof) =>
    html`<li class="${state.replace(' ', '-')}"><span class="mark" aria-hidden="true">${proofSigns[state]}</span><span class="what">${what}</span><span class="result"><span class="unseen">${proofWords[state]}: </span>${result}</span></li>`;
  const title = report.outcome === 'passed' ? 'What was proven, against what' : 'What could be proven';
  return html`<section class="card" aria-labelledby="proofs"><h2 id="proofs">${title}</h2>
<p class="caption">The restored database against the inventory that was taken when the archive was verified.</p>
<ul class="proofs">${proofsOf(report).map(row)}</ul></section>`;
}
