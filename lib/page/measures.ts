// What is measured of a source, and not promised: how much would be lost, how long it takes to be back, and what it costs.

import { formatAge, formatDuration, hoursBetween } from '../base/quantities.ts';
import { pricesAsOf } from '../cost/prices.ts';
import { compareCost, type UsedLine } from '../estimate/used.ts';
import { formatUsd } from '../report/cost.ts';
import { isProven, type NightPoint, nightPoint, type TestPoint } from '../report/history.ts';
import { type Html, html } from './html.ts';
import { shortDate } from './units.ts';
import type { SourceView } from './view.ts';

const dayMs = 86_400_000;
const yearMs = 365 * dayMs;

/** Every night that is known, oldest first: what is in the vault, and what is remembered of what is gone. */
export function nightsOf({ entries, plan }: SourceView): NightPoint[] {
  const there = new Set(entries.map(({ id }) => id.id));
  const past = typeof plan === 'object' ? plan.past.filter(({ archiveId }) => !there.has(archiveId)) : [];
  const gone = past.map((night) => ({
    ...night,
    takenAt: new Date(night.takenAt),
    verdict: night.verdict as NightPoint['verdict'],
    isGone: true,
  }));
  return [...gone, ...entries.map(nightPoint)].sort(
    (one, other) => one.takenAt.getTime() - other.takenAt.getTime(),
  );
}

/** From when on a night without an archive lacked one; `undefined` where nobody knows what retention took. */
export function knownSince({ plan }: SourceView): Date | undefined {
  if (plan === undefined) return new Date(0);
  return plan === 'unread' || plan.rememberedSince === undefined ? undefined : new Date(plan.rememberedSince);
}

/** The longest time between two proven archives, the one that is going on among them. */
export function longestGap(
  nights: readonly NightPoint[],
  since: Date | undefined,
  now: Date,
): { readonly from: Date; readonly to: Date } | undefined {
  const proven = nights.filter(isProven).map(({ takenAt }) => takenAt);
  const points = [...proven.filter((at) => since !== undefined && at >= since), now];
  // Of what is left where retention took the rest, only the newest has a neighbour.
  const [last] = proven.slice(-1);
  if (points.length === 1 && last !== undefined) points.unshift(last);
  let longest: { from: Date; to: Date } | undefined;
  for (const [index, to] of points.entries()) {
    const from = points[index - 1];
    if (from === undefined) continue;
    if (longest === undefined || hoursBetween(from, to) > hoursBetween(longest.from, longest.to))
      longest = { from, to };
  }
  return longest;
}

export type Tile = { readonly figure: string; readonly what: string; readonly how: string };

/** What would be lost if the host were lost: now, and at the worst moment. */
export function rpoTile(view: SourceView, nights: readonly NightPoint[]): Tile {
  const { drawnAt: now, windows } = view;
  const point = windows[0]?.storedAt;
  const gap = longestGap(nights, knownSince(view), now);
  const what = 'would be lost (RPO)';
  if (point !== undefined && point <= now) {
    const how = 'since the newest point in time that can be recovered';
    return { what, figure: formatAge(point, now), how };
  }
  const newest = nights.findLast(isProven);
  if (newest === undefined || gap === undefined)
    return { what, figure: 'everything', how: 'no archive is proven intact' };
  const worst =
    gap.from >= newest.takenAt
      ? ''
      : `; at worst ${formatAge(gap.from, gap.to)}, from ${shortDate(gap.from, dayMs)} on`;
  return { what, figure: formatAge(newest.takenAt, now), how: `since the newest proven archive${worst}` };
}

/** What it takes to be back. */
export function rtoTile(tests: readonly TestPoint[]): Tile {
  const what = 'until it is back (RTO)';
  const passed = tests.filter(({ recoveryMs }) => recoveryMs !== undefined);
  const last = passed.at(-1);
  if (last?.recoveryMs === undefined)
    return { what, figure: 'not yet', how: 'no restore test has passed yet' };
  const worst = Math.max(...passed.map(({ recoveryMs = 0 }) => recoveryMs));
  const longest = passed.length > 1 ? `; at worst ${formatDuration(worst)} of ${passed.length} tests` : '';
  const how = `first byte to last index, in the test of ${shortDate(last.startedAt, yearMs)}${longest}`;
  return { what, figure: formatDuration(last.recoveryMs), how };
}

/** The cost section; empty where there is nothing to reckon with. */
export function costSection(
  view: SourceView,
  nights: readonly NightPoint[],
  tests: readonly TestPoint[],
): Html {
  const newest = nights.findLast((night) => isProven(night) && night.plainBytes !== undefined);
  if (view.region === undefined || newest?.plainBytes === undefined) return html``;
  const there = view.entries.filter(({ compressedBytes }) => compressedBytes > 0);
  const { pricedLike, lines } = compareCost({
    compressedBytes: newest.compressedBytes,
    plainBytes: newest.plainBytes,
    archivesPerDay: perDay(nights, view.drawnAt),
    archives: there.length,
    storedBytes: there.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0),
    testsUsd: testsUsd(tests, view.drawnAt),
    policy: (typeof view.plan === 'object' ? view.plan.policy : undefined) ?? {},
    region: view.region,
  });
  const usd = (cents: number | undefined) => (cents === undefined ? 'not measured' : formatUsd(cents / 100));
  const total = lines.reduce((sum, { estimated }) => sum + estimated, 0);
  const line = ({ what, estimated, used, basis }: UsedLine) =>
    html`<tr><th scope="row">${what}</th><td class="figure">${usd(estimated)}</td><td class="figure">${usd(used)}</td><td class="detail wide">${basis}</td></tr>`;
  return html`<section class="card"><h2>What a month costs</h2>
<p class="caption">Estimated once as much is kept as will be, against what is there. Prices of ${pricedLike}, ${pricesAsOf}, US dollars; <code>offsite estimate</code> has each line.</p>
<table><caption class="unseen">Cost of a month</caption><thead><tr><th scope="col">for</th><th scope="col" class="figure">estimated</th><th scope="col" class="figure">used</th><th scope="col" class="wide">measured by</th></tr></thead>
<tbody>${lines.map(line)}<tr><th scope="row"><b>total</b></th><td class="figure"><b>${usd(total)}</b></td><td></td><td class="wide"></td></tr></tbody></table></section>`;
}

/** How many a day the last month had, one at least. */
function perDay(nights: readonly NightPoint[], now: Date): number {
  const recent = nights.filter(({ takenAt }) => now.getTime() - takenAt.getTime() < 30 * dayMs);
  const first = recent[0]?.takenAt ?? now;
  const days = Math.max(1, Math.ceil((now.getTime() - first.getTime()) / dayMs));
  return Math.max(1, Math.round(recent.length / days));
}

/** @returns `undefined` where no test has run in the cloud. */
function testsUsd(tests: readonly TestPoint[], drawnAt: Date): number | undefined {
  const paid = tests.filter(({ costUsd }) => costUsd !== undefined);
  if (paid.length === 0) return undefined;
  const recent = paid.filter(({ startedAt }) => drawnAt.getTime() - startedAt.getTime() < yearMs);
  return recent.reduce((sum, { costUsd = 0 }) => sum + costUsd, 0);
}
