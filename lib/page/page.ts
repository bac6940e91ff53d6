// The page of a source, or of several: one file without a script, a font or a picture from elsewhere, made from values alone.
// It opens from a disk, from a bucket or on paper, on a phone or a desk, in the light or the dark.

import { countedRows, newestIntact } from '../archive/catalogue-of.ts';
import { inRowWords, type Overview, overviewOf } from '../archive/overview.ts';
import { countedTable } from '../archive/verdict.ts';
import { formatAge, formatBytes, formatCount, formatInstant, plural } from '../base/quantities.ts';
import { toolVersion } from '../base/version.ts';
import { logWord, windowOf } from '../recovery-point/way.ts';
import { type NightPoint, type TestPoint, testPoint } from '../report/history.ts';
import { archivesSection } from './archives.ts';
import { calendarOf, calendarSection } from './calendar.ts';
import { constantHtml, type Html, html } from './html.ts';
import { costSection, knownSince, nightsOf, rpoTile, rtoTile, type Tile } from './measures.ts';
import { nightTrends } from './nights.ts';
import { shownTest, whatFailed } from './shown-test.ts';
import { pageStyle, pageStyleHash } from './style.ts';
import { testTrends } from './tests.ts';
import { longDate, shortDate } from './units.ts';
import type { SourceView } from './view.ts';

const yearMs = 365 * 86_400_000;

/**
 * Draws the page.
 *
 * @returns A whole HTML document. Its policy lets nothing in: no script, no request, no style but its own, by hash.
 */
export function renderPage(views: readonly SourceView[]): string {
  const sources = views.map(seen);
  const unwell = sources.filter(({ overview }) => overview.wellSince === undefined);
  const names = sources.length === 1 ? sources[0]?.view.source : plural(sources.length, 'source');
  const outcome = `${names}: ${unwell.length === 0 ? 'all is well' : 'NOT WELL'}`;
  return html`${constantHtml('<!doctype html>')}
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${pageStyleHash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">
<title>${outcome}</title>
${constantHtml(`<style>${pageStyle}</style>`)}</head>
<body><main>
${sources.length > 1 ? overviewTable(sources) : undefined}
${sources.map(article)}
</main><footer><p>bitagent-offsite ${toolVersion}. All times are UTC. This page holds no script and asks for nothing from the network.</p></footer></body></html>
`.markup;
}

type Seen = {
  readonly view: SourceView;
  readonly tests: readonly TestPoint[];
  readonly nights: readonly NightPoint[];
  readonly overview: Overview;
};

/** The test that is shown counts, too, where it is not in the vault. */
function seen(view: SourceView): Seen {
  const shown = view.shown && testPoint(view.shown.report, view.region);
  const others = view.tests.filter(({ startedAt }) => startedAt.getTime() !== shown?.startedAt.getTime());
  const tests = [...others, ...(shown === undefined ? [] : [shown])].sort(
    (one, other) => one.startedAt.getTime() - other.startedAt.getTime(),
  );
  const nights = nightsOf(view);
  return { view, tests, nights, overview: overviewOf(view.entries, view.drawnAt, tests.at(-1), view.limits) };
}

function article({ view, tests, nights, overview }: Seen): Html {
  const { source, drawnAt, shown, entries } = view;
  const days = calendarOf(nights, knownSince(view), drawnAt);
  const current = tests.find(({ startedAt }) => startedAt.toISOString() === shown?.report.startedAt);
  return html`<article id="${source}" class="${overview.wellSince === undefined ? 'unwell' : 'well'}">
${opening(view, overview)}
${view.unread.map((sentence) => html`<p class="caption unread">${sentence}</p>`)}
${shown?.report.outcome === 'failed' ? whatFailed(shown.report) : undefined}
${tiles([...proofTiles(entries, drawnAt), rpoTile(view, nights), rtoTile(tests)])}
${calendarSection(days)}
<div class="grid">${nightTrends(nights, current?.archiveId, source)}</div>
${archivesSection(nights, view)}
${pointsSection(view)}
${costSection(view, nights, tests)}
<div class="grid">${testTrends(tests, current, source)}</div>
${shownTest(view)}
</article>`;
}

function opening({ source, drawnAt, entries, windows }: SourceView, overview: Overview): Html {
  const { wellSince, faults } = overview;
  const sign = wellSince === undefined ? 'M16 16l16 16M32 16L16 32' : 'M14 25l7 7 14-15';
  return html`<header><p class="eyebrow"><b>${source}</b><span class="when">${longDate(drawnAt)}</span></p>
<div class="outcome"><svg class="sign" viewBox="0 0 48 48" width="48" height="48" aria-hidden="true"><circle cx="24" cy="24" r="24"/><path d="${sign}"/></svg>
<h1>${entries.length === 0 ? `There is no ${windows.length > 0 ? 'dump yet, only points in time' : 'archive yet'}` : describe(overview, drawnAt)}</h1></div>
${wellSince === undefined ? html`<ul class="lead">${faults.map((fault) => html`<li>${fault}</li>`)}</ul>` : undefined}</header>`;
}

function describe({ wellSince, inRow }: Overview, now: Date): string {
  if (wellSince === undefined) return 'Not well: look at this';
  const since = shortDate(wellSince, now.getTime() - wellSince.getTime() > yearMs / 2 ? yearMs : yearMs / 2);
  // A date is not parted by a line's end.
  return `All is well since ${since.replaceAll(' ', '\u00a0')}: ${inRowWords(inRow)}`;
}

function proofTiles(entries: SourceView['entries'], now: Date): Tile[] {
  const newest = newestIntact(entries);
  if (newest === undefined) return [];
  const { datedAt, compressedBytes, plainBytes } = newest;
  const torrents = countedRows(newest);
  const plain = plainBytes === undefined ? '' : `${formatBytes(plainBytes)} plain, `;
  const how = `${plain}${formatAge(datedAt, now)} old`;
  return [
    { what: 'newest proven archive', figure: formatBytes(compressedBytes), how },
    ...(torrents === undefined
      ? []
      : [{ what: countedTable, figure: formatCount(torrents), how: 'counted in its dump' }]),
  ];
}

function tiles(all: readonly Tile[]): Html {
  return html`<dl class="tiles">${all.map(
    ({ figure, what, how }) =>
      html`<div class="card tile"><dt>${what}</dt><dd><strong>${figure}</strong><span>${how}</span></dd></div>`,
  )}</dl>`;
}

function pointsSection({ windows, drawnAt }: SourceView): Html | undefined {
  if (windows.length === 0) return undefined;
  return html`<section class="card"><h2>Points in time</h2>
<p class="caption">What <code>offsite restore --to-time</code> can recover: from each base backup to the end of its log.</p>
<div class="scroll" tabindex="0"><table><caption class="unseen">Base backups and their log</caption><thead><tr><th scope="col">base backup</th><th scope="col">points since</th><th scope="col">newest log</th><th scope="col">log</th></tr></thead>
<tbody>${windows.map(
    (window) =>
      html`<tr><th scope="row">${window.base.id.id}</th><td>${formatInstant(windowOf(window).from)}</td><td>${window.storedAt === undefined ? 'nothing' : `${formatAge(window.storedAt, drawnAt)} old`}</td><td>${logWord(window)}</td></tr>`,
  )}</tbody></table></div></section>`;
}

function overviewTable(sources: readonly Seen[]): Html {
  return html`<section class="card"><h2>${plural(sources.length, 'source')}</h2><div class="scroll" tabindex="0"><table>
<caption class="unseen">How each source stands</caption><thead><tr><th scope="col">source</th><th scope="col">all is well</th><th scope="col">newest proven archive</th><th scope="col" class="figure">bytes</th><th scope="col">last restore test</th></tr></thead>
<tbody>${sources.map(({ view, overview, tests }) => {
    const newest = newestIntact(view.entries);
    const test = tests.at(-1);
    const well = overview.wellSince && `since ${shortDate(overview.wellSince, yearMs / 2)}`;
    return html`<tr><th scope="row"><a href="#${view.source}">${view.source}</a></th><td>${well === undefined ? html`<b class="bad">\u00d7 NOT WELL</b>` : `\u2713 ${well}`}</td><td>${newest === undefined ? 'none' : `${formatAge(newest.datedAt, view.drawnAt)} old`}</td><td class="figure">${newest === undefined ? '\u2013' : formatBytes(newest.compressedBytes)}</td><td>${test === undefined ? 'none yet' : `${test.outcome}, ${shortDate(test.startedAt, yearMs)}`}</td></tr>`;
  })}</tbody></table></div></section>`;
}
