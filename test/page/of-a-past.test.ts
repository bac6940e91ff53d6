// The page of restores that were made, not made up: two quarters and three nights, dumped, verified, restored and drawn,
// and looked at in a real browser.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Mail } from '../../lib/mail/mail.ts';
import { nightsOf } from '../../lib/page/measures.ts';
import { readSource } from '../../lib/page/read-source.ts';
import { findReport } from '../../lib/report/read-reports.ts';
import { pageKeyOf, type RestoreReport } from '../../lib/report/report.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { browserThere, startBrowser } from '../fixtures/browser.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { collidingTexts, overflowing } from '../fixtures/page-measures.mjs';
import { playPast } from '../fixtures/past-year.ts';

const there = browserThere();
const home = mkdtempSync(join(tmpdir(), 'offsite-past-'));
let aws: LocalAws;
let store: ArchiveStore;
let report: RestoreReport;
let mail: Mail;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  ({ report, mail } = await playPast(store, { torrents: 1000, nights: 3, tests: 2 }));
}, 300_000);
afterAll(async () => {
  rmSync(home, { recursive: true });
  await aws.stop();
});

describe('a vault with a past', () => {
  it('has real growth: of every test and every night', async () => {
    const now = new Date(Date.parse(report.startedAt) + report.durationMs);
    const view = await readSource(store, { source: 'bitagent', now });
    const [tests, nights] = [view.tests, nightsOf(view)];
    expect(tests).toMatchObject([{ outcome: 'passed' }, { outcome: 'passed', torrents: 1000 }]);
    expect(nights).toMatchObject([{ verdict: 'intact' }, { verdict: 'intact' }, { torrents: 1000 }]);
    for (const figure of ['plainBytes', 'databaseBytes', 'rows', 'torrents'] as const) {
      expect(tests[0]?.[figure]).toBeLessThan(tests[1]?.[figure] ?? 0);
    }
    for (const { loadMs = 0, recoveryMs = 0 } of tests) {
      expect(loadMs).toBeGreaterThan(0);
      expect(loadMs).toBeLessThan(recoveryMs);
    }
  });

  it('is mailed with what was proven and how long it took in the first lines', () => {
    expect(mail.subject).toMatch(
      /^\[offsite\] Restore test passed: bitagent, 1,000 torrents, [\d,]+ rows in [\d.]+ /,
    );
    const [first = ''] = mail.text.split('\n\n');
    expect(first).toMatch(
      /^This archive can be restored\. There is nothing to do\.\nRestored in [\d.]+ [^;]+; the whole test took [\d.]+ [^.]+\.$/,
    );
    expect(first).not.toContain('cost');
  });

  it.skipIf(!there)('has a page in the vault whose waterfall and trends fit a phone and a desk', async () => {
    const { key } = await findReport(store, 'bitagent');
    const file = join(home, 'page.html');
    writeFileSync(file, (await store.readText(pageKeyOf(key)))?.text ?? '');
    const browser = await startBrowser();
    try {
      for (const width of [390, 1280]) {
        const page = await browser.newPage({ viewport: { width, height: 900 } });
        await page.goto(pathToFileURL(file).href);
        expect(await page.locator('svg[role=img]').count()).toBe(7);
        expect(await page.locator('.sheet td.intact').count()).toBe(3);
        const stages = await page.locator('text.stage').allTextContents();
        expect(stages.map((text) => text.replace(/\d.*/, '').trim())).toEqual([
          ...['Start the server', 'Download', 'Inflate', 'Load rows'],
          ...['Make indexes and keys', 'Compare', 'Checks'],
        ]);
        expect(await page.evaluate(overflowing)).toEqual([]);
        expect(await page.evaluate(collidingTexts)).toEqual([]);
        await page.close();
      }
    } finally {
      await browser.close();
    }
  });
});
