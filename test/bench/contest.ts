// What all comparisons share: contestants take turns, so that a busy minute hits all of them, and what counts is the
// median of each and the ratio of two medians.

import { type Command, type Measured, measure, median, untilQuiet } from './measure.ts';

/** Figures of one contestant, a list with one value a run. */
export type Figures = { readonly seconds: number[]; readonly peakMiB: number[]; readonly bytes: number[] };

export type Contestant = {
  readonly name: string;
  readonly command: Command;
  /** How many bytes a run made, where that is compared. */
  readonly bytesOf?: (run: Measured) => number | Promise<number>;
};

/** One line of the report. */
export type Row = {
  readonly contest: string;
  readonly what: string;
  readonly value: number;
  readonly unit: 's' | '×' | 'MiB' | 'KB' | 'ms' | 'GB' | 'MB/s' | 'drills';
  /** The least or the most that is allowed. */
  readonly target?: { readonly atMost?: number; readonly atLeast?: number };
  readonly note?: string;
  /** A miss is a fault, on whatever machine: the whole run fails. */
  readonly isPromise?: boolean;
};

/** How long each run may wait for a quiet moment. */
export const patience = { seconds: 0 };

/** Lets contestants take turns. */
export async function contest(
  contestants: readonly Contestant[],
  runs: number,
): Promise<ReadonlyMap<string, Figures>> {
  const figures = new Map<string, Figures>(
    contestants.map(({ name }) => [name, { seconds: [], peakMiB: [], bytes: [] }]),
  );
  for (let run = 1; run <= runs; run += 1) {
    for (const { name, command, bytesOf } of contestants) {
      await untilQuiet(patience.seconds);
      const measured = await measure(command);
      const own = figures.get(name) as Figures;
      own.seconds.push(measured.seconds);
      own.peakMiB.push(measured.peakMiB);
      if (bytesOf !== undefined) own.bytes.push(await bytesOf(measured));
      const peak = measured.peakMiB > 0 ? `, ${measured.peakMiB.toFixed(0)} MiB` : '';
      process.stderr.write(`  run ${run}/${runs}  ${name}: ${measured.seconds.toFixed(2)} s${peak}\n`);
    }
  }
  return figures;
}

/** The median of one figure of one contestant. */
export function typical(
  figures: ReadonlyMap<string, Figures>,
  name: string,
  which: keyof Figures = 'seconds',
): number {
  const own = figures.get(name);
  if (own === undefined) throw new Error(`no contestant ${name}`);
  return median(own[which]);
}

/** One contestant's figure as a multiple of another's. */
export function ratio(
  figures: ReadonlyMap<string, Figures>,
  name: string,
  to: string,
  which: keyof Figures = 'seconds',
): number {
  return typical(figures, name, which) / typical(figures, to, which);
}

/** Whether a row is as its target wants it; `undefined` if it has none. */
export function isMet({ value, target }: Row): boolean | undefined {
  if (target === undefined) return undefined;
  return (
    value <= (target.atMost ?? Number.POSITIVE_INFINITY) &&
    value >= (target.atLeast ?? Number.NEGATIVE_INFINITY)
  );
}

/** The report as a Markdown table. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const { contest, what, target, note } = row;
    const wanted = [
      target?.atMost === undefined ? '' : `≤ ${target.atMost}`,
      target?.atLeast === undefined ? '' : `≥ ${target.atLeast}`,
    ].join('');
    const met = isMet(row);
    const verdict = met === undefined ? '' : met ? 'met' : '**missed**';
    return `| ${contest} | ${what}${note ? ` (${note})` : ''} | ${shown(row)} | ${wanted} | ${verdict} |`;
  });
  return ['| what | | measured | target | |', '|---|---|---|---|---|', ...lines, ''].join('\n');
}

function shown({ value, unit }: Row): string {
  const digits = { s: 2, '×': 2, MiB: 0, KB: 0, ms: 0, GB: 0, 'MB/s': 0, drills: 0 }[unit];
  const places = unit === '×' && value < 2 ? 3 : digits;
  return `${value.toFixed(places)} ${unit}`;
}
