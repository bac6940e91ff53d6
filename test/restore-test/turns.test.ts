// Whose restore test is next: one at a time, each once a quarter, again within days where it did not pass.

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { parseWalFile, type WalFile, walKey } from '../../lib/archive/wal-names.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import type { RestoreReport } from '../../lib/report/report.ts';
import type { Launch } from '../../lib/restore-test/launch.ts';
import { takeTurns, type Wake } from '../../lib/restore-test/take-turns.ts';
import { isDue, quarterOf } from '../../lib/restore-test/turns.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { segmentName } from '../../lib/wal/segment.ts';
import { verifiedArchive } from '../fixtures/archives.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { passed } from '../fixtures/reports.ts';
import { segmentBytes, systemIdentifier } from '../fixtures/wal.ts';

const morning = new Date('2026-11-24T07:00:00Z');
const after = (hours: number) => new Date(morning.getTime() + hours * 3_600_000);
let aws: LocalAws;
let store: ArchiveStore;
let started: string[];
/** Sources whose task ECS does not start. */
let refused: string[];

beforeAll(async () => {
  aws = await startLocalAws();
});
beforeEach(async () => {
  store = aws.store;
  for await (const { key } of store.list('')) await store.delete(key);
  [started, refused] = [[], []];
  for (const source of ['attic', 'bitagent', 'cellar'])
    await verifiedArchive(store, source, new Date(Date.now() - 3_600_000));
});
afterAll(() => aws.stop());

const sources = ['attic', 'bitagent', 'cellar', 'empty'];
const wake = (by: Wake, now: Date) =>
  takeTurns(by, {
    store,
    sources,
    requestId: now.toISOString(),
    // The one stand-in: there is no ECS here. The rehearsal runs the launched program for real.
    launch: async (archiveId) => {
      const source = archiveId.split('-')[0] ?? '';
      if (refused.includes(source)) throw quotaReached;
      started.push(source);
      return `arn:${source}`;
    },
    sendMail: async () => undefined,
    now,
  });
const quotaReached = new OffsiteError('FARGATE_QUOTA_REACHED', 'no', { expected: '', found: '', hint: '' });
const clock = { by: 'clock' } as const;
const ended = (source: string) => ({ by: 'task', taskArn: `arn:${source}` }) as const;
const sourcesOf = (launches: readonly Launch[]) => launches.map(({ source }) => source);

/** As a test leaves it that has passed. */
async function pass(source: string, startedAt: Date, point?: RestoreReport['point']): Promise<void> {
  const at = startedAt.toISOString();
  const report = { ...passed, source, startedAt: at, point };
  await store.write(`reports/${source}/x/${at}.json`, JSON.stringify(report));
}

it('one runs at a time, and the next begins when it has ended', async () => {
  expect(await wake(clock, morning)).toMatchObject({ waiting: ['bitagent', 'cellar'] });
  await wake(clock, after(1));
  expect(started).toEqual(['attic']);
  await pass('attic', morning);
  await wake(ended('attic'), after(2));
  // Its end comes twice.
  await wake(ended('attic'), after(2));
  await wake(ended('bitagent'), after(3));
  await wake(ended('cellar'), after(4));
  expect(started).toEqual(['attic', 'bitagent', 'cellar']);
});

it('what has not passed is tried again within days, what has passed in the next quarter', async () => {
  for (const source of ['attic', 'bitagent', 'cellar']) {
    await wake(clock, morning);
    if (source !== 'cellar') await pass(source, morning);
    await wake(ended(source), morning);
  }
  expect(started).toEqual(['attic', 'bitagent', 'cellar']);
  await wake(clock, after(48));
  expect(started).toHaveLength(3);
  await wake(clock, after(72));
  expect(started.slice(3)).toEqual(['cellar']);
  await pass('cellar', after(72));
  await wake(ended('cellar'), after(73));
  await wake(clock, after(24 * 30));
  expect(started).toHaveLength(4);
  await wake(clock, new Date('2027-01-01T07:00:00Z'));
  expect(started.slice(4)).toEqual(['attic']);
});

it('one whose archive has passed, and the recovery to a point has not, is tried again within days', async () => {
  for (const source of sources) await pass(source, morning);
  const failure = { code: 'WAL_MISSING', message: 'm', expected: 'e', found: 'f', hint: 'h' };
  await pass('cellar', after(1), { outcome: 'failed', seed: 's', durationMs: 1, checks: [], failure });
  await wake(clock, after(2));
  expect(started).toEqual(['cellar']);
});

it('one of a source with base backups has room for the newest, and for the log since', async () => {
  const gib = 2 ** 30;
  const cluster = { source: 'attic', systemIdentifier };
  const taken = (hours: number, plainBytes: number) =>
    storeBaseBackup(store, {
      source: 'attic',
      takenAt: after(-hours),
      segment: 100 - hours,
      record: { plainBytes },
    });
  await taken(2, 900 * gib);
  await taken(1, 60 * gib);
  for (const segment of [98, 99, 100]) {
    const file = parseWalFile(segmentName(1, segment, segmentBytes)) as WalFile;
    await store.write(walKey({ ...cluster, file, sha256: 'a'.repeat(64) }), '');
  }
  const { launches } = await wake(clock, morning);
  // A GiB for the two segments that its recovery replays.
  expect(launches).toMatchObject([{ source: 'attic', size: { ephemeralStorageGib: 60 + 1 + 8 } }]);
});

it('one that cannot be started lets the next have its turn', async () => {
  refused = ['attic'];
  const { launches } = await wake(clock, morning);
  expect(sourcesOf(launches)).toEqual(['attic', 'bitagent']);
  expect(launches[0]).toEqual({ source: 'attic', refused: 'FARGATE_QUOTA_REACHED' });
  await wake(ended('bitagent'), after(1));
  expect(started).toEqual(['bitagent', 'cellar']);
});

it('a person gets one of each source, whatever has passed', async () => {
  for (const source of sources) await pass(source, morning);
  expect(await wake(clock, morning)).toEqual({ launches: [], waiting: [] });
  await wake({ by: 'person' }, after(1));
  await wake(ended('attic'), after(2));
  await wake(ended('bitagent'), after(3));
  expect(started).toEqual(['attic', 'bitagent', 'cellar']);
  const { launches } = await wake(ended('cellar'), after(4));
  expect(launches).toEqual([{ source: 'empty', refused: 'NOTHING_INTACT' }]);
});

it('a task of whose end nobody heard holds the others up for two days', async () => {
  await wake(clock, morning);
  await wake(clock, after(47));
  await wake(clock, after(48));
  expect(started).toEqual(['attic', 'bitagent']);
});

it('its size is reckoned by the verdict: nobody reads a manifest', async () => {
  for await (const { key } of store.list('archives/'))
    if (key.endsWith('.manifest.json')) {
      await store.delete(key);
      await store.write(key, 'not to be read');
    }
  const { launches } = await wake(clock, morning);
  expect(launches).toMatchObject([{ source: 'attic', size: { cpu: 1024 } }]);
});

it('knows quarters', () => {
  expect(quarterOf(new Date('2026-12-31T23:59:59Z')).toISOString()).toBe('2026-10-01T00:00:00.000Z');
  expect(quarterOf(new Date('2027-01-01T00:00:00Z')).toISOString()).toBe('2027-01-01T00:00:00.000Z');
  expect(isDue({}, undefined, morning)).toBe(true);
  // What a clock has dated that was a year ahead holds none up.
  const wrong = new Date(morning.getTime() + 366 * 86_400_000);
  const wantedAt = morning.toISOString();
  expect(isDue({ attemptedAt: wrong.toISOString() }, wrong, morning)).toBe(true);
  expect(isDue({ attemptedAt: wrong.toISOString(), wantedAt }, wrong, morning)).toBe(true);
});
