// Where the time of a restore test went: its stages under each other on one axis of time. Downloading, inflating and
// loading feed each other and so overlap.

import { formatBytes, formatDuration } from '../base/quantities.ts';
import { recoveryMsOf } from '../report/history.ts';
import type { RestoreReport, RestoreStage } from '../report/report.ts';
import { type Html, html } from './html.ts';
import { picture, px } from './plot.ts';
import { durationTicks, shortDuration } from './units.ts';

const rowPx = 46;
const bracketPx = 34;
const barePx = 4;
const footPx = 26;
const narrowestPercent = 0.5;
/** Of stages that other versions may name: what fits beside its time on a phone. */
const unknownTitleChars = 24;

const titles: ReadonlyMap<string, string> = new Map([
  ['start server', 'Start the server'],
  ['download', 'Download'],
  ['inflate', 'Inflate'],
  ['load', 'Load rows'],
  ['indexes', 'Make indexes and keys'],
  ['compare', 'Compare'],
  ['checks', 'Checks'],
]);

/** A real recovery needs these; the others belong to the test. */
const recovering: readonly string[] = [
  'download',
  'inflate',
  'load',
  'indexes',
  'download and load',
  'indexes and keys',
];

/** The section; empty if the test ended before any stage. */
export function waterfall(report: RestoreReport): Html {
  const stages = [...report.stages].sort((one, other) => one.startMs - other.startMs);
  if (stages.length === 0) return html``;
  const wholeMs = Math.max(report.durationMs, ...stages.map(endOf), 1);
  const percent = (ms: number) => px((ms / wholeMs) * 100);
  const bracket = recoveryBracket(report, stages, percent);
  const headPx = bracket === undefined ? barePx : bracketPx;
  const bottomPx = headPx + stages.length * rowPx;
  return html`<section class="card">
<h3>Where the time went</h3>
<p class="caption">${formatDuration(report.durationMs)} from the start of the test to its end.</p>
${picture({
  id: `${report.source}-waterfall`,
  title: 'The stages of the test on one axis of time',
  description: stages
    .map(
      ({ stage, startMs, durationMs }) =>
        `${titleOf(stage)}: ${formatDuration(durationMs)}, from ${shortDuration(startMs)} on`,
    )
    .join('; '),
  heightPx: bottomPx + footPx,
  drawing: html`${timeAxis(wholeMs, percent, headPx, bottomPx)}${bracket}${stages.map((stage, index) => row(stage, headPx + index * rowPx, percent))}`,
})}
${stageTable(stages)}
</section>`;
}

function row(stage: RestoreStage, top: number, percent: (ms: number) => number): Html {
  const { stage: name, startMs, durationMs } = stage;
  const kind = recovering.includes(name) ? 'bar' : 'bar aside';
  const width = Math.max(narrowestPercent, percent(durationMs));
  const x = Math.min(percent(startMs), 100 - width);
  const detail = detailOf(stage);
  return html`<g><title>${titleOf(name)}: ${formatDuration(durationMs)}${detail === '' ? '' : `, ${detail}`}</title>
<text class="stage" x="0" y="${top + 15}">${titleOf(name)}<tspan class="detail" dx="10">${detail}</tspan></text>
<text class="time" x="100%" y="${top + 15}">${formatDuration(durationMs)}</text>
<rect class="track" x="0" y="${top + 23}" width="100%" height="12" rx="3"/>
<rect class="${kind}" x="${px(x)}%" y="${top + 23}" width="${px(width)}%" height="12" rx="3"/></g>`;
}

/** What of the test a real recovery would take, marked over its stages. */
function recoveryBracket(
  report: RestoreReport,
  stages: readonly RestoreStage[],
  percent: (ms: number) => number,
): Html | undefined {
  const part = stages.filter(({ stage }) => recovering.includes(stage));
  if (report.outcome === 'failed' || part.length === 0) return undefined;
  const from = percent(Math.min(...part.map(({ startMs }) => startMs)));
  const to = percent(Math.max(...part.map(endOf)));
  // Over a restore that begins late, the name ends where the restore does: it would stand out of the picture.
  const name = from > 50 ? { anchor: 'end', x: to } : { anchor: 'start', x: from };
  const end = (x: number) => html`<line class="band" x1="${x}%" x2="${x}%" y1="22" y2="29"/>`;
  return html`<line class="band" x1="${from}%" x2="${to}%" y1="22" y2="22"/>${end(from)}${end(to)}
<text class="band-name" text-anchor="${name.anchor}" x="${name.x}%" y="14">restore time ${formatDuration(recoveryMsOf(report))}</text>`;
}

function timeAxis(wholeMs: number, percent: (ms: number) => number, top: number, bottom: number): Html {
  return html`${durationTicks(wholeMs).map((tick, index) => {
    const x = percent(tick);
    const place = index === 0 ? 'first' : x > 96 ? 'last' : '';
    return html`<line class="rule" x1="${x}%" x2="${x}%" y1="${top}" y2="${bottom}"/><text class="name ${place}" x="${x}%" y="${bottom + 18}">${shortDuration(tick)}</text>`;
  })}`;
}

function stageTable(stages: readonly RestoreStage[]): Html {
  return html`<details><summary>The stages as a table</summary><div class="scroll" tabindex="0"><table>
<caption class="unseen">Stages of the test</caption><thead><tr><th scope="col">stage</th><th scope="col" class="figure">from</th><th scope="col" class="figure">time</th><th scope="col">what passed through it</th></tr></thead>
<tbody>${stages.map(
    (stage) =>
      html`<tr><th scope="row">${stage.stage}</th><td class="figure">${shortDuration(stage.startMs)}</td><td class="figure">${formatDuration(stage.durationMs)}</td><td>${detailOf(stage)}</td></tr>`,
  )}</tbody></table></div></details>`;
}

function detailOf({ bytes, durationMs }: RestoreStage): string {
  if (bytes === undefined) return '';
  const rate = durationMs === 0 ? '' : `, ${formatBytes(bytes / (durationMs / 1000))}/s`;
  return `${formatBytes(bytes)}${rate}`;
}

function titleOf(stage: string): string {
  return titles.get(stage) ?? stage.slice(0, unknownTitleChars);
}

function endOf({ startMs, durationMs }: RestoreStage): number {
  return startMs + durationMs;
}
