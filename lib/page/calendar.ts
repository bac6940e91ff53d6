// A calendar of nights: a sheet a month, a sign a night. A night is a day of UTC, as retention has it.

import { countsAsIntact, type Standing } from '../archive/catalogue-of.ts';
import { plural } from '../base/quantities.ts';
import type { NightPoint } from '../report/history.ts';
import { type Html, html } from './html.ts';

export type NightState = 'intact' | 'suspicious' | 'damaged' | 'missing' | 'unproven';

/** A night of the calendar; several archives of a night have several states, the gravest first. */
export type CalendarDay = { readonly day: string; readonly states: readonly NightState[] };

const dayMs = 86_400_000;
/** Two years. */
const mostDays = 731;
/** Sheets that are not folded. */
const openSheets = 4;

const signs: Readonly<Record<NightState, string>> = {
  damaged: '\u00d7',
  missing: '\u25cb',
  suspicious: '!',
  unproven: '?',
  intact: '\u2713',
};
const inGravity = Object.keys(signs) as NightState[];
const meanings: Readonly<Record<NightState, string>> = {
  damaged: 'damaged or incomplete',
  missing: 'missing: no archive',
  suspicious: 'suspicious: much less in it, or much more',
  unproven: 'without a verdict',
  intact: 'intact',
};

/** What the calendar calls a standing. */
function stateOf(standing: Standing): NightState {
  if (countsAsIntact(standing)) return 'intact';
  if (standing === 'damaged' || standing === 'incomplete') return 'damaged';
  return standing === 'missing' || standing === 'suspicious' ? standing : 'unproven';
}

/**
 * Lays nights out by day, from the first that is known to today, two years at most.
 *
 * @param knownSince - From then on a day without an archive lacked one; before it, retention may have taken it.
 * @param now - Today's night may still come.
 */
export function calendarOf(
  nights: readonly NightPoint[],
  knownSince: Date | undefined,
  now: Date,
): CalendarDay[] {
  const byDay = new Map<string, NightState[]>();
  for (const { takenAt, verdict } of nights) {
    const day = dayOf(takenAt);
    byDay.set(day, [...(byDay.get(day) ?? []), stateOf(verdict)]);
  }
  const known = [...byDay.keys()].sort();
  const today = dayOf(now);
  const first = known[0];
  // By a clock that is behind the store's, the newest is of tomorrow.
  const last = [today, known.at(-1) ?? today].sort().at(-1) ?? today;
  if (first === undefined) return [];
  const from = Math.max(Date.parse(first), Date.parse(last) - (mostDays - 1) * dayMs);
  const lacks = (day: string) =>
    knownSince !== undefined && Date.parse(day) + dayMs > knownSince.getTime() && day < today;
  return Array.from({ length: Math.round((Date.parse(last) - from) / dayMs) + 1 }, (_, index) => {
    const day = dayOf(new Date(from + index * dayMs));
    const states = byDay.get(day) ?? (lacks(day) ? ['missing'] : []);
    return { day, states: inGravity.filter((state) => states.includes(state)) };
  });
}

function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

export function calendarSection(days: readonly CalendarDay[]): Html {
  if (days.length === 0) return html``;
  const months = [...Map.groupBy(days, ({ day }) => day.slice(0, 7))];
  const earlier = months.slice(0, -openSheets);
  const counts = inGravity.toReversed().flatMap((state) => {
    const nights = days.filter(({ states }) => states[0] === state).length;
    return nights === 0 && state !== 'intact' ? [] : [{ state, nights }];
  });
  return html`<section class="card"><h2>Night by night</h2>
<p class="caption">${plural(days.filter(({ states }) => states.length > 0).length, 'night')}, by day of UTC. A day without a sign is not known, or still to come.</p>
<ul class="keys">${counts.map(
    ({ state, nights }) =>
      html`<li class="key"><b class="night ${state}" aria-hidden="true">${signs[state]}</b>${plural(nights, 'night')} ${meanings[state]}</li>`,
  )}</ul>
<div class="sheets">${months.slice(-openSheets).map(sheet)}</div>
${
  earlier.length > 0
    ? html`<details><summary>${plural(earlier.length, 'earlier month')}, ${[...new Set([earlier[0], earlier.at(-1)])].map((one) => monthName(one?.[0] ?? '')).join(' to ')}</summary><div class="sheets">${earlier.map(sheet)}</div></details>`
    : undefined
}</section>`;
}

const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];

function sheet([month, days]: [string, readonly CalendarDay[]]): Html {
  const first = Date.parse(`${month}-01`);
  const length = new Date(
    new Date(first).setUTCMonth(new Date(first).getUTCMonth() + 1) - dayMs,
  ).getUTCDate();
  const blank = (new Date(first).getUTCDay() + 6) % 7;
  const known = new Map(days.map((one) => [Number(one.day.slice(8)), one.states]));
  const weeks = Array.from({ length: Math.ceil((blank + length) / 7) }, (_, week) =>
    Array.from({ length: 7 }, (_, weekday) => week * 7 + weekday - blank + 1),
  );
  const cell = (date: number) =>
    date < 1 || date > length ? html`<td></td>` : night(date, known.get(date) ?? []);
  return html`<table class="sheet"><caption>${monthName(month)}</caption><thead><tr>${weekdays.map((name) => html`<th scope="col" abbr="${name}">${name.slice(0, 2)}</th>`)}</tr></thead>
<tbody>${weeks.map((week) => html`<tr>${week.map(cell)}</tr>`)}</tbody></table>`;
}

function night(date: number, states: readonly NightState[]): Html {
  const [gravest] = states;
  if (gravest === undefined) return html`<td>${date}</td>`;
  return html`<td class="night ${gravest}">${date}<b aria-hidden="true">${states.map((state) => signs[state])}</b><span class="unseen"> ${states.join(', ')}</span></td>`;
}

function monthName(month: string): string {
  return format.format(new Date(`${month}-01T00:00:00Z`));
}

const format = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
