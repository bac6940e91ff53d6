// What 'offsite list' shows to a person, as text: a table that fits the terminal, and how it stands.

import { type CatalogueEntry, countedRows, countsAsIntact } from '../../lib/archive/catalogue-of.ts';
import { inRowWords, overviewOf, type ProofLimits } from '../../lib/archive/overview.ts';
import { countedTable } from '../../lib/archive/verdict.ts';
import { formatAge, formatBytes, formatCount, hoursBetween } from '../../lib/base/quantities.ts';
import { gib } from '../../lib/cost/lines.ts';
import type { Prices } from '../../lib/cost/prices.ts';
import { textTable } from '../../lib/mail/mail.ts';
import { formatUsd } from '../../lib/report/cost.ts';
import type { TestPoint } from '../../lib/report/history.ts';
import { hangingTable } from '../../lib/report/layout.ts';
import { quarterAfter, quarterOf } from '../../lib/restore-test/turns.ts';
import { retyped } from './retyped.ts';

export type Listing = {
  readonly kind: 'database' | 'sidecar';
  /** Newest first. */
  readonly entries: readonly CatalogueEntry[];
  readonly latest: string | undefined;
  /** Why each stays, as the last run of expire has it. */
  readonly kept: ReadonlyMap<string, readonly string[]>;
  /** Restore tests, oldest first; `undefined` where they may not be read. */
  readonly tests?: readonly TestPoint[] | undefined;
  /** What the operator was told of last, where anybody watches. */
  readonly told?: Told | undefined;
  /** From which ages on he would be. */
  readonly limits?: ProofLimits | undefined;
  /** Whose prices what is stored costs, a month; absent where it is not at AWS. */
  readonly prices?: Prices | undefined;
};

/** By mail; of nothing, once all is well again. */
export type Told = { readonly of: readonly string[]; readonly at?: Date | undefined };

/** What a listing of sidecars has none of. */
const ofDatabaseAlone = ['stays as', 'read', 'restored', countedTable];
/** What goes first where the terminal is narrow. */
const lessWanted = [...ofDatabaseAlone, 'bytes', 'age'];

/** @param columns - Of the terminal; more than anybody has, where there is none. */
export function tableOf(
  { kind, latest, kept, tests }: Listing,
  shown: readonly CatalogueEntry[],
  now: Date,
  columns: number,
): string {
  const age = ageIn(shown.some(({ datedAt }) => hoursBetween(datedAt, now) >= 48) ? 'days' : 'h', now);
  const rows = shown.map((entry) => ({
    archive: entry.id.id,
    age: age(entry.datedAt),
    bytes: formatBytes(entry.compressedBytes),
    [countedTable]: formatCountOr(countedRows(entry)),
    read: entry.lastReadAt ? age(entry.lastReadAt) : '-',
    restored: testedAs(tests, entry.id.id),
    verdict: entry.id.id === latest ? `${entry.standing} (latest)` : entry.standing,
    // The last reason is the one that keeps it longest.
    'stays as': kept.get(entry.id.id)?.at(-1) ?? '-',
  })) as Record<string, string>[];
  const names = Object.keys(rows[0] ?? {}).filter(
    (name) => kind === 'database' || !ofDatabaseAlone.includes(name),
  );
  for (const left of ['', ...lessWanted]) {
    if (names.includes(left)) names.splice(names.indexOf(left), 1);
    const table = textTable([names, ...rows.map((row) => names.map((name) => row[name] ?? ''))]);
    const isLast = left === lessWanted.at(-1);
    if (isLast || table.split('\n').every((line) => line.length <= columns)) return table;
  }
  return '';
}

/** Ages that can be compared at a glance: all of one unit. */
function ageIn(unit: 'days' | 'h', now: Date): (from: Date) => string {
  const hours = unit === 'days' ? 24 : 1;
  return (from) => `${(hoursBetween(from, now) / hours).toFixed(1)} ${unit}`;
}

function testedAs(tests: readonly TestPoint[] | undefined, id: string): string {
  const last = tests?.findLast(({ archiveId }) => archiveId === id);
  if (last === undefined) return '-';
  return last.outcome === 'passed' ? 'yes' : last.outcome;
}

/** How it stands: well or not and since when, restore tests, sizes, of what mails told, what it costs. */
export function standingOf(source: string, listing: Listing, now: Date, columns: number): string {
  const { entries, tests, told, limits, prices } = listing;
  const { wellSince, inRow, newestIntactAt, faults } = overviewOf(entries, now, tests?.at(-1), limits);
  const newest = newestIntactAt === undefined ? '' : `, the newest ${formatAge(newestIntactAt, now)} old`;
  // What a mail has told of, and is not over, the archives need not show.
  const alarms = told === undefined || told.of.length === 0 ? [] : ['an alarm is on, see below'];
  const said =
    wellSince === undefined || alarms.length > 0
      ? `NOT WELL: ${[...faults, ...alarms].join('; ')}`
      : `all is well since ${dayOf(wellSince)}: ${inRowWords(inRow)}${newest}`;
  const lines: [string, string][] = [
    [source, said],
    ['restore', describeTests(tests, now)],
  ];
  const proven = entries.filter(({ standing }) => countsAsIntact(standing)).toReversed();
  const width = Math.max(source.length, 'restore'.length);
  const room = Math.max(columns - width, 22);
  if (proven.length > 1)
    lines.push([
      'sizes',
      describeSizes(
        proven.map(({ compressedBytes }) => compressedBytes),
        room - 2,
      ),
    ]);
  if (told !== undefined) lines.push(['alarms', describeTold(told)]);
  if (prices !== undefined) lines.push(['cost', describeStorage(entries, prices)]);
  const shown = lines.map(([label, text]): [string, string] => [label, retyped(text)]);
  return hangingTable(shown, width + room);
}

function describeTests(tests: readonly TestPoint[] | undefined, now: Date): string {
  const last = tests?.at(-1);
  if (tests === undefined) return 'these credentials may not read the reports of restore tests';
  if (last === undefined)
    return "none was tested yet: 'offsite restore-test' does it now, cloud or guard once a quarter";
  const point = last.pointFailed ? ', but for the recovery to a point: NOT PASSED' : '';
  const word = last.outcome === 'passed' ? `passed${point}` : `NOT PASSED (${last.outcome})`;
  return `the test of ${dayOf(last.startedAt)} ${word}, ${formatAge(last.startedAt, now)} ago; ${nextTest(tests, now)}`;
}

/** One that passed is enough for its quarter. */
function nextTest(tests: readonly TestPoint[], now: Date): string {
  const quarter = quarterOf(now);
  const isDone = tests.some(({ outcome, startedAt }) => outcome === 'passed' && startedAt >= quarter);
  return isDone ? `the next from ${dayOf(quarterAfter(quarter))} on` : 'the next is due';
}

function describeTold({ of, at }: Told): string {
  if (of.length === 0) return 'none';
  return `MAILED of ${of.join(', ')}${at === undefined ? '' : `, last on ${dayOf(at)}`}: docs/runbook.md`;
}

function describeStorage(entries: readonly CatalogueEntry[], { s3StandardGbMonth }: Prices): string {
  const bytes = entries.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0);
  const usd = formatUsd((bytes / gib) * s3StandardGbMonth);
  return `${usd} a month for ${formatBytes(bytes)} in S3; 'offsite estimate' has the rest`;
}

const bars = '▁▂▃▄▅▆▇█';
const barsAtMost = 40;

/** @param bytes - Oldest first. @param room - In columns. */
function describeSizes(bytes: readonly number[], room: number): string {
  const shown = bytes.slice(-Math.min(barsAtMost, room));
  const most = Math.max(...shown);
  const least = Math.min(...shown);
  // Sizes that are nearly equal look so.
  const span = Math.max(most - least, most / 10, 1);
  const bar = (size: number) => bars[Math.round(7 - ((most - size) / span) * 7)];
  const range = [...new Set([least, most].map(formatBytes))].join(' to ');
  return `${shown.map(bar).join('')}  ${range}, oldest first`;
}

function dayOf(instant: Date): string {
  return instant.toISOString().slice(0, 10);
}

function formatCountOr(rows: number | undefined): string {
  return rows === undefined ? '-' : formatCount(rows);
}

const colours = [
  [/(?<= {2})(intact|accepted)(?= |$)(?! in a row)/gm, 32],
  [/(?<= {2})(damaged|incomplete|missing|failed)(?= |$)/gm, 31],
  [/(?<= {2})(suspicious|unverified|no manifest|verdict not read)(?= |$)/gm, 33],
  [/NOT WELL:|NOT PASSED|MAILED/g, 31],
  [/(?<= {2})all is well/g, 32],
] as const;

/** As a terminal shows it that was told to know letters of ASCII alone: a bar is its height. */
export function inAscii(text: string): string {
  const heights = new RegExp(`[${bars}]`, 'g');
  return text.replaceAll('…', '...').replaceAll(heights, (bar) => String(bars.indexOf(bar) + 1));
}

/** Colours of what was made printable: verdicts, and how it stands. */
export function painted(text: string): string {
  return colours.reduce(
    (done, [words, colour]) => done.replaceAll(words, (word) => `\u001b[${colour}m${word}\u001b[39m`),
    text,
  );
}
