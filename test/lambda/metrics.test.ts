// The figures as the handlers print them: alarms and dashboard see nothing else of a source.

import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { handler as expire } from '../../lambda/expire.ts';
import { handler as report } from '../../lambda/report.ts';
import { handler as verify } from '../../lambda/verify.ts';
import { handler as watch } from '../../lambda/watch.ts';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys } from '../../lib/archive/names.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import { metrics } from '../../lib/deployment/metrics.ts';
import { type RestoreReport, restoreReportKey } from '../../lib/report/report.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveOf, smallDump, verifiedArchive } from '../fixtures/archives.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { type Figure, printedFigures } from '../fixtures/figures.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let store: ArchiveStore;
let source: string;
let cases = 0;
const written = new Set<string>();

const context = { awsRequestId: 'r', functionName: 'f' } as Context;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  setHandlerSettings(aws.bucket, aws.topicArn, { OFFSITE_MONITORING: 'full' });
});
beforeEach(() => {
  cases += 1;
  source = `figures${cases}`;
  process.env.OFFSITE_SOURCES = source;
});
afterAll(async () => {
  await aws.stop();
  // What alarms and dashboard read is what is written, no more and no less.
  expect([...written].sort()).toEqual(
    Object.values(metrics)
      .map(({ name }) => name)
      .sort(),
  );
});

async function figuresOf(run: () => Promise<unknown>): Promise<Figure[]> {
  const figures = await printedFigures(run);
  for (const { name } of figures) written.add(name);
  return figures;
}

/** The figures of the source, by name; each is in the list, with its unit, and has the source's dimensions. */
async function ofSource(run: () => Promise<unknown>): Promise<Record<string, number>> {
  const all = (await figuresOf(run)).filter(({ dimensions }) => dimensions.source === source);
  for (const { name, unit, dimensions } of all) {
    expect(Object.values(metrics)).toContainEqual({ name, unit });
    expect(dimensions).toEqual({ service: 'offsite', source });
  }
  return Object.fromEntries(all.map(({ name, value }) => [name, value]));
}

const announce = (manifest: Manifest) => ({
  'detail-type': 'Object Created',
  detail: { bucket: { name: aws.bucket }, object: { key: archiveKeys(manifest).manifest } },
});

describe('verify', () => {
  it('prints bytes, rows, torrents, its duration and which verdict it was; once', async () => {
    const manifest = await archiveOf(store, source, hoursAgo(1), smallDump(20));
    expect(await ofSource(() => verify(announce(manifest), context))).toEqual({
      VerdictIntact: 1,
      VerdictDamaged: 0,
      VerdictIncomplete: 0,
      VerdictSuspicious: 0,
      VerdictMissing: 0,
      VerifyDuration: expect.any(Number),
      PlainBytes: manifest.plainBytes,
      CompressedBytes: manifest.compressedBytes,
      Rows: 20,
      Torrents: 20,
    });
    expect(await ofSource(() => verify(announce(manifest), context))).toEqual({});
  });

  it('prints no rows and bytes of what is not the agent’s', async () => {
    const manifest = await archiveOf(store, source, hoursAgo(1), smallDump(20));
    await store.write(archiveKeys(manifest).archive, 'other bytes');
    const figures = await ofSource(() => verify(announce(manifest), context));
    expect(figures).toMatchObject({ VerdictIntact: 0, VerdictDamaged: 1 });
    expect(Object.keys(figures)).not.toContain('Torrents');
    expect(Object.keys(figures)).not.toContain('PlainBytes');
  });
});

describe('watch', () => {
  const look = () => ofSource(() => watch({}, context));

  it('prints ages from the first look on, also while there is no proof', async () => {
    const figures = await look();
    expect(figures).toEqual({
      NewestIntactAgeHours: expect.closeTo(0, 1),
      RestoreTestAgeHours: expect.closeTo(0, 1),
      ArchivesNotIntact: 0,
      ArchivesSuspicious: 0,
      RestoreTestFailed: 0,
    });
  });

  it('prints how archives and restore tests stand', async () => {
    await verifiedArchive(store, source, hoursAgo(30));
    const suspicious = await verifiedArchive(store, source, hoursAgo(5), smallDump(0));
    await testOf(hoursAgo(48), { outcome: 'passed', durationMs: 90_500 });
    expect(await look()).toEqual({
      NewestIntactAgeHours: expect.closeTo(30, 1),
      RestoreTestAgeHours: expect.closeTo(48, 1),
      ArchivesNotIntact: 0,
      ArchivesSuspicious: 1,
      RestoreTestFailed: 0,
      RestoreTestDuration: 90.5,
    });
    await store.delete(archiveKeys({ id: suspicious.id, source }).archive);
    await testOf(hoursAgo(1), { outcome: 'failed', durationMs: 5 });
    expect(await look()).toMatchObject({
      RestoreTestAgeHours: expect.closeTo(48, 1),
      ArchivesNotIntact: 1,
      ArchivesSuspicious: 0,
      RestoreTestFailed: 1,
      RestoreTestDuration: 90.5,
    });
  });
});

describe('watch, of a source with base backups', () => {
  it('prints how old the newest point is, and what lacks of the log, of the source and as the worst', async () => {
    await storeBaseBackup(store, { source, takenAt: hoursAgo(3), segment: 5 });
    const figures = await figuresOf(() => watch({}, context));
    const ofLog = figures.filter(({ name }) => /Point|Segments/.test(name));
    expect(ofLog).toMatchObject([
      {
        name: 'NewestPointAgeHours',
        value: expect.closeTo(3, 1),
        dimensions: { service: 'offsite', source },
      },
      { name: 'SegmentsLacking', value: 0, dimensions: { service: 'offsite', source } },
      { name: 'NewestPointAgeHours', value: expect.closeTo(3, 1), dimensions: { service: 'offsite' } },
      { name: 'SegmentsLacking', value: 0, dimensions: { service: 'offsite' } },
    ]);
  });
});

describe('watch, of all sources', () => {
  it('prints the worst ages, which are of no source', async () => {
    const other = `${source}-other`;
    process.env.OFFSITE_SOURCES = `${source},${other}`;
    await verifiedArchive(store, source, hoursAgo(3));
    await verifiedArchive(store, other, hoursAgo(99));
    const ofNone = (await figuresOf(() => watch({}, context))).filter(
      ({ dimensions }) => dimensions.source === undefined,
    );
    expect(ofNone).toMatchObject([
      { name: 'RecipientsConfirmed', value: 2 },
      { name: 'NewestIntactAgeHours', value: expect.closeTo(99, 1), dimensions: { service: 'offsite' } },
      { name: 'RestoreTestAgeHours' },
    ]);
  });
});

describe('watch, each hour', () => {
  it('prints what is as it should be once a day: each hour that has a figure is paid for', async () => {
    const at = (hour: string) =>
      ofSource(() => watch({ time: `2026-11-23T${hour}:00:00Z` }, context)).then(Object.keys);
    const ages = ['NewestIntactAgeHours', 'RestoreTestAgeHours'];
    const counts = ['ArchivesNotIntact', 'ArchivesSuspicious', 'RestoreTestFailed'];
    expect(await at('00')).toEqual([...ages, ...counts]);
    expect(await at('13')).toEqual(ages);
    await verifiedArchive(store, source, hoursAgo(5), smallDump(0));
    expect(await at('14')).toEqual([...ages, 'ArchivesSuspicious']);
  });
});

describe('expire', () => {
  const run = (event: object = {}) => ofSource(() => expire(event, context));

  it('prints what stays and what went, and whether retention stands still', async () => {
    for (const days of [0, 1, 2, 20]) await verifiedArchive(store, source, hoursAgo(days * 24 + 1));
    expect(await run({ dryRun: true })).toEqual({});
    expect(await run()).toEqual({ RetentionStandsStill: 0, ArchivesKept: 3, ArchivesExpired: 1 });
  });

  it('prints a standstill', async () => {
    for (const days of [3, 4, 5, 20]) await verifiedArchive(store, source, hoursAgo(days * 24 + 1));
    expect(await run()).toEqual({ RetentionStandsStill: 1, ArchivesKept: 4, ArchivesExpired: 0 });
  });

  it('is not silent about a source that has nothing yet', async () => {
    expect(await run()).toEqual({ RetentionStandsStill: 0 });
  });
});

it('report prints a restore test that was lost, and of nothing else', async () => {
  const stopped = (exitCode: number) => ({
    'detail-type': 'ECS Task State Change',
    time: '2026-11-23T07:10:00Z',
    detail: { lastStatus: 'STOPPED', taskArn: 'arn', containers: [{ name: 'restore-test', exitCode }] },
  });
  const lost = { name: 'RestoreTestsLost', unit: 'Count', value: 1, dimensions: { service: 'offsite' } };
  expect(await figuresOf(() => report(stopped(137), context))).toEqual([lost]);
  expect(await figuresOf(() => report(stopped(0), context))).toEqual([]);
  expect(await figuresOf(() => report({ surprise: true }, context))).toEqual([]);
});

async function testOf(startedAt: Date, parts: Partial<RestoreReport>): Promise<void> {
  const id = { id: `${source}-2026-11-22-031500Z`, source };
  const report = {
    format: 1,
    ...id,
    startedAt: startedAt.toISOString(),
    toolVersion: '0.1.0',
    stages: [],
    comparisons: [],
    checks: [],
    archive: { key: 'k', versionId: null, etag: 'e', compressedBytes: 1, plainBytes: 1 },
    serverVersion: '16.4',
    torrents: 20,
    failure: { code: 'X', message: 'm', expected: 'e', found: 'f', hint: 'h' },
    ...parts,
  } as unknown as RestoreReport;
  await store.create(restoreReportKey(id, startedAt), jsonText(report));
}
