// What a restore test leaves in the vault, found again and drawn, against a real store.

import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { archiveIdAt, archiveKeys } from '../../lib/archive/names.ts';
import type { Verdict } from '../../lib/archive/verdict.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import { renderPage } from '../../lib/page/page.ts';
import { readSource } from '../../lib/page/read-source.ts';
import { testsShown } from '../../lib/report/history.ts';
import { findReport } from '../../lib/report/read-reports.ts';
import { pageKeyOf, type RestoreReport, restoreReportKey } from '../../lib/report/report.ts';
import { deliverReport } from '../../lib/restore-test/deliver.ts';
import { expire } from '../../lib/retention/expire.ts';
import { planKey } from '../../lib/retention/stored-plan.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { keysIn } from '../fixtures/cli.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { inventoryOf } from '../fixtures/postgres.ts';
import * as samples from '../fixtures/reports.ts';

const dayMs = 86_400_000;
let aws: LocalAws;
let store: ArchiveStore;
let source: string;
let number = 0;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
});
afterAll(() => aws.stop());
// Every test has a source of its own.
beforeEach(() => {
  number += 1;
  source = `source-${number}`;
});

function reportOf(takenAt: Date, startedAt: Date, parts: Partial<samples.PassedReport> = {}): RestoreReport {
  const { id } = archiveIdAt(source, takenAt);
  return { ...samples.passed, ...parts, id, source, startedAt: startedAt.toISOString() };
}

const keyOf = (report: RestoreReport) => restoreReportKey(report, new Date(report.startedAt));

async function keep(report: RestoreReport): Promise<string> {
  await store.create(keyOf(report), jsonText(report));
  return keyOf(report);
}

async function judge(takenAt: Date, parts: Partial<Verdict> = {}): Promise<void> {
  const id = archiveIdAt(source, takenAt);
  const verdict = {
    format: 1,
    verdict: 'intact',
    id: id.id,
    source,
    versionId: null,
    etag: 'e',
    verifiedAt: takenAt.toISOString(),
    durationMs: 1,
    toolVersion: '0',
    compressedBytes: 1000,
    plainBytes: 5000,
    inventory: inventoryOf({ rows: { 'public.torrents': 20, 'public.content': 4 } }),
    ...parts,
  };
  await store.create(archiveKeys(id).verdict, JSON.stringify(verdict));
}

const testedAt = new Date('2026-11-23T05:00:00.000Z');
const daysBefore = (days: number) => new Date(testedAt.getTime() - days * dayMs);

describe('findReport', () => {
  it('finds the newest of a source, by the time of the test and not of the archive', async () => {
    await keep(reportOf(daysBefore(1), daysBefore(1)));
    const newest = await keep(reportOf(daysBefore(9), testedAt));
    expect(await findReport(store, source)).toMatchObject({ key: newest, unreadable: [] });
  });

  it('finds the newest of one archive, whatever the source of the settings', async () => {
    const older = reportOf(daysBefore(9), daysBefore(8));
    await keep(older);
    const wanted = await keep(reportOf(daysBefore(9), daysBefore(7)));
    await keep(reportOf(daysBefore(1), testedAt));
    expect(await findReport(store, 'another', older.id)).toMatchObject({ key: wanted });
  });

  it('passes over what it cannot read, and says so', async () => {
    const readable = await keep(reportOf(daysBefore(9), daysBefore(8)));
    const broken = keyOf(reportOf(daysBefore(1), testedAt));
    await store.create(broken, '{"format":2}');
    expect(await findReport(store, source)).toMatchObject({ key: readable, unreadable: [broken] });
  });

  it.each([
    ['nothing at all', () => Promise.resolve(), 'none', 'offsite restore-test'],
    [
      'reports of other archives',
      () => keep(reportOf(daysBefore(9), testedAt)),
      'other archives',
      'without an id',
    ],
    [
      'an unreadable one',
      () => store.create(keyOf(reportOf(daysBefore(1), testedAt)), ''),
      'cannot read',
      'git pull',
    ],
  ])('says what to do when there is %s', async (_, prepare, found, hint) => {
    await prepare();
    const wanted = archiveIdAt(source, daysBefore(1)).id;
    await expect(findReport(store, source, wanted)).rejects.toMatchObject({
      code: 'REPORT_MISSING',
      found: expect.stringContaining(found),
      hint: expect.stringContaining(hint),
    });
  });

  it('refuses what is no archive id', async () => {
    await expect(findReport(store, source, '../../etc')).rejects.toMatchObject({
      code: 'ARCHIVE_ID_INVALID',
    });
  });
});

describe('readSource', () => {
  const now = new Date(testedAt.getTime() + 1000);

  it('reads archives and tests up to now, and why they stay', async () => {
    await keep(reportOf(daysBefore(100), daysBefore(99)));
    await keep(reportOf(daysBefore(1), testedAt));
    await keep(reportOf(daysBefore(-3), daysBefore(-4)));
    for (const days of [2, 1]) await judge(daysBefore(days));
    const policy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };
    await expire({ store, policy, now, dryRun: false, onPlan: () => undefined });
    const { entries, tests, plan, windows, unread } = await readSource(store, { source, now });
    expect(tests.map(({ startedAt }) => startedAt)).toEqual([daysBefore(99), testedAt]);
    // Verdicts of archives that are gone, and nobody knows why.
    expect(entries).toMatchObject([{ standing: 'missing' }, { standing: 'missing' }]);
    expect(plan).toMatchObject({ keep: [{}, {}], policy: { keepDays: 14 }, past: [] });
    expect({ windows, unread }).toEqual({ windows: [], unread: [] });
  });

  it('leaves out what it cannot read as a report, a verdict or a plan', async () => {
    await store.create(keyOf(reportOf(daysBefore(5), daysBefore(4))), 'no JSON');
    await judge(daysBefore(2), { verdict: 'fine' as 'intact' });
    await store.write(planKey(source), 'no plan');
    const view = await readSource(store, { source, now });
    expect(view).toMatchObject({ entries: [], tests: [], plan: undefined, unread: [] });
  });

  it('says what it could not read, and fails where the page must be whole', async () => {
    const blind = {
      ...store,
      list(prefix: string) {
        if (prefix.startsWith('reports/')) throw new Error('no reports today');
        return store.list(prefix);
      },
    };
    const { unread, tests } = await readSource(blind, { source, now });
    expect(tests).toEqual([]);
    expect(unread).toEqual([expect.stringContaining('restore tests could not be read')]);
    await expect(readSource(blind, { source, now, isWhole: true })).rejects.toThrow('no reports today');
  });

  it('reads no more than the newest tests, however many are kept', async () => {
    await Promise.all(
      Array.from({ length: testsShown + 5 }, (_, days) =>
        keep(reportOf(daysBefore(days + 2), daysBefore(days + 1))),
      ),
    );
    const { tests } = await readSource(store, { source, now });
    expect(tests).toHaveLength(testsShown);
    expect(tests.at(-1)?.startedAt).toEqual(daysBefore(1));
    expect(tests[0]?.startedAt).toEqual(daysBefore(testsShown));
  });
});

describe('deliverReport', () => {
  const mails: Mail[] = [];
  const sendMail = (mail: Mail) => Promise.resolve(void mails.push(mail));

  it('leaves the report, a mail, and beside the report its page, which a browser takes as one', async () => {
    const report = reportOf(daysBefore(1), testedAt);
    await judge(daysBefore(1));
    const log: string[] = [];
    await deliverReport(report, { store, sendMail, log: (line) => log.push(line) });
    const key = pageKeyOf(keyOf(report));
    expect(await keysIn(aws.endpoint, aws.bucket, `reports/${source}/`)).toEqual([key, keyOf(report)]);
    const answer = await new S3Client({ endpoint: aws.endpoint, forcePathStyle: true }).send(
      new GetObjectCommand({ Bucket: aws.bucket, Key: key }),
    );
    expect(answer.ContentType).toBe('text/html; charset=utf-8');
    const page = (await answer.Body?.transformToString()) ?? '';
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain(`<title>${source}: `);
    const now = new Date(testedAt.getTime() + report.durationMs);
    const shown = { report, kept: keyOf(report) };
    expect(renderPage([await readSource(store, { source, now, shown })])).toBe(page);
    expect(mails.at(-1)?.subject).toContain('Restore test passed');
    expect(log).toEqual(['restore-test: passed, reported', `restore-test: drew ${key}`]);
  });

  it('has reported even if the page could not be written', async () => {
    const report = reportOf(daysBefore(1), testedAt);
    const refusing = {
      ...store,
      create: (key: string, text: string) =>
        key.endsWith('.html') ? Promise.reject(new Error('no page today')) : store.create(key, text),
    };
    const log: string[] = [];
    const options = { store: refusing, sendMail, log: (line: string) => log.push(line) };
    await deliverReport(report, options);
    expect(log).toEqual([
      'restore-test: passed, reported',
      expect.stringContaining('the page was not drawn'),
    ]);
    expect((await findReport(store, source)).report).toEqual(report);
  });

  it('draws nothing once it was told to stop', async () => {
    const report = reportOf(daysBefore(1), testedAt);
    const log: string[] = [];
    const signal = AbortSignal.abort(new Error('told to stop'));
    await deliverReport(report, { store, sendMail, log: (line) => log.push(line), signal });
    expect(await keysIn(aws.endpoint, aws.bucket, `reports/${source}/`)).toEqual([keyOf(report)]);
    expect(log.at(-1)).toContain('told to stop');
  });

  it('mails even if nothing can be read of the past', async () => {
    const report = reportOf(daysBefore(1), testedAt);
    const blind = {
      ...store,
      list() {
        throw new Error('AccessDenied');
      },
    };
    const before = mails.length;
    await deliverReport(report, { store: blind, sendMail });
    expect(mails).toHaveLength(before + 1);
    expect(await keysIn(aws.endpoint, aws.bucket, `reports/${source}/`)).toEqual([keyOf(report)]);
  });
});
