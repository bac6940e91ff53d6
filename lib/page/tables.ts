// The page's tables: the checks, what differs, every table and kind of object, what was tested; and past tests.

import type { Comparison } from '../archive/comparison.ts';
import { formatBytes, formatCount, formatDuration, formatInstant, plural } from '../base/quantities.ts';
import { byGravity, describeTally, tallyOf } from '../report/check-words.ts';
import type { TestPoint } from '../report/history.ts';
import type { CheckResult, RestoreReport } from '../report/report.ts';
import { particularsOf } from '../report/words.ts';
import { type Html, html } from './html.ts';

const signs = { fail: '\u00d7', warn: '!', pass: '\u2713', skip: '\u2013' } as const;

/** The checks, the gravest first. */
export function checksTable({ checks, outcome }: RestoreReport): Html {
  if (checks.length === 0) {
    const why = outcome === 'failed' ? 'The test did not come so far.' : 'None ran.';
    return html`<section class="card"><h3>Checks</h3><p class="caption">${why}</p></section>`;
  }
  return html`<section class="card"><h3>Checks</h3>
<p class="caption">${plural(checks.length, 'question')} to the restored database: ${describeTally(tallyOf(checks))}.</p>
<table class="checks"><caption class="unseen">Checks</caption><thead><tr><th scope="col">outcome</th><th scope="col">check</th><th scope="col">what was found</th><th scope="col" class="figure wide">time</th></tr></thead>
<tbody>${byGravity(checks).map(checkRow)}</tbody></table></section>`;
}

function checkRow({ name, outcome, detail, origin, durationMs }: CheckResult): Html {
  const own = origin === 'own' ? html` <span class="tag">yours</span>` : undefined;
  return html`<tr><td>${badge(outcome)}</td><th scope="row"><code>${breakable(name)}</code>${own}</th><td class="detail">${detail}</td><td class="figure wide">${formatDuration(durationMs)}</td></tr>`;
}

function badge(outcome: CheckResult['outcome']): Html {
  return html`<span class="badge ${outcome}"><span aria-hidden="true">${signs[outcome]}</span> ${outcome}</span>`;
}

export function differences({ comparisons }: RestoreReport): Html {
  if (comparisons.length === 0) {
    return html`<section class="card"><h3>Differences</h3><p class="caption">Nothing was compared: the test did not come so far.</p></section>`;
  }
  const different = comparisons.filter(({ same }) => !same);
  if (different.length === 0) {
    return html`<section class="card"><h3>Differences</h3><p class="caption">None. All ${formatCount(comparisons.length)} comparisons with the archive's inventory agree.</p></section>`;
  }
  return html`<section class="card"><h3>Differences</h3>
<p class="caption">${formatCount(different.length)} of ${plural(comparisons.length, 'comparison')} with the archive's inventory ${different.length === 1 ? 'does' : 'do'} not agree.</p>
<table><caption class="unseen">Differences</caption><thead><tr><th scope="col">what</th><th scope="col" class="figure">dumped</th><th scope="col" class="figure">restored</th></tr></thead>
<tbody>${different.map(
    (one) =>
      html`<tr class="differs"><th scope="row">${breakable(one.what)}${names(one)}</th>${figures(one)}</tr>`,
  )}</tbody></table></section>`;
}

function names({ missing = [], unexpected = [] }: Comparison): Html {
  const list = (title: string, all: readonly string[]) =>
    all.length === 0
      ? undefined
      : html`<p class="names">${title}: ${all.map((name, index) => html`${index > 0 ? ', ' : ''}<code>${name}</code>`)}</p>`;
  return html`${list('did not come back', missing)}${list('was not dumped', unexpected)}`;
}

function figures({ expected, found }: Comparison): Html {
  return html`<td class="figure">${formatCount(expected)}</td><td class="figure">${found === null ? 'not there' : formatCount(found)}</td>`;
}

/** Every comparison, equal or not. */
export function comparedTables({ comparisons }: RestoreReport): Html {
  const table = (title: string, heading: string, counted: Comparison['counted']) => {
    const chosen = comparisons.filter((one) => one.counted === counted);
    if (chosen.length === 0) return undefined;
    return html`<section class="card"><h3>${title}</h3><table><caption class="unseen">${title}</caption><thead><tr><th scope="col">${heading}</th><th scope="col" class="figure">dumped</th><th scope="col" class="figure">restored</th></tr></thead>
<tbody>${chosen.map(
      (one) => html`<tr${sameClass(one)}><th scope="row">${breakable(one.what)}</th>${figures(one)}</tr>`,
    )}</tbody></table></section>`;
  };
  return html`<div class="grid">${table('Rows of every table', 'table', 'rows')}${table('Everything else', 'objects', 'objects')}</div>`;
}

/** A long name breaks where a person would break it, if it has to. */
function breakable(name: string): Html {
  return html`${name.split(/(?<=[._/-])/).map((part, index) => html`${index > 0 ? html`<wbr>` : undefined}${part}`)}`;
}

function sameClass({ same }: Comparison): Html | undefined {
  return same ? undefined : html` class="differs"`;
}

/** What the test's own server could not do. */
export function skippedStatements({ skipped }: RestoreReport): Html | undefined {
  if (skipped === undefined) return undefined;
  return html`<section class="card"><h3>Skipped</h3>
<p class="caption">${plural(skipped.statements, 'statement')} of the dump that the test’s own server cannot run, by design. They say nothing against the archive; all the rest was compared.</p>
<table><caption class="unseen">Skipped statements</caption><thead><tr><th scope="col" class="figure">line</th><th scope="col">statement</th><th scope="col">why</th></tr></thead>
<tbody>${skipped.first.map(
    ({ line, what, why }) =>
      html`<tr><td class="figure">${formatCount(line)}</td><th scope="row"><code>${what}</code></th><td>${why}</td></tr>`,
  )}</tbody></table></section>`;
}

/** What was tested, and where its files are. */
export function particulars(report: RestoreReport, kept: string): Html {
  const pairs = [...particularsOf(report), ['report', kept] as const];
  return html`<section class="card"><h3>What was tested</h3>
<dl class="particulars">${pairs.map(([word, value]) => html`<div><dt>${word}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}

export function testTable(tests: readonly TestPoint[]): Html {
  return html`<details><summary>The tests as a table</summary><div class="scroll" tabindex="0"><table>
<caption class="unseen">Restore tests</caption><thead><tr><th scope="col">test</th><th scope="col">outcome</th><th scope="col" class="figure">restore time</th><th scope="col" class="figure">plain dump</th><th scope="col" class="figure">rows</th><th scope="col" class="figure">torrents</th></tr></thead>
<tbody>${[...tests]
    .reverse()
    .map(
      ({ startedAt, outcome, recoveryMs, plainBytes, rows, torrents }) =>
        html`<tr><th scope="row">${formatInstant(startedAt)}</th><td>${outcome}</td>${figure(recoveryMs, formatDuration)}${figure(plainBytes, formatBytes)}${figure(rows, formatCount)}${figure(torrents, formatCount)}</tr>`,
    )}</tbody></table></div></details>`;
}

/** A cell; a dash where there is nothing. @param kind - A further class, after a space. */
export function figure(value: number | undefined, say: (value: number) => string, kind = ''): Html {
  return html`<td class="figure${kind}">${value === undefined ? '\u2013' : say(value)}</td>`;
}
