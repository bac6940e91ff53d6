// Does an archive look like the ones before it? A dump may be whole and still hold the wrong database, or half of the
// right one; what a source used to hold says what to expect. Growth is what a crawler does and is allowed generously;
// shrinking is not.

import { formatBytes, formatCount } from '../base/quantities.ts';
import { type Inventory, rowsOf, totalRows } from './inventory.ts';
import { type Doubt, listed, missingKinds } from './structure.ts';

/** An earlier archive of the same source that was intact, or that the operator has accepted. */
export type Known = {
  readonly accepted: boolean;
  readonly plainBytes: number;
  readonly inventory: Inventory;
};

/** What the band looks at: of an earlier archive, or of the one in question. */
export type Figures = Pick<Known, 'plainBytes' | 'inventory'>;

/** As many earlier archives say what is usual: two weeks of nights. */
export const historyLength = 14;

/** With fewer known archives nothing is usual yet. */
export const fewestKnown = 3;

/**
 * A figure may fall by a quarter below what is usual, or by as much as it has varied before; but half of it is never
 * usual, however much it varied.
 */
const tolerance = { least: 0.25, most: 0.45 } as const;

/** Tables of BitAgent that run dry when there is nothing to do: that they are empty says nothing. */
const tablesThatRunDry = ['public.queue_jobs', 'public.junkpurge_quarantine'];

/** Tables that are named one by one: a verdict and its mail stay short, however many are empty. */
const tablesSaid = 20;

/** Times its standard deviation that a figure may stray. */
const strayFactor = 3;
/** Makes the median absolute deviation an estimate of the standard deviation. */
const madToDeviation = 1.4826;

/** A figure may grow to so many times the largest that is known. */
const growthFactor = 20;

type Quantity = {
  readonly what: string;
  readonly of: (figures: Figures) => number;
  readonly format: (figure: number) => string;
  /** Growth up to here is never suspicious: a young crawler starts from nothing. */
  readonly growthFloor: number;
};

function quantitiesOf(countedTable: string): Quantity[] {
  const rows = { format: formatCount, growthFloor: 10_000_000 };
  return [
    {
      what: 'plain bytes',
      of: ({ plainBytes }) => plainBytes,
      format: formatBytes,
      growthFloor: 10 * 1024 ** 3,
    },
    { what: 'rows of all tables', of: ({ inventory }) => totalRows(inventory), ...rows },
    {
      what: `rows of ${countedTable}`,
      of: ({ inventory }) => rowsOf(inventory, countedTable) ?? 0,
      ...rows,
    },
  ];
}

/**
 * Compares an archive with what its source used to hold.
 *
 * @param history - Known archives that were taken before it, newest first; more than {@link historyLength} are ignored.
 * @param countedTable - The table whose rows are a figure of their own.
 * @returns What is outside of the band; empty while fewer than three archives are known, and none of them was accepted.
 * @remarks An accepted archive is where the band begins anew: what the operator called right is what is usual from then
 *   on, so that a deliberate shrink is asked about once. Tables and kinds of
 *   objects are still compared with all that is known: what the accepted one lacks, not all of them have.
 */
export function outsideBand(
  found: Figures,
  history: readonly Known[],
  countedTable: string,
): readonly Doubt[] {
  const known = history.slice(0, historyLength);
  const recent = sinceAcceptance(known);
  const doubts = [
    ...(known.length < fewestKnown ? [] : tablesWithoutRows(found, known, countedTable)),
    ...missingKinds(
      found.inventory,
      known.map(({ inventory }) => inventory),
      fewestKnown,
    ),
  ];
  if (recent.length < fewestKnown && !recent.some(({ accepted }) => accepted)) return doubts;
  return [
    ...quantitiesOf(countedTable).flatMap((quantity) => outsideRange(quantity, found, recent)),
    ...doubts,
  ];
}

/** The known archives down to the newest accepted one, which is the last of them; all, if none was accepted. */
function sinceAcceptance(known: readonly Known[]): readonly Known[] {
  const accepted = known.findIndex((one) => one.accepted);
  return accepted < 0 ? known : known.slice(0, accepted + 1);
}

function outsideRange(
  { what, of, format, growthFloor }: Quantity,
  found: Figures,
  recent: readonly Known[],
): Doubt[] {
  const figure = of(found);
  const figures = recent.map(of);
  // The newest three as well, so that a source that grew fast may not fall back to what it was two weeks ago.
  const usual = Math.max(median(figures), median(figures.slice(0, fewestKnown)));
  const least = usual * (1 - toleratedLoss(figures));
  const most = Math.max(growthFloor, growthFactor * Math.max(...figures));
  const said = `the ${recent.length === 1 ? 'archive' : `${recent.length} archives`} before: usually ${format(usual)}`;
  if (figure < least) {
    return [{ what, expected: `at least ${format(Math.ceil(least))} (${said})`, found: format(figure) }];
  }
  if (figure > most) return [{ what, expected: `at most ${format(most)} (${said})`, found: format(figure) }];
  return [];
}

/** As a share of what is usual. */
function toleratedLoss(figures: readonly number[]): number {
  const middle = median(figures);
  if (middle === 0) return tolerance.least;
  const spread = madToDeviation * median(figures.map((figure) => Math.abs(figure - middle)));
  return Math.min(tolerance.most, Math.max(tolerance.least, (strayFactor * spread) / middle));
}

/** A table that held rows in every known archive does not lose them all, nor disappear. */
function tablesWithoutRows(found: Figures, known: readonly Known[], countedTable: string): Doubt[] {
  const [newest, ...others] = known;
  const always = Object.entries(newest?.inventory.rows ?? {}).filter(
    ([table, rows]) => rows > 0 && others.every(({ inventory }) => (inventory.rows[table] ?? 0) > 0),
  );
  const tables = new Set(found.inventory.tables);
  const empty = always
    .filter(([table]) => (found.inventory.rows[table] ?? 0) === 0)
    .filter(([table]) => table !== countedTable && table !== `public.${countedTable}`)
    .filter(([table]) => !tables.has(table) || !tablesThatRunDry.includes(table));
  const doubts = empty.slice(0, tablesSaid).map(([table, rows]) => ({
    what: `table ${table}`,
    expected: `rows: the newest archive before has ${formatCount(rows)}, and none of ${known.length} is without`,
    found: tables.has(table) ? 'no rows' : 'the dump has no such table',
  }));
  const further = empty.slice(tablesSaid).map(([table]) => table);
  if (further.length === 0) return doubts;
  const expected = `rows of ${formatCount(further.length)} further tables: none of ${known.length} archives before is without`;
  return [...doubts, { what: 'further tables', expected, found: `no rows of ${listed(further)}` }];
}

/** Of no figures it is 0. */
function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
