// The page as a browser shows it: in both schemes, on a phone and a desk, and on paper. What a person sees is looked at
// by a person; what can be measured is measured here.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderPage } from '../../lib/page/page.ts';
import { browserThere, startBrowser } from '../fixtures/browser.ts';
import {
  addScript,
  backgroundOf,
  brokenWords,
  collidingTexts,
  colouredPoints,
  faintTexts,
  namelessTables,
  overflowing,
  placesOfPictures,
  runAxe,
  sizesOfPictures,
  smallOrCutTexts,
  unfold,
} from '../fixtures/page-measures.mjs';
import {
  broken,
  differing,
  early,
  first,
  hostile,
  nightsUntil,
  settled,
  slow,
  viewOf,
} from '../fixtures/reports.ts';

/** Two years of nights, some of them as they should not be, and four without an archive. */
const nights = nightsUntil(new Date('2026-11-23T03:15:00Z'), 731, { 11: 'suspicious', 40: 'damaged' });
const long = { ...settled, history: { ...settled.history, nights: nights.toSpliced(600, 4) } };
const samples = { settled, first, slow, differing, broken, early, hostile, long };
type Name = keyof typeof samples;
const names = Object.keys(samples) as Name[];
const widths = { phone: 390, tablet: 960, desk: 1280 } as const;
const schemes = ['light', 'dark'] as const;
/** Places do not hang on colours, nor colours on the width: the fullest page is seen every way, each other one in two. */
const views = names.flatMap((name) =>
  (Object.keys(widths) as (keyof typeof widths)[]).flatMap((device) =>
    schemes
      .filter(
        (scheme) =>
          name === 'settled' ||
          // Two years of nights are many to measure: once is enough.
          (`${device} ${scheme}` === 'phone light' && name !== 'long') ||
          `${device} ${scheme}` === 'desk dark',
      )
      .map((scheme) => ({ name, device, width: widths[device], scheme })),
  ),
);

/** WCAG 2.1 AA for text of any height. @see https://www.w3.org/TR/WCAG21/#contrast-minimum */
const leastContrast = 4.5;
const leastTextPx = 12;
/** A line of a trend is some hundred points long; a single cross has about sixty. */
const leastColoured = 50;

const there = browserThere();
let home: string;
let browser: Browser;
/** What all look at, one after the other: a new one is three processes. */
let window: Look;

type Look = { readonly page: Page; readonly complaints: string[]; readonly requests: string[] };
type View = { readonly width?: number; readonly scheme?: (typeof schemes)[number] };

async function openWindow(options: Parameters<Browser['newPage']>[0] = {}): Promise<Look> {
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => requests.push(request.url()));
  return { page, complaints, requests };
}

async function look(name: Name, { width = 1280, scheme = 'light' }: View = {}, by = window): Promise<Look> {
  const file = join(home, `${name}.html`);
  writeFileSync(file, renderPage([viewOf(samples[name])]));
  const { page, complaints, requests } = by;
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme: scheme, media: 'screen' });
  complaints.length = 0;
  requests.length = 0;
  await page.goto(pathToFileURL(file).href, { waitUntil: 'load' });
  return { page, complaints, requests: requests.filter((url) => url !== pathToFileURL(file).href) };
}

/** The pictures that a sample has: no trend of one. */
const trends = ['bytes', 'torrents', 'rows', 'recovery', 'test-bytes', 'test-rows'];
const picturesOf = (name: Name) =>
  name === 'early' ? [] : [...(name === 'first' || name === 'slow' ? [] : trends), 'waterfall'].map(inOrder);
const inOrder = (id: string) => `bitagent-${id}`;

/** Where axe, too, looks at the contrast: all have one style, and `faintTexts` measures every text of each. */
const lookedAtTwice: readonly Name[] = ['settled', 'broken'];

/** What axe finds, of consequence. */
async function faultsOf(page: Page, name: Name): Promise<string[]> {
  // Into the page's debugger, which its policy does not bind.
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(runAxe, lookedAtTwice.includes(name));
  expect(passes).toBeGreaterThan(20);
  return violations;
}

/** How many points of each picture have a colour, letters left out. */
async function inkOf({ page }: Look, decoder: Page): Promise<number[]> {
  const places = await page.evaluate(placesOfPictures);
  const style = 'svg text{visibility:hidden}';
  const png = (await page.screenshot({ fullPage: true, style })).toString('base64');
  return decoder.evaluate(colouredPoints, { png, places });
}

describe.skipIf(!there)('the page in a browser', () => {
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'offsite-page-'));
    browser = await startBrowser();
    window = await openWindow();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(home, { recursive: true });
  });

  it('breaks no word of its archives on a phone, whatever the verdict and however many rows', async () => {
    const kept = viewOf(settled).entries.slice(-5);
    const rows = { 'public.torrents': 12_345_678, 'public.torrent_files': 1_987_654_321 };
    const standings = ['incomplete', 'suspicious', 'unverified', 'damaged', 'intact'] as const;
    const entries = kept.map((entry, index) => ({
      ...entry,
      standing: standings[index] ?? 'intact',
      compressedBytes: 1023 * 2 ** 20,
      ...(entry.inventory && { inventory: { ...entry.inventory, rows } }),
    }));
    const file = join(home, 'phone.html');
    const others = viewOf(first, { source: 'a-second-one-whose-name-is-long', shown: undefined });
    const third = viewOf(broken, { source: 'third' });
    writeFileSync(file, renderPage([viewOf(settled, { entries }), others, third]));
    await window.page.setViewportSize({ width: 390, height: 900 });
    await window.page.goto(pathToFileURL(file).href);
    expect(await window.page.locator('.archives td', { hasText: '1,999,999,999' }).count()).toBeGreaterThan(
      0,
    );
    expect(await window.page.evaluate(brokenWords)).toEqual([]);
  });

  it.each(views)(
    '$name, $device, $scheme: whole, quiet, and to be read',
    async ({ name, device, width, scheme }) => {
      const { page, complaints, requests } = await look(name, { width, scheme });
      expect(complaints).toEqual([]);
      expect(requests).toEqual([]);
      expect(await page.evaluate(overflowing)).toEqual([]);
      const pictures = await page.evaluate(sizesOfPictures);
      expect(pictures.map(({ id }) => id)).toEqual(picturesOf(name));
      for (const { width: wide, height, marks } of pictures) {
        expect(wide).toBeGreaterThan(200);
        expect(height).toBeGreaterThan(100);
        expect(marks).toBeGreaterThan(0);
      }
      expect(await page.evaluate(collidingTexts)).toEqual([]);
      expect(await page.evaluate(smallOrCutTexts, leastTextPx)).toEqual([]);
      await page.evaluate(unfold);
      const faint = await page.evaluate(faintTexts, leastContrast);
      expect(faint.measured).toBeGreaterThan(20);
      expect(faint.texts).toEqual([]);
      // What axe looks at hangs on what is shown: two ways of each are all that it sees.
      if (name !== 'long' && device !== 'tablet' && (device === 'desk') === (scheme === 'dark'))
        expect(await faultsOf(page, name)).toEqual([]);
    },
  );

  describe('in a window that its policy does not bind', () => {
    let free: Look;
    let decoder: Page;
    const onPhone = (scheme?: (typeof schemes)[number]) => ({ width: 390, ...(scheme && { scheme }) });
    beforeAll(async () => {
      free = await openWindow({ bypassCSP: true });
      decoder = await browser.newPage();
    });

    it.each<[(typeof schemes)[number], Name[]]>([
      // The others have no picture that these have not.
      ['light', ['settled', 'slow', 'broken']],
      ['dark', ['settled']],
    ])('draws something in every picture, %s', async (scheme, drawn) => {
      for (const name of drawn) {
        const ink = await inkOf(await look(name, onPhone(scheme), free), decoder);
        expect(ink).toHaveLength(picturesOf(name).length);
        expect(ink.filter((points) => points < leastColoured)).toEqual([]);
      }
    });

    it('would be found empty, faint, colliding or cut if it were', async () => {
      const { page } = await look('settled', onPhone(), free);
      await page.addStyleTag({
        content:
          '.plot :is(rect,path,line,circle){visibility:hidden}.caption,td{color:#aaa}.name{font-size:30px}text.time{font-size:9px!important}',
      });
      expect((await inkOf(free, decoder)).filter((points) => points >= leastColoured)).toEqual([]);
      const folded = (await page.evaluate(faintTexts, leastContrast)).texts.length;
      expect(folded).toBeGreaterThan(5);
      expect(await page.evaluate(collidingTexts)).toContain('24 Oct / 8 Nov');
      expect(await page.evaluate(smallOrCutTexts, leastTextPx)).toContain('14.6 s: small');
      await page.evaluate(unfold);
      expect((await page.evaluate(faintTexts, leastContrast)).texts.length).toBeGreaterThan(folded);
    });
  });

  it('has its own style, which its policy lets in', async () => {
    const { page } = await look('settled');
    expect(await page.evaluate(backgroundOf, '.tile')).toBe('rgb(255, 255, 255)');
  });

  it('runs nothing that is put into it, even where a script is added to it', async () => {
    const { page, complaints } = await look('hostile');
    expect(complaints).toEqual([]);
    await page.evaluate(addScript);
    expect(await page.title()).toBe('bitagent: NOT WELL');
    expect(complaints.join()).toContain('Content Security Policy');
  });

  it('differs between light and dark', async () => {
    const colours = [];
    for (const scheme of schemes) {
      const { page } = await look('settled', { scheme });
      colours.push(await page.evaluate(backgroundOf, 'body'));
    }
    expect(new Set(colours).size).toBe(2);
  });

  it('is read out in order: outcome, figures, pictures with names, tables with headings', async () => {
    const { page } = await look('settled');
    expect(await page.locator('h1').allTextContents()).toEqual(['Not well: look at this']);
    expect(await page.locator('h3').first().textContent()).toBe(
      'This archive can be restored; one check warns.',
    );
    expect(await page.locator('svg[role=img]').count()).toBe(7);
    for (const picture of await page.locator('svg[role=img]').all()) {
      expect(await picture.ariaSnapshot()).toMatch(/^- img "[^":]+"/);
    }
    expect(await page.getByRole('table').count()).toBeGreaterThan(2);
    expect(await page.evaluate(namelessTables)).toBe(0);
  });

  it('opens its tables without a script', async () => {
    const { page } = await look('settled', {}, await openWindow({ javaScriptEnabled: false }));
    const table = page.locator('figure table').first();
    expect(await table.isVisible()).toBe(false);
    await page.locator('figure summary').first().click();
    expect(await table.isVisible()).toBe(true);
  });

  it('prints dark on white, whatever the screen is', async () => {
    const { page } = await look('settled', { scheme: 'dark', width: 718 });
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await page.evaluate(backgroundOf, 'body')).toBe('rgb(255, 255, 255)');
    expect((await page.evaluate(faintTexts, leastContrast)).texts).toEqual([]);
    expect(await page.evaluate(collidingTexts)).toEqual([]);
    const paper = await page.pdf({ format: 'A4' });
    expect(paper.subarray(0, 5).toString()).toBe('%PDF-');
  });
});
