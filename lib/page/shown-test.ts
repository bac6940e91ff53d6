// A restore test in full: what was proven, where the time went, what the checks said; of one that failed, what failed first.

import { parseArchiveId } from '../archive/names.ts';
import { formatCount, formatDuration, plural } from '../base/quantities.ts';
import { formatUsd, restoreTestCost } from '../report/cost.ts';
import { adviceOn, type FailedReport, sentence, shortMessage } from '../report/failure-words.ts';
import { recoveryMsOf } from '../report/history.ts';
import { pointHeadline, pointParticulars } from '../report/point-words.ts';
import { hasPassed, type PointReport, type RestoreReport } from '../report/report.ts';
import { headline, type Proof, proofsOf, shortVersion } from '../report/words.ts';
import { type Html, html } from './html.ts';
import { checksTable, comparedTables, differences, particulars, skippedStatements } from './tables.ts';
import { longDate } from './units.ts';
import type { SourceView } from './view.ts';
import { waterfall } from './waterfall.ts';

export function shownTest({ shown, region }: SourceView): Html {
  if (shown === undefined) {
    return html`<section class="card"><h2>Restore test</h2><p class="caption">No restore test has ended yet: the cloud or the guard begins one every quarter, and <code>offsite restore-test</code> does it now, on a machine of yours.</p></section>`;
  }
  const { report, kept } = shown;
  return html`<h2 class="bare">Restore test of ${longDate(new Date(report.startedAt))}</h2>
${proofs(report, region)}
${report.point === undefined ? undefined : pointSection(report.point)}
${waterfall(report)}
${report.outcome === 'failed' ? differences(report) : undefined}
${checksTable(report)}
${report.outcome === 'passed' ? differences(report) : undefined}
${skippedStatements(report)}
<details class="more"><summary>Every comparison, and what was tested</summary>
${comparedTables(report)}
${particulars(report, kept)}</details>`;
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

function pointSection(point: PointReport): Html {
  const rows = pointParticulars(point).map(
    ([word, text]) => html`<div><dt>${word}</dt><dd class="text">${text}</dd></div>`,
  );
  return html`<section class="card${point.outcome === 'failed' ? ' failure' : ''}"><h3>${pointHeadline(point)}</h3>
<dl class="particulars">${rows}</dl></section>`;
}

/** What failed, before anything else. */
export function whatFailed(report: FailedReport): Html {
  const { code, message, expected, found, hint, line, statement } = report.failure;
  const { what, commands } = adviceOn(report);
  const where =
    line === undefined && statement === undefined
      ? undefined
      : html`<div><dt>where</dt><dd>${line === undefined ? '' : `line ${formatCount(line)} of the dump`}${statement === undefined ? undefined : html`<pre>${statement}</pre>`}</dd></div>`;
  return html`<section class="card failure"><h2>What failed in the restore test</h2>
<p class="message">${sentence(message)}</p>
<dl class="particulars"><div><dt>expected</dt><dd class="text">${expected}</dd></div><div><dt>found</dt><dd class="text">${found}</dd></div>${where}<div><dt>code</dt><dd><code>${code}</code></dd></div></dl>
<p class="advice"><b>What to do:</b> ${hint}.</p>
<p class="advice">${what}</p>
<ul class="commands">${commands.map(([command, does]) => html`<li><code>${command}</code> ${does}</li>`)}</ul></section>`;
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

function proofs(report: RestoreReport, region: string | undefined): Html {
  const usd = restoreTestCost(report, region);
  const took = `${report.outcome === 'passed' ? `Restored in ${formatDuration(recoveryMsOf(report))}` : 'Failed'}; the whole test took ${formatDuration(report.durationMs)}${usd === undefined ? '' : ` and cost about ${formatUsd(usd)}`}.`;
  const row = ({ state, what, result }: Proof) =>
    html`<li class="${state.replace(' ', '-')}"><span class="mark" aria-hidden="true">${proofSigns[state]}</span><span class="what">${what}</span><span class="result"><span class="unseen">${proofWords[state]}: </span>${result}</span></li>`;
  return html`<section class="card ${hasPassed(report) ? 'well' : 'unwell'}"><h3>${headline(report)}</h3>
<p class="caption">${lead(report)} ${took}</p>
<ul class="proofs">${proofsOf(report).map(row)}</ul></section>`;
}
