// The page as text: what is in it, and that nothing of what is put into it can be more than text. How it looks is the
// business of report-page.browser.test.ts.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderPage } from '../../lib/page/page.ts';
import type { SourceView } from '../../lib/page/view.ts';
import { testsShown } from '../../lib/report/history.ts';
import type { RestoreReport } from '../../lib/report/report.ts';
import * as samples from '../fixtures/reports.ts';

const all = Object.entries({
  settled: samples.settled,
  first: samples.first,
  differing: samples.differing,
  broken: samples.broken,
  early: samples.early,
  hostile: samples.hostile,
});
const figureOf = (page: string, heading: string) =>
  new RegExp(`<h2>${heading}[\\s\\S]*?</figure>`).exec(page)?.[0] ?? '';
const draw = (sample: samples.Sample, parts: Partial<SourceView> = {}) =>
  renderPage([samples.viewOf(sample, parts)]);

/** Every element that the page is made of. */
const elements =
  'a article b body caption circle code dd desc details div dl dt figcaption figure footer g h1 h2 h3 head header html i li line main meta p path pre rect section span strong style summary svg table tbody td text th thead title tr tspan ul wbr'.split(
    ' ',
  );

describe.each(all)('the page of a test that is %s', (_, sample) => {
  const page = draw(sample);

  it('holds no element, attribute or address but its own', () => {
    const tags = [...page.matchAll(/<\/?([a-z0-9]+)/gi)].map(([, name = '']) => name.toLowerCase());
    expect([...new Set(tags)].filter((name) => !elements.includes(name))).toEqual([]);
    const attributes = [...page.matchAll(/<[^>]*>/g)].flatMap(([tag]) =>
      [...tag.matchAll(/\s([a-z-]+)=/gi)].map(([, name = '']) => name),
    );
    expect(attributes.filter((name) => /^on|^style$|^src|href|^action$/i.test(name))).toEqual([]);
  });

  it('lets in no style but its own, and nothing else at all', () => {
    const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(page).toContain(`content="default-src 'none'; style-src 'sha256-${hash}'; `);
    expect(style).not.toMatch(/url\(|@import/);
  });

  it('closes what it opens', () => {
    const open: string[] = [];
    for (const [, slash, name = '', self] of page.matchAll(/<(\/?)([a-z0-9]+)[^>]*?(\/?)>/g)) {
      if (self === '/' || ['meta', 'wbr'].includes(name)) continue;
      if (slash === '') open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it('says every number as a number', () => {
    expect(page.replace(/very-long-word/g, '')).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });

  it('gives every picture a title and a description, and every table a caption and heads', () => {
    const pictures = [...page.matchAll(/role="img" aria-labelledby="(\S+)" aria-describedby="(\S+)"/g)];
    for (const [, title, description] of pictures) {
      expect(page).toMatch(new RegExp(`<title id="${title}">[^<]+</title>`));
      expect(page).toMatch(new RegExp(`<desc id="${description}">[^<]+</desc>`));
    }
    for (const [, table = ''] of page.matchAll(/<table[^>]*>([\s\S]*?)<\/table>/g))
      expect(table).toMatch(/^\s*<caption[^>]*>[^<]+<\/caption><thead>.*<th scope="col"/);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the page', () => {
  it('says the outcome, the archive, the count and what it was proven against', () => {
    const text = draw(samples.settled).replaceAll(/<[^>]+>/g, ' ');
    for (const words of [
      'This archive can be restored; one check warns.',
      'bitagent-2026-11-22-031500Z',
      '1,204,332, as dumped',
      '18,491,123 rows, every table as dumped',
      '99 indexes, 48 constraints',
      '11 pass, 1 warns',
      'restore time 12 min 30 s',
      '$0.03',
    ]) {
      expect(text).toContain(words);
    }
  });

  it('says what failed before any figure', () => {
    const page = draw(samples.broken);
    expect(page.indexOf('What failed')).toBeLessThan(page.indexOf('class="tiles"'));
    expect(page).toContain('line 8,123,441 of the dump');
    expect(page).toContain('the test did not come so far');
    expect(page).not.toContain('restore time 1');
  });

  it('draws a bar a test that passed and a cross a test that failed', () => {
    const { tests } = samples.settled.history;
    const passed = tests.filter(({ outcome }) => outcome === 'passed').length + 1;
    for (const heading of ['Restore time', 'Bytes restored', 'Rows restored']) {
      const figure = figureOf(draw(samples.settled), heading);
      expect(figure.match(/<rect class="bar(?! past upper| upper)/g)).toHaveLength(passed);
      expect(figure.match(/<svg class="cross"/g)).toHaveLength(1);
    }
    // Until the last row was in, and indexes and keys.
    const upper = figureOf(draw(samples.settled), 'Restore time').match(/<rect class="bar( past)? upper/g);
    expect(upper).toHaveLength(passed);
  });

  it('says how restore time, bytes and rows have changed, and against the cloud\u2019s tests only in the cloud', () => {
    const text = draw(samples.settled).replaceAll(/<[^>]+>/g, ' ');
    expect(text).toContain('43.5 s longer than the last time');
    expect(text).toContain(
      '3.9 GiB of plain dump, 6.6 GiB of database, 5.3 MiB/s; +7.5 % since the last time',
    );
    expect(text).toContain('18,491,123 rows of all tables, 1,204,332 of them torrents; +7.5 % since');
    const { task: _, ...here } = samples.passed;
    const own = draw({ ...samples.settled, report: here }, { region: undefined }).replaceAll(/<[^>]+>/g, ' ');
    expect(own).toContain('The first on a machine like this one.');
    expect(own).not.toContain('the last time');
    expect(own).not.toMatch(/cost|\$/);
  });

  it('draws no trend of one, and says what could not be read', () => {
    const text = draw(samples.first);
    expect(text).toContain('drawn here from the second on');
    expect(text.match(/role="img"/g)).toHaveLength(1);
    expect(draw(samples.first, { unread: ['The nights could not be read: <denied>.'] })).toContain(
      'The nights could not be read: &lt;denied&gt;.',
    );
  });

  it('does not blame an archive for a test that broke off', () => {
    const { report } = samples.broken;
    const failure = {
      ...samples.failure,
      code: 'RESTORE_DISK_FULL',
      message: 'the disk of the server is full',
    };
    const text = draw({ ...samples.broken, report: { ...report, outcome: 'failed', failure } });
    expect(text).toContain('The restore test broke off: nothing is proven of this archive.');
    expect(text).toContain('was not restored to its end: the disk of the server is full.');
    expect(text).not.toContain('Do not rely');
    expect(draw(samples.broken)).toContain('Do not rely');
  });

  it('counts a test that stands in the history already once', () => {
    const again = samples.settled;
    const current = draw(again).match(/<rect class="bar/g)?.length;
    const { report } = again;
    const point = {
      archiveId: report.id,
      startedAt: new Date(report.startedAt),
      outcome: 'passed' as const,
      inTask: true,
      recoveryMs: 1,
    };
    const doubled = draw({ ...again, history: { ...again.history, tests: [...again.history.tests, point] } });
    expect(doubled.match(/<rect class="bar/g)?.length).toBe(current);
  });

  it('is small enough for any mailbox, with a thousand archives', () => {
    const { report } = samples.settled;
    const at = new Date(report.startedAt);
    const history = { tests: samples.testsBefore(at, testsShown), nights: samples.nightsUntil(at, 1000) };
    expect(Buffer.byteLength(draw({ report, history }))).toBeLessThan(600_000);
  });

  it('shows several sources, each by its name, and first how each stands', () => {
    const { report } = samples.settled;
    const other = samples.viewOf({
      ...samples.broken,
      report: { ...samples.broken.report, source: 'other' },
    });
    const page = renderPage([samples.viewOf({ ...samples.first, report }), other]);
    expect(page).toContain('<title>2 sources: NOT WELL</title>');
    expect([...page.matchAll(/ href="([^"]*)"/g)].map(([, to]) => to)).toEqual(['#bitagent', '#other']);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(ids).toEqual(expect.arrayContaining(['bitagent', 'other']));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has a page for a source without a test, without a plan, without an archive', () => {
    const none = draw(samples.first, { shown: undefined, plan: undefined });
    expect(none).toContain('No restore test has ended yet');
    expect(none).toContain('Retention has not run yet');
    expect(none).toContain('>All is well since 22\u00a0Nov: 1 archive intact<');
    const empty = draw(samples.early, { shown: undefined, plan: 'unread' });
    expect(empty).toContain('>There is no archive yet<');
    expect(empty).toContain('no archive is proven intact');
    expect(empty).not.toMatch(/NaN|undefined|What a month costs/);
  });

  it('draws nothing of what no dump was counted for, and calls one torrent one', () => {
    const nights = samples.nightsUntil(new Date('2026-11-22T03:15:00Z'), 140);
    const draws = (some: typeof nights) =>
      draw({ ...samples.settled, history: { tests: [], nights: some } }, { shown: undefined });
    const damaged = draws(
      nights.map((night) => ({ ...night, verdict: 'damaged', torrents: undefined, rows: undefined })),
    );
    expect(damaged).toContain('<h2>Bytes, night by night</h2>');
    expect(damaged).not.toContain('<h2>Torrents, night by night</h2>');
    const few = draws(nights.map((night) => ({ ...night, torrents: 1, rows: 1 })));
    expect(few).toContain('1 torrent, unchanged over 140 nights.');
    expect(figureOf(few, 'Torrents, night by night')).not.toContain('>0.5<');
    expect(few).toContain('1 earlier month, July 2026<');
    expect(draws(nights.slice(-1))).toContain('<span>since the newest proven archive</span>');
  });

  it('says why each archive stays, what is gone, and that retention stands still', () => {
    const view = samples.viewOf(samples.settled);
    const { plan } = view;
    if (typeof plan !== 'object') throw new Error('no plan');
    const night = { archiveId: 'bitagent-2026-01-02-031500Z', takenAt: '2026-01-02T03:15:00.000Z' };
    const past = [{ ...night, verdict: '<damaged>', compressedBytes: 5 }];
    const standstill = 'the newest <intact> archive is old';
    const page = renderPage([{ ...view, plan: { ...plan, past, standstill } }]);
    expect(page).toContain('Kept for 14 days, 4 weeks, 12 months');
    expect(page).toContain('<td>newest of week 2026-W47</td>');
    expect(page).toContain('<td>&lt;damaged&gt;</td>');
    expect(page).toContain('<td>gone</td>');
    expect(page).toContain('the newest &lt;intact&gt; archive is old');
    expect(page).toContain('January 2026');
  });

  it('holds what is used against what was estimated, and of another store nothing', () => {
    const page = draw(samples.settled);
    const [, used] = /archives in the vault<\/th><td class="figure">(\$[\d.]+)<\/td>/.exec(page) ?? [];
    // 15 nights at most of 0.81 GiB, a little dearer in Frankfurt, and 16 for longer.
    expect(Number(used?.slice(1))).toBeGreaterThan(0.4);
    expect(page).toContain('only the bill knows');
    expect(draw(samples.settled, { region: undefined })).not.toContain('What a month costs');
  });

  it('is the same page for the same values', () => {
    expect(draw(samples.differing)).toBe(draw(samples.differing));
  });

  it('can be drawn of any names, figures and times', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const size = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    const anyReport = fc.record({
      stages: fc.array(
        fc.record({ stage: text, startMs: size, durationMs: size, busyMs: size, bytes: size }),
        { maxLength: 5 },
      ),
      checks: fc.array(
        fc.record({
          name: text,
          outcome: fc.constantFrom('pass', 'warn', 'fail'),
          detail: text,
          origin: fc.constantFrom('shipped', 'own'),
          durationMs: size,
        }),
        { maxLength: 5 },
      ),
      durationMs: size,
      torrents: size,
      serverVersion: text,
      toolVersion: text,
    });
    fc.assert(
      fc.property(anyReport, (parts) => {
        const page = draw({ ...samples.settled, report: { ...samples.passed, ...parts } as RestoreReport });
        const tags = [...page.matchAll(/<\/?([^\s>/]*)/g)].map(([, name = '']) => name);
        expect(tags.filter((name) => !elements.includes(name) && name !== '!doctype')).toEqual([]);
        expect(page).not.toMatch(/="[^"]*(NaN|Infinity)/);
      }),
      { numRuns: 50 },
    );
  });
});
