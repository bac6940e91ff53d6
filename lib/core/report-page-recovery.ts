// The restore time of past tests, a bar each: what a real recovery would take, and where it is going.

import { scaleBand } from 'd3-scale';
import { type Html, html } from './html.ts';
import { formatDuration } from './quantities.ts';
import type { TestPoint } from './report-history.ts';
import { cross, groundY, nameAxis, picture, px, valueAxis } from './report-page-plot.ts';
import { testTable } from './report-page-trend-tables.ts';
import { describeDelay, durations, shortDate, shortDuration } from './report-page-units.ts';

/** Fewer tests than these leave places free: a single bar as wide as the page says nothing. */
const fewestPlaces = 6;
/** So many values can be written over their bars on a phone. */
const mostValues = 5;
const dayMs = 86_400_000;

/** The figure; a failed test is a cross on the ground. */
export function recoveryTrend(tests: readonly TestPoint[], current: TestPoint): Html {
  const { y, labels, lines } = valueAxis(
    Math.max(0, ...tests.map(({ recoveryMs = 0 }) => recoveryMs)),
    durations,
  );
  const places = Array.from({ length: Math.max(fewestPlaces, tests.length) }, (_, index) => index);
  const band = scaleBand<number>().domain(places).range([0, 100]).paddingInner(0.4).paddingOuter(0.2);
  const middle = (index: number) => px((band(index) ?? 0) + band.bandwidth() / 2);
  const span = (tests.at(-1)?.startedAt.getTime() ?? 0) - (tests[0]?.startedAt.getTime() ?? 0);
  const everyName = Math.ceil(tests.length / mostValues);
  const bars = tests.map((test, index) => {
    const isCurrent = test.startedAt.getTime() === current.startedAt.getTime();
    const when = shortDate(test.startedAt, Math.max(span, dayMs));
    if (test.recoveryMs === undefined) return cross(middle(index), groundY - 9, `${when}: failed`);
    const top = Math.min(y(test.recoveryMs), groundY - 2);
    const value =
      isCurrent || tests.length <= mostValues
        ? html`<text class="value${isCurrent ? ' strong' : ''}" x="${middle(index)}%" y="${px(top - 6)}">${shortDuration(test.recoveryMs)}</text>`
        : undefined;
    return html`<g><title>${when}: ${formatDuration(test.recoveryMs)}</title><rect class="bar${isCurrent ? '' : ' past'}" x="${px(band(index) ?? 0)}%" y="${top}" width="${px(band.bandwidth())}%" height="${px(groundY - top)}" rx="2"/>${value}</g>`;
  });
  const names = tests
    .map(({ startedAt }, index) => ({ at: middle(index), text: shortDate(startedAt, Math.max(span, dayMs)) }))
    .filter((_, index) => (tests.length - 1 - index) % everyName === 0);
  return html`<figure class="card"><figcaption><h3>Restore time, test by test</h3><p class="caption">${recoveryCaption(tests, current)}</p></figcaption>
${picture({
  id: 'recovery',
  title: 'Measured restore time of past restore tests',
  description: tests
    .map(
      ({ startedAt, recoveryMs }) =>
        `${shortDate(startedAt, 400 * dayMs)}: ${recoveryMs === undefined ? 'failed' : formatDuration(recoveryMs)}`,
    )
    .join('; '),
  axis: labels,
  drawing: html`${lines}${bars}${nameAxis(names)}`,
})}${testTable(tests)}</figure>`;
}

function recoveryCaption(tests: readonly TestPoint[], current: TestPoint): string {
  const earlier = tests.filter(
    ({ startedAt, recoveryMs }) => startedAt < current.startedAt && recoveryMs !== undefined,
  );
  const before = earlier.at(-1)?.recoveryMs;
  const failed = tests.filter(({ outcome }) => outcome === 'failed').length;
  const crosses = failed === 0 ? '' : ` \u00d7 is a failed test.`;
  if (current.recoveryMs === undefined) return `This test failed and measured none.${crosses}`;
  const measured = `${formatDuration(current.recoveryMs)} from the first byte to the last index`;
  if (before === undefined) return `${measured}. The first that passed: the trend begins here.${crosses}`;
  return `${measured}, ${describeDelay(before, current.recoveryMs)} the last time.${crosses}`;
}
