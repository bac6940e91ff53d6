// The same as the trends' pictures show, as tables: for those who would rather read, or cannot see.

import { type Html, html } from './html.ts';
import { formatCount, formatDuration, formatInstant } from './quantities.ts';
import type { NightPoint, TestPoint } from './report-history.ts';

export function testTable(tests: readonly TestPoint[]): Html {
  return html`<details><summary>As a table</summary><div class="scroll"><table>
<thead><tr><th scope="col">test</th><th scope="col">outcome</th><th scope="col" class="figure">restore time</th><th scope="col" class="figure">torrents</th></tr></thead>
<tbody>${[...tests]
    .reverse()
    .map(
      ({ startedAt, outcome, recoveryMs, torrents }) =>
        html`<tr><th scope="row">${formatInstant(startedAt)}</th><td>${outcome}</td><td class="figure">${recoveryMs === undefined ? '\u2013' : formatDuration(recoveryMs)}</td><td class="figure">${torrents === undefined ? '\u2013' : formatCount(torrents)}</td></tr>`,
    )}</tbody></table></div></details>`;
}

export function nightTable(
  nights: readonly NightPoint[],
  curves: readonly { readonly name: string; readonly of: (night: NightPoint) => number | undefined }[],
  say: (value: number) => string,
): Html {
  return html`<details><summary>As a table</summary><div class="scroll"><table>
<thead><tr><th scope="col">dumped</th><th scope="col">verdict</th>${curves.map(({ name }) => html`<th scope="col" class="figure">${name}</th>`)}</tr></thead>
<tbody>${[...nights].reverse().map((night) => {
    const cells = curves.map(({ of }) => of(night));
    return html`<tr><th scope="row">${formatInstant(night.takenAt)}</th><td>${night.verdict}</td>${cells.map(
      (value) => html`<td class="figure">${value === undefined ? '\u2013' : say(value)}</td>`,
    )}</tr>`;
  })}</tbody></table></div></details>`;
}
