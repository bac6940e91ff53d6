// What past tests measured, a bar each: the restore time, which is what a real recovery would take, the bytes and the
// rows that it was for, and where each of them is going. A failed test measured nothing and is a cross on the ground.

import { scaleBand } from 'd3-scale';
import { formatBytes, formatCount, formatDuration, plural } from '../base/quantities.ts';
import { describeChange, describeDelay } from '../report/change-words.ts';
import { comparableBefore, type TestPoint } from '../report/history.ts';
import { type Html, html } from './html.ts';
import { cross, groundY, nameAxis, picture, px, type Quantity, valueAxis } from './plot.ts';
import { testTable } from './tables.ts';
import { bytes, counts, durations, shortDate } from './units.ts';

/** Fewer tests than these leave places free: a single bar as wide as the page says nothing. */
const fewestPlaces = 4;
/** So many values can be written over their bars. */
const mostValues = 5;
const dayMs = 86_400_000;

type TestPicture = {
  readonly id: string;
  readonly heading: string;
  readonly className: string;
  /** How many names its width holds under the bars. */
  readonly mostNames: number;
  readonly of: (test: TestPoint) => number | undefined;
  /** The lower part of a bar, where it has two. */
  readonly lowerOf?: (test: TestPoint) => number | undefined;
  readonly parts?: { readonly lower: string; readonly upper: string };
  readonly quantity: Quantity;
  readonly say: (value: number) => string;
  /** What is said of the newest value, and of the one before it that it may be held against. */
  readonly caption: (current: TestPoint, before: TestPoint | undefined) => string;
};

const pictures: readonly TestPicture[] = [
  {
    id: 'recovery',
    heading: 'Restore time, test by test',
    className: 'card row',
    mostNames: 5,
    of: ({ recoveryMs }) => recoveryMs,
    lowerOf: ({ loadMs }) => loadMs,
    parts: { lower: 'until the last row was in', upper: 'indexes and keys' },
    quantity: durations,
    say: formatDuration,
    caption: (current, before) => {
      const measured = `${formatDuration(current.recoveryMs ?? 0)} from the first byte to the last index`;
      return before?.recoveryMs === undefined
        ? `${measured}. ${firstOfItsKind(current)}`
        : `${measured}, ${describeDelay(before.recoveryMs, current.recoveryMs ?? 0)} the last time.`;
    },
  },
  {
    id: 'test-bytes',
    heading: 'Bytes restored, test by test',
    className: 'card',
    mostNames: 3,
    of: ({ plainBytes }) => plainBytes,
    quantity: bytes,
    say: formatBytes,
    caption: ({ plainBytes = 0, databaseBytes, recoveryMs = 0 }, before) => {
      const became = databaseBytes === undefined ? '' : `, ${formatBytes(databaseBytes)} of database`;
      const rate = recoveryMs === 0 ? '' : `, ${formatBytes(plainBytes / (recoveryMs / 1000))}/s`;
      return `${formatBytes(plainBytes)} of plain dump${became}${rate}${since(before?.plainBytes, plainBytes)}.`;
    },
  },
  {
    id: 'test-rows',
    heading: 'Rows restored, test by test',
    className: 'card',
    mostNames: 3,
    of: ({ rows }) => rows,
    quantity: counts,
    say: formatCount,
    caption: ({ rows = 0, torrents }, before) => {
      const counted = torrents === undefined ? '' : `, ${formatCount(torrents)} of them torrents`;
      return `${plural(rows, 'row')} of all tables${counted}${since(before?.rows, rows)}.`;
    },
  },
];

/** The pictures; a sentence in their place while there is nothing to compare. */
export function testTrends(tests: readonly TestPoint[], shown: TestPoint | undefined, scope: string): Html {
  const current = shown ?? tests.at(-1);
  if (current === undefined) return html``;
  const passed = tests.filter(({ outcome }) => outcome === 'passed').length;
  if (passed === 0 || tests.length < 2) {
    const why =
      passed === 0
        ? 'No test has passed yet: there is no restore time to draw.'
        : 'This is the first: restore time, bytes and rows are drawn here from the second on.';
    return html`<figure class="card row"><figcaption><h2>Restore tests</h2><p class="caption">${why}</p></figcaption></figure>`;
  }
  return html`${pictures.map((one) => testTrend(one, tests, current, scope))}`;
}

function testTrend(one: TestPicture, tests: readonly TestPoint[], current: TestPoint, scope: string): Html {
  const value = (test: TestPoint) => (test.outcome === 'passed' ? one.of(test) : undefined);
  const { y, labels, lines } = valueAxis(Math.max(0, ...tests.map((test) => value(test) ?? 0)), one.quantity);
  const places = Array.from({ length: Math.max(fewestPlaces, tests.length) }, (_, index) => index);
  const band = scaleBand<number>().domain(places).range([0, 100]).paddingInner(0.4).paddingOuter(0.2);
  const middle = (index: number) => px((band(index) ?? 0) + band.bandwidth() / 2);
  const when = dateWithin(tests);
  const bars = tests.map((test, index) => {
    const height = value(test);
    if (height === undefined) return cross(middle(index), groundY - 9, `${when(test)}: ${test.outcome}`);
    const place = { x: px(band(index) ?? 0), width: px(band.bandwidth()), middle: middle(index) };
    const isCurrent = test === current;
    const isNamed = isCurrent || tests.length <= mostValues;
    return html`<g><title>${when(test)}: ${one.say(height)}</title>${bar(place, y(height), isCurrent, lowerTop(one, test, y))}${isNamed ? valueText(place.middle, y(height), one.quantity.short(height), isCurrent) : undefined}</g>`;
  });
  const failed = tests.filter(({ outcome }) => outcome === 'failed').length;
  return html`<figure class="${one.className}"><figcaption><h2>${one.heading}</h2><p class="caption">${captionOf(one, tests, current)}</p>${keys(one, tests, failed)}</figcaption>
${picture({
  id: `${scope}-${one.id}`,
  title: one.heading,
  description: tests.map((test) => `${dayOf(test)}: ${saidOf(value(test), one.say)}`).join('; '),
  axis: labels,
  drawing: html`${lines}${bars}${testNames(one, tests, middle, when)}`,
})}${one.id === 'recovery' ? testTable(tests) : undefined}</figure>`;
}

type Place = { readonly x: number; readonly width: number };

function bar({ x, width }: Place, top: number, isCurrent: boolean, lower: number | undefined): Html {
  const kind = `bar${isCurrent ? '' : ' past'}`;
  const whole = Math.min(top, groundY - 2);
  const rect = (className: string, from: number, to: number) =>
    html`<rect class="${className}" x="${x}%" y="${px(from)}" width="${width}%" height="${px(to - from)}" rx="1"/>`;
  if (lower === undefined || lower <= whole) return rect(kind, whole, groundY);
  return html`${rect(`${kind} upper`, whole, lower)}${rect(kind, lower, groundY)}`;
}

function lowerTop(one: TestPicture, test: TestPoint, y: (value: number) => number): number | undefined {
  const lower = one.lowerOf?.(test);
  return lower === undefined ? undefined : Math.min(y(lower), groundY);
}

function valueText(middle: number, top: number, text: string, isCurrent: boolean): Html {
  return html`<text class="value ${isCurrent ? 'strong' : 'minor'}" x="${middle}%" y="${px(Math.min(top, groundY - 2) - 6)}">${text}</text>`;
}

/** The newest has its name in any case, and so has every other one that there is room for. */
function testNames(
  { mostNames }: TestPicture,
  tests: readonly TestPoint[],
  middle: (index: number) => number,
  when: (test: TestPoint) => string,
): Html {
  const every = Math.ceil(tests.length / mostNames);
  const names = tests.map((test, index) => ({
    at: middle(index),
    text: when(test),
    back: tests.length - 1 - index,
  }));
  return nameAxis(
    names
      .filter(({ back }) => back % every === 0)
      .map(({ at, text, back }) => ({ at, text, minor: (back / every) % 2 === 1 })),
  );
}

function captionOf(one: TestPicture, tests: readonly TestPoint[], current: TestPoint): string {
  if (current.outcome === 'failed') return 'This test failed and measured none.';
  return one.caption(current, comparableBefore(tests, current));
}

function firstOfItsKind({ inTask }: TestPoint): string {
  return inTask ? 'The first in the cloud: the trend begins here.' : 'The first on a machine like this one.';
}

function since(before: number | undefined, now: number): string {
  return before === undefined ? '' : `; ${describeChange(before, now)} since the last time`;
}

function keys({ parts }: TestPicture, tests: readonly TestPoint[], failed: number): Html | undefined {
  const two = parts !== undefined && tests.some(({ loadMs }) => loadMs !== undefined) ? parts : undefined;
  if (two === undefined && failed === 0) return undefined;
  return html`<p class="keys">${
    two &&
    html`<span class="key"><i class="swatch"></i>${two.lower}</span> <span class="key"><i class="swatch upper"></i>${two.upper}</span> `
  }${failed > 0 ? html`<span class="key bad"><b aria-hidden="true">\u00d7</b>a failed test</span>` : undefined}</p>`;
}

function dateWithin(tests: readonly TestPoint[]): (test: TestPoint) => string {
  const span = (tests.at(-1)?.startedAt.getTime() ?? 0) - (tests[0]?.startedAt.getTime() ?? 0);
  // Within a day it is the hour that tells them apart.
  return ({ startedAt }) => shortDate(startedAt, tests.length > 1 ? span : dayMs);
}

function dayOf({ startedAt }: TestPoint): string {
  return shortDate(startedAt, 400 * dayMs);
}

function saidOf(value: number | undefined, say: (value: number) => string): string {
  return value === undefined ? 'failed' : say(value);
}
