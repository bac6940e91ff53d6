// Bytes, torrents and rows of past nights: lines through what is intact, a cross where it is not, a ring around the night
// that this test restored.

import { scaleUtc } from 'd3-scale';
import { area, line } from 'd3-shape';
import { formatBytes, formatCount, plural } from '../base/quantities.ts';
import { describeChange } from '../report/change-words.ts';
import { isProven, type NightPoint } from '../report/history.ts';
import { type Html, html } from './html.ts';
import { cross, groundY, nameAxis, picture, px, stretched, valueAxis } from './plot.ts';
import { bytes, counts, shortDate } from './units.ts';

/** A dot a night, as long as they can be told apart. */
const mostDots = 45;
/** Names nearer to each other would touch; the first and the last begin and end at their edge. */
const nameWidthPercent = 20;
const edgeNamePercent = 25;
/** On a phone there is room for one between them. */
const middlePercent = { from: 38, to: 62 } as const;
const dayMs = 86_400_000;

type Curve = {
  readonly name: string;
  readonly className: 'main' | 'second';
  readonly of: (night: NightPoint) => number | undefined;
};

type NightPicture = {
  readonly id: string;
  readonly heading: string;
  readonly className: string;
  readonly counted: (value: number) => string;
  readonly curves: readonly Curve[];
  readonly quantity: typeof bytes;
  readonly say: (value: number) => string;
};

const nightPictures: readonly NightPicture[] = [
  {
    id: 'bytes',
    heading: 'Bytes, night by night',
    className: 'card row',
    counted: (value) => `${formatBytes(value)} in the vault`,
    curves: [
      {
        name: 'stored',
        className: 'main',
        of: ({ verdict, compressedBytes }) => unlessMissing(verdict, compressedBytes),
      },
      {
        name: 'plain dump',
        className: 'second',
        of: ({ verdict, plainBytes }) => unlessMissing(verdict, plainBytes),
      },
    ],
    quantity: bytes,
    say: formatBytes,
  },
  {
    id: 'torrents',
    heading: 'Torrents, night by night',
    className: 'card',
    counted: (value) => plural(value, 'torrent'),
    curves: [{ name: 'in the dump', className: 'main', of: ({ torrents }) => torrents }],
    quantity: counts,
    say: formatCount,
  },
  {
    id: 'rows',
    heading: 'Rows of all tables, night by night',
    className: 'card',
    counted: (value) => plural(value, 'row'),
    curves: [{ name: 'in the dump', className: 'main', of: ({ rows }) => rows }],
    quantity: counts,
    say: formatCount,
  },
];

/** What has no verdict yet is no fault. */
function isBad({ verdict }: NightPoint): boolean {
  return ['damaged', 'incomplete', 'missing', 'suspicious'].includes(verdict);
}

function unlessMissing(verdict: NightPoint['verdict'], value: number | undefined): number | undefined {
  return verdict === 'missing' ? undefined : value;
}

function nightTrend(
  { id, heading, className, counted, curves, quantity, say }: NightPicture,
  nights: readonly NightPoint[],
  tested: string | undefined,
  scope: string,
): Html {
  const [main] = curves;
  if (main === undefined) return html``;
  const values = curves.flatMap(({ of }) => nights.map((night) => of(night) ?? 0));
  const { y, labels, lines } = valueAxis(Math.max(...values), quantity);
  const x = timeScale(nights);
  const bad = nights.filter(isBad);
  const crosses = bad.map((night) =>
    cross(x(night.takenAt), y(main.of(night) ?? 0), `${shortDate(night.takenAt, dayMs)}: ${night.verdict}`),
  );
  return html`<figure class="${className}"><figcaption><h2>${heading}</h2><p class="caption">${nightCaption(nights, main, counted)}</p>${keys(curves, bad.length)}</figcaption>
${picture({
  id: `${scope}-${id}`,
  title: heading,
  description: describeNights(nights, curves, say),
  axis: labels,
  drawing: html`${lines}${curves.map((curve) => drawCurve(curve, nights, x, y, say))}${testRing(tested, main, nights, x, y)}${crosses}${nightNames(nights, x)}`,
})}</figure>`;
}

function drawCurve(
  { className, of, name }: Curve,
  nights: readonly NightPoint[],
  x: (date: Date) => number,
  y: (value: number) => number,
  say: (value: number) => string,
): Html {
  const drawn = nights.filter((night) => isProven(night) && of(night) !== undefined);
  const at = (night: NightPoint) => x(night.takenAt);
  const high = (night: NightPoint) => y(of(night) ?? 0);
  const fill = area<NightPoint>(at, groundY, high).digits(2)(drawn);
  const stroke = line<NightPoint>(at, high).digits(2)(drawn);
  const dots = drawn.length <= mostDots ? drawn : drawn.slice(-1);
  return html`${drawn.length > 1 ? [stretched(className === 'main' ? fill : null, 'area'), stretched(stroke, `line ${className}`)] : undefined}${dots.map(
    (night) =>
      html`<circle class="dot ${className}" cx="${at(night)}%" cy="${high(night)}" r="${night === drawn.at(-1) ? 3.5 : 2}"><title>${shortDate(night.takenAt, dayMs)}: ${say(of(night) ?? 0)} ${name}</title></circle>`,
  )}`;
}

/** A ring around the night that this test restored. */
function testRing(
  archiveId: string | undefined,
  { of }: Curve,
  nights: readonly NightPoint[],
  x: (date: Date) => number,
  y: (value: number) => number,
): Html | undefined {
  const night = nights.find((one) => one.archiveId === archiveId);
  const value = night && of(night);
  if (night === undefined || value === undefined) return undefined;
  return html`<circle class="ring" cx="${x(night.takenAt)}%" cy="${y(value)}" r="7"><title>restored by the test below</title></circle>`;
}

function timeScale(nights: readonly NightPoint[]): (date: Date) => number {
  const first = nights[0]?.takenAt.getTime() ?? 0;
  const last = nights.at(-1)?.takenAt.getTime() ?? 0;
  const margin = first === last ? dayMs : (last - first) * 0.02;
  const scale = scaleUtc()
    .domain([first - margin, last + margin])
    .range([0, 100]);
  return (date) => px(scale(date));
}

/** The first and the last night, and what fits between them. */
function nightNames(nights: readonly NightPoint[], x: (date: Date) => number): Html {
  const first = nights[0]?.takenAt ?? new Date(0);
  const last = nights.at(-1)?.takenAt ?? first;
  const span = last.getTime() - first.getTime();
  const between: Date[] = [];
  for (const tick of scaleUtc().domain([first, last]).ticks(6)) {
    const before = between.at(-1);
    const farEnough =
      before === undefined ? x(tick) - x(first) >= edgeNamePercent : x(tick) - x(before) >= nameWidthPercent;
    if (farEnough && x(last) - x(tick) >= edgeNamePercent) between.push(tick);
  }
  const middle = between.find((date) => x(date) >= middlePercent.from && x(date) <= middlePercent.to);
  const dates = span === 0 ? [last] : [first, ...between, last];
  const isShort = span < 2 * dayMs && span > 0;
  const text = (date: Date) => shortDate(date, isShort ? span : Math.max(span, dayMs));
  return nameAxis(
    dates
      .filter((date, index) => index === 0 || text(date) !== text(dates[index - 1] ?? date))
      .map((date) => ({ at: x(date), text: text(date), minor: between.includes(date) && date !== middle })),
  );
}

function nightCaption(
  nights: readonly NightPoint[],
  { of }: Curve,
  counted: (value: number) => string,
): string {
  const known = nights.flatMap((night) => (isProven(night) ? (of(night) ?? []) : []));
  const [first] = known;
  const last = known.at(-1);
  if (first === undefined || last === undefined) return 'None of these nights is intact.';
  if (known.length === 1) return `${counted(last)}, the only night that is intact.`;
  return `${counted(last)}, ${describeChange(first, last)} over ${plural(known.length, 'night')}.`;
}

function describeNights(
  nights: readonly NightPoint[],
  curves: readonly Curve[],
  say: (value: number) => string,
): string {
  const first = nights[0]?.takenAt ?? new Date(0);
  const last = nights.at(-1)?.takenAt ?? first;
  const ranges = curves.map(({ name, of }) => {
    const known = nights.flatMap((night) => of(night) ?? []);
    return `${name}: ${say(known[0] ?? 0)} at first, ${say(known.at(-1) ?? 0)} at last`;
  });
  return `${plural(nights.length, 'night')}, ${shortDate(first, dayMs)} to ${shortDate(last, dayMs)}; ${ranges.join('; ')}`;
}

function keys(curves: readonly Curve[], bad: number): Html | undefined {
  if (curves.length < 2 && bad === 0) return undefined;
  const named = ({ name, className }: Curve) =>
    html`<span class="key"><i class="swatch ${className}"></i>${name}</span> `;
  return html`<p class="keys">${curves.length > 1 ? curves.map(named) : undefined}${
    bad > 0
      ? html`<span class="key bad"><b aria-hidden="true">\u00d7</b>${plural(bad, 'night')} not intact</span>`
      : undefined
  }</p>`;
}

/**
 * The pictures; one sentence in their place where there is no night to draw.
 *
 * @param tested - The archive of the test that is shown.
 * @param scope - Before their ids, which are unique on the page.
 */
export function nightTrends(nights: readonly NightPoint[], tested: string | undefined, scope: string): Html {
  if (nights.length < 2) {
    const why =
      nights.length === 0
        ? 'No verdict on a night’s archive is known here: there is nothing to draw.'
        : 'There is one night so far: bytes, torrents and rows are drawn here from the second on.';
    return html`<figure class="card row"><figcaption><h2>Sizes and rows</h2><p class="caption">${why}</p></figcaption></figure>`;
  }
  // Of another app's dump no torrents are counted, and of what cannot be read nothing is.
  const known = nightPictures.filter(({ curves }) =>
    nights.some((night) => curves.some(({ of }) => of(night) !== undefined)),
  );
  return html`${known.map((one) => nightTrend(known.length === 2 ? { ...one, className: 'card row' } : one, nights, tested, scope))}`;
}
