// Every archive that is known, and why it stays: the figures of the calendar and of the pictures as a table.

import { formatBytes, formatCount, formatInstant, plural } from '../base/quantities.ts';
import type { NightPoint } from '../report/history.ts';
import { type Html, html } from './html.ts';
import { figure } from './tables.ts';
import type { SourceView } from './view.ts';

/** Rows that are not folded. */
const openRows = 14;

/** What is kept, why, and all figures. */
export function archivesSection(nights: readonly NightPoint[], { plan }: SourceView): Html {
  if (nights.length === 0) return html``;
  const stored = typeof plan === 'object' ? plan : undefined;
  const reasons = new Map(stored?.keep.map(({ id, reasons: why }) => [id, why]));
  const newestFirst = [...nights].reverse();
  const there = nights.filter(({ isGone }) => !isGone);
  const bytes = there.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0);
  const rows = (some: readonly NightPoint[], caption: string) => html`<div class="scroll" tabindex="0"><table>
<caption class="unseen">${caption}</caption><thead><tr><th scope="col">dumped</th><th scope="col">verdict</th><th scope="col" class="figure">stored</th><th scope="col" class="figure wide">plain dump</th><th scope="col" class="figure">rows</th><th scope="col" class="figure wide">torrents</th><th scope="col">stays as</th></tr></thead>
<tbody>${some.map((night) => row(night, reasons.get(night.archiveId)))}</tbody></table></div>`;
  const older = newestFirst.slice(openRows);
  return html`<section class="card archives"><h2>What is kept, and why</h2>
<p class="caption">${plural(there.length, 'archive')}, ${formatBytes(bytes)}. ${describePlan(plan)}</p>
${stored?.standstill === undefined ? undefined : html`<p class="advice unwell"><b>Retention stands still:</b> ${stored.standstill}.</p>`}
${reasonList(there.flatMap(({ archiveId }) => reasons.get(archiveId) ?? []))}
${rows(newestFirst.slice(0, openRows), 'The newest archives')}
${older.length > 0 ? html`<details><summary>${plural(older.length, 'older archive')}</summary>${rows(older, 'Older archives')}</details>` : undefined}</section>`;
}

function describePlan(plan: SourceView['plan']): string {
  if (plan === 'unread') return 'Why each stays could not be read.';
  if (plan === undefined) return 'Retention has not run yet: nothing was expired so far.';
  const { keepDays, keepWeekly = 0, keepMonthly = 0, keepYearly = 0 } = plan.policy ?? {};
  const kept = [
    keepDays === undefined ? '' : plural(keepDays, 'day'),
    ...[plural(keepWeekly, 'week'), plural(keepMonthly, 'month'), plural(keepYearly, 'year')].filter(
      (text) => !text.startsWith('0 '),
    ),
  ].filter(Boolean);
  const policy =
    kept.length === 0 ? '' : `Kept for ${kept.join(', ')}, and never fewer than the last good ones. `;
  return `${policy}Decided ${formatInstant(new Date(plan.decidedAt))}.`;
}

/** How many stay for the same reason; weeks, months and years are alike. */
function reasonList(reasons: readonly string[]): Html | undefined {
  if (reasons.length === 0) return undefined;
  const alike = Map.groupBy(reasons, (reason) => reason.replace(/^(newest of (?:week|month|year)) .*/, '$1'));
  return html`<ul class="reasons">${[...alike].map(([reason, same]) => html`<li>${plural(same.length, 'archive')}: ${reason}</li>`)}</ul>`;
}

/** The last reason is the one that keeps it longest. */
function row(night: NightPoint, reasons: readonly string[] | undefined): Html {
  const { takenAt, verdict, isGone, compressedBytes, plainBytes, rows, torrents } = night;
  const bytes = verdict === 'missing' ? undefined : compressedBytes;
  return html`<tr><th scope="row">${formatInstant(takenAt).slice(0, 10)}<span class="wide">${formatInstant(takenAt).slice(10, 16)}</span></th><td>${verdict}</td>${figure(bytes, formatBytes)}${figure(plainBytes, formatBytes, ' wide')}${figure(rows, formatCount)}${figure(torrents, formatCount, ' wide')}<td>${isGone ? 'gone' : (reasons?.at(-1) ?? '\u2013')}</td></tr>`;
}
