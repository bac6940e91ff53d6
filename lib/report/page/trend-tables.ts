// The same as the trends' pictures show, as tables: for those who would rather read, or cannot see.

import { formatBytes, formatCount, formatDuration, formatInstant } from '../../base/quantities.ts';
import type { NightPoint, TestPoint } from '../history.ts';
import { type Html, html } from './html.ts';

export function testTable(tests: readonly TestPoint[]): Html {
  return html`<details><summary>As a table</summary><div class="scroll"><table>
<thead><tr><th scope="col">test</th><th scope="col">outcome</th><th scope="col" class="figure">restore time</th><th scope="col" class="figure">plain dump</th><th scope="col" class="figure">rows</th><th scope="col" class="figure">torrents</th></tr></thead>
<tbody>${[...tests]
    .reverse()
    .map(
      ({ startedAt, outcome, recoveryMs, plainBytes, rows, torrents }) =>
        html`<tr><th scope="row">${formatInstant(startedAt)}</th><td>${outcome}</td>${figure(recoveryMs, formatDuration)}${figure(plainBytes, formatBytes)}${figure(rows, formatCount)}${figure(torrents, formatCount)}</tr>`,
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
    return html`<tr><th scope="row">${formatInstant(night.takenAt)}</th><td>${night.verdict}</td>${cells.map((value) => figure(value, say))}</tr>`;
  })}</tbody></table></div></details>`;
}

function figure(value: number | undefined, say: (value: number) => string): Html {
  return html`<td class="figure">${value === undefined ? '\u2013' : say(value)}</td>`;
}
