// The page as text: what is in it, and that nothing of what is put into it can be more than text. How it looks is the
// business of report-page.browser.test.ts.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { historyLimits } from '../../../lib/report/history.ts';
import { renderReportPage } from '../../../lib/report/page/page.ts';
import type { RestoreReport } from '../../../lib/report/report.ts';
import * as samples from '../../fixtures/reports.ts';

const kept = 'reports/bitagent/bitagent-2026-11-22-031500Z/2026-11-23-050000Z.json';
const all = Object.entries({
  settled: samples.settled,
  first: samples.first,
  differing: samples.differing,
  broken: samples.broken,
  early: samples.early,
  hostile: samples.hostile,
});
const figureOf = (page: string, heading: string) =>
  new RegExp(`<h3>${heading}[\\s\\S]*?</figure>`).exec(page)?.[0] ?? '';
const draw = (sample: samples.Sample, costUsd?: number) => renderReportPage({ ...sample, kept, costUsd });

/** Every element that the page is made of. */
const elements =
  'b body circle code dd desc details div dl dt figcaption figure footer g h1 h2 h3 head header html i li line main meta p path pre rect section span strong style summary svg table tbody td text th thead title tr tspan ul wbr'.split(
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

  it('gives every picture a title, a description and a table', () => {
    const pictures = [...page.matchAll(/role="img" aria-labelledby="(\S+)" aria-describedby="(\S+)"/g)];
    for (const [, title, description] of pictures) {
      expect(page).toMatch(new RegExp(`<title id="${title}">[^<]+</title>`));
      expect(page).toMatch(new RegExp(`<desc id="${description}">[^<]+</desc>`));
    }
    // One table for the three pictures of the tests.
    const tests = pictures.filter(([, title = '']) => title.startsWith('test-')).length;
    expect(page.match(/<summary>/g)?.length ?? 0).toBe(pictures.length - tests);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the page', () => {
  it('says the outcome, the archive, the count and what it was proven against', () => {
    const text = draw(samples.settled, 0.031).replaceAll(/<[^>]+>/g, ' ');
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
    expect(page.indexOf('What failed')).toBeLessThan(page.indexOf('What could be proven'));
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
    const own = draw({ ...samples.settled, report: here }).replaceAll(/<[^>]+>/g, ' ');
    expect(own).toContain('The first on a machine like this one.');
    expect(own).not.toContain('the last time');
    expect(own).not.toMatch(/cost|\$/);
  });

  it('draws no trend of one, and says what could not be read', () => {
    const text = draw(samples.first);
    expect(text).toContain('drawn here from the second on');
    expect(text.match(/role="img"/g)).toHaveLength(1);
    const history = { ...samples.first.history, unread: ['The nights could not be read: <denied>.'] };
    expect(draw({ ...samples.first, history })).toContain('The nights could not be read: &lt;denied&gt;.');
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

  it('is small enough for any mailbox, with all that it may hold', () => {
    const { report } = samples.settled;
    const full = {
      report,
      history: {
        tests: samples.testsBefore(new Date(report.startedAt), historyLimits.tests),
        nights: samples.nightsUntil(new Date(report.startedAt), historyLimits.nights),
      },
    };
    expect(Buffer.byteLength(draw(full))).toBeLessThan(150_000);
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
