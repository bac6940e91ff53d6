// A dump that shrank: the verifier doubts it, nothing relies on it, and the operator's word makes it good. Real dumps of
// a real database, in a real store.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accept } from '../../lib/archive/accept.ts';
import { parseAcceptance } from '../../lib/archive/acceptance.ts';
import { newestIntact, type Standing } from '../../lib/archive/catalogue-of.ts';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { readCatalogue, readVerdict } from '../../lib/archive/read-catalogue.ts';
import { selectArchive } from '../../lib/archive/select.ts';
import type { Verdict } from '../../lib/archive/verdict.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { launchRestoreTests } from '../../lib/restore-test/launch.ts';
import { restoreTest } from '../../lib/restore-test/restore-test.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveOf, plansOfExpire, sightingsOf, smallDump, verifiedHere } from '../fixtures/archives.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { dumpOf, smallCorpus } from '../fixtures/postgres.ts';

let aws: LocalAws;
let store: ArchiveStore;
let mails: Mail[];
let reads: string[];
let source: string;
let cases = 0;
/** Dumps of the database as it was, with half of its torrents, without one table, and without torrents. */
const dumps: Record<'whole' | 'half' | 'tableGone' | 'empty', Buffer> = {} as never;

const now = new Date();
const nightsAgo = (nights: number) => new Date(now.getTime() - nights * 86_400_000 - 3_600_000);
const sendMail = async (mail: Mail) => {
  mails.push(mail);
};

beforeAll(async () => {
  aws = await startLocalAws();
  const real = aws.store;
  store = {
    ...real,
    readText: (key) => {
      reads.push(key);
      return real.readText(key);
    },
  };
  const origin = await startThrowawayPostgres({ tuned: true });
  try {
    const owner = await loadCorpus(origin.connection, { ...smallCorpus, torrents: 500, asof: nightsAgo(1) });
    // Of nobody else's concern: the restore test asks BitAgent's own tables for what it knows of them.
    await query(owner, 'CREATE TABLE notes AS SELECT 1 AS note');
    dumps.whole = await dumpOf(owner);
    await query(owner, 'DROP TABLE notes');
    dumps.tableGone = await dumpOf(owner);
    await query(
      owner,
      'DELETE FROM torrents WHERE info_hash IN (SELECT info_hash FROM torrents ORDER BY 1 LIMIT 300)',
    );
    dumps.half = await dumpOf(owner);
    await query(owner, 'TRUNCATE torrents CASCADE');
    dumps.empty = await dumpOf(owner);
  } finally {
    await origin.stop();
  }
});
beforeEach(() => {
  cases += 1;
  source = `case${cases}`;
  mails = [];
  reads = [];
});
afterAll(() => aws.stop());

const take = (nights: number, dump: keyof typeof dumps) =>
  archiveOf(store, source, nightsAgo(nights), dumps[dump]);
const verify = ({ id }: Manifest, at = now): Promise<Verdict> =>
  verifiedHere({ store, id: parseArchiveId(id), now: () => at, sendMail });
const night = async (nights: number, dump: keyof typeof dumps) => {
  const manifest = await take(nights, dump);
  return { manifest, verdict: await verify(manifest, nightsAgo(nights)) };
};
const acceptOf = ({ id }: Manifest, reason?: string) =>
  accept({ store, id: parseArchiveId(id), reason, now });
const standings = async () => (await readCatalogue(store, source)).map(({ standing }) => standing);
const latest = async () => newestIntact(await readCatalogue(store, source))?.id.id;
const doubted = (verdict: Verdict) =>
  'deviations' in verdict ? verdict.deviations.map(({ what }) => what) : [];
const subjects = () => mails.map(({ subject }) => subject);

describe('a dump that shrank by half', () => {
  it('is suspicious, tells once, and nothing relies on it until it is accepted; then everything does', async () => {
    for (const nights of [6, 5, 4]) expect((await night(nights, 'whole')).verdict.verdict).toBe('intact');
    const before = await night(3, 'whole');
    expect(mails).toEqual([]);
    const shrunk = await night(2, 'half');
    expect(shrunk.verdict.verdict).toBe('suspicious');
    expect(doubted(shrunk.verdict)).toEqual(
      expect.arrayContaining(['plain bytes', 'rows of all tables', 'rows of torrents']),
    );
    await verify(shrunk.manifest);
    expect(subjects()).toEqual([`[offsite] SUSPICIOUS archive: ${shrunk.manifest.id}`]);
    expect(mails[0]?.text).toContain(`offsite accept ${shrunk.manifest.id}`);

    const policy = { keepDays: 1, keepIntact: 3, freshnessHours: 60 };
    const plan = async () =>
      (await plansOfExpire({ store, policy, now, dryRun: true })).find((one) => one.source === source);
    const limits = { archiveHours: 60, restoreTestHours: 9999 };
    const look = async () =>
      (await sightingsOf({ store, sources: [], limits, now, sendMail })).find((one) => one.source === source);
    const launched = async () =>
      (
        await launchRestoreTests({
          store,
          sources: [source],
          requestId: 'r',
          launch: async () => 'arn',
          sendMail,
          now: new Date(),
        })
      ).map((launch) => 'archiveId' in launch && launch.archiveId);
    expect(await latest()).toBe(before.manifest.id);
    expect((await plan())?.standstill).toContain('the newest intact archive is');
    expect(await look()).toMatchObject({
      newestIntactId: before.manifest.id,
      overdue: [{ subject: 'archive' }],
    });
    expect(await launched()).toEqual([before.manifest.id]);
    expect((await selectArchive(store, source, shrunk.manifest.id, false)).warning).toContain(
      'is suspicious',
    );

    expect(await acceptOf(shrunk.manifest, 'old torrents were removed')).toMatchObject({ already: false });
    expect(await latest()).toBe(shrunk.manifest.id);
    expect(await plan()).not.toHaveProperty('standstill');
    expect((await plan())?.expire).toHaveLength(2);
    expect(await look()).toMatchObject({ newestIntactId: shrunk.manifest.id, overdue: [] });
    expect(await launched()).toEqual([shrunk.manifest.id]);
    expect(await selectArchive(store, source, 'latest', false)).toMatchObject({
      id: { id: shrunk.manifest.id },
      warning: undefined,
    });
  });

  it('does not alarm again once it was accepted, and half of that does', async () => {
    for (const nights of [9, 8, 7]) await night(nights, 'whole');
    await acceptOf((await night(6, 'half')).manifest);
    for (const nights of [5, 4, 3]) expect((await night(nights, 'half')).verdict.verdict).toBe('intact');
    expect(mails).toHaveLength(1);
    expect((await night(2, 'empty')).verdict).toMatchObject({ verdict: 'suspicious' });
    expect((await night(1, 'whole')).verdict.verdict).toBe('intact');
    expect(mails).toHaveLength(2);
  });

  it('alarms every night until then, each compared with what was proven', async () => {
    for (const nights of [9, 8, 7]) await night(nights, 'whole');
    const shrunk = [];
    for (const nights of [6, 5, 4]) shrunk.push((await night(nights, 'half')).manifest);
    expect(await standings()).toEqual([
      'intact',
      'intact',
      'intact',
      'suspicious',
      'suspicious',
      'suspicious',
    ]);
    const { younger } = await acceptOf(shrunk[0] as Manifest);
    expect(younger).toEqual(shrunk.slice(1).map(({ id }) => id));
    expect((await night(3, 'half')).verdict.verdict).toBe('intact');
    expect((await standings()).slice(-4)).toEqual(['accepted', 'suspicious', 'suspicious', 'intact']);
  });

  it('passes its restore test once it was accepted, and is refused before', async () => {
    for (const nights of [4, 3, 2]) await night(nights, 'whole');
    const { manifest } = await night(1, 'half');
    const test = () =>
      restoreTest({
        store,
        archiveId: manifest.id,
        startServer: () => startThrowawayPostgres({ tuned: true }),
        sendMail,
        now: () => new Date(),
      });
    expect(await test()).toMatchObject({ outcome: 'failed', failure: { code: 'NOTHING_INTACT' } });
    await acceptOf(manifest);
    expect(await test()).toMatchObject({ outcome: 'passed', torrents: 212 });
  });
});

describe('other losses', () => {
  it('a table that always held rows is gone', async () => {
    for (const nights of [4, 3, 2]) await night(nights, 'whole');
    const { verdict } = await night(1, 'tableGone');
    expect(verdict).toMatchObject({
      verdict: 'suspicious',
      deviations: [{ what: 'table public.notes', found: 'the dump has no such table' }],
    });
  });

  it('no torrents at all: on the first night too, and once only if that is right', async () => {
    const { manifest, verdict } = await night(4, 'empty');
    expect(verdict).toMatchObject({
      verdict: 'suspicious',
      deviations: [{ what: 'table torrents', found: 'no rows' }],
    });
    await acceptOf(manifest);
    expect((await night(3, 'empty')).verdict.verdict).toBe('intact');
    expect((await night(2, 'half')).verdict.verdict).toBe('intact');
    expect((await night(1, 'empty')).verdict.verdict).toBe('suspicious');
  });
});

describe('events that come late, twice or in another order', () => {
  it('an archive is never judged by younger ones', async () => {
    const manifests = [];
    for (const nights of [9, 8, 7, 6]) manifests.push(await take(nights, 'whole'));
    const small = [];
    for (const nights of [5, 4, 3]) small.push(await take(nights, 'half'));
    // The youngest first: nothing is known of those before it yet.
    for (const manifest of [...manifests, ...small].reverse()) await verify(manifest);
    expect(new Set(await standings())).toEqual(new Set<Standing>(['intact']));
    const late = await night(10, 'half');
    expect(late.verdict.verdict).toBe('intact');
  });

  it('the end state is the same, as long as three older ones were judged before', async () => {
    for (const nights of [9, 8, 7]) await night(nights, 'whole');
    const manifests = [await take(6, 'whole'), await take(5, 'half'), await take(4, 'whole')];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      for (const { id } of manifests) await store.delete(archiveKeys(parseArchiveId(id)).verdict);
      for (const index of [...order, ...order]) await verify(manifests[index] as Manifest);
      expect((await standings()).slice(3)).toEqual(['intact', 'suspicious', 'intact']);
    }
  });

  it('a verdict stands, whatever was accepted or verified after it', async () => {
    for (const nights of [9, 8, 7]) await night(nights, 'whole');
    const { manifest } = await night(5, 'half');
    const younger = await night(4, 'half');
    const first = await readVerdict(store, parseArchiveId(manifest.id));
    await acceptOf(younger.manifest);
    await night(8.5, 'half');
    await verify(manifest);
    expect(await readVerdict(store, parseArchiveId(manifest.id))).toEqual(first);
  });

  it('learns with few reads, however many archives there are', async () => {
    for (let nights = 18; nights > 1; nights -= 1) {
      const manifest = await archiveOf(store, source, nightsAgo(nights), smallDump(20));
      await verify(manifest);
    }
    const manifest = await archiveOf(store, source, nightsAgo(1), smallDump(9));
    reads = [];
    expect((await verify(manifest)).verdict).toBe('suspicious');
    expect(reads.filter((key) => key.startsWith('verdicts/'))).toHaveLength(1 + 14);
    expect(reads.filter((key) => key.startsWith('acceptances/'))).toEqual([]);
  });
});

describe('accept', () => {
  const acceptances = async () => {
    const keys: string[] = [];
    for await (const { key } of store.list(`acceptances/${source}/`)) keys.push(key);
    return keys;
  };

  it('keeps what was said of which bytes, and says nothing twice', async () => {
    for (const nights of [4, 3, 2]) await night(nights, 'whole');
    const { manifest, verdict } = await night(1, 'half');
    await acceptOf(manifest, 'spam removed');
    const id = parseArchiveId(manifest.id);
    const key = archiveKeys(id).acceptance;
    const stored = await store.readText(key);
    expect(parseAcceptance(stored?.text ?? '', id)).toMatchObject({
      id: id.id,
      source,
      etag: manifest.etag,
      versionId: verdict.versionId,
      acceptedAt: now.toISOString(),
      reason: 'spam removed',
      deviations: 'deviations' in verdict && verdict.deviations,
    });
    expect(await acceptOf(manifest, 'again')).toMatchObject({ already: true });
    expect((await store.readText(key))?.etag).toBe(stored?.etag);
    expect(await acceptances()).toEqual([key]);
  });

  it('is not inherited by other bytes under the same key', async () => {
    for (const nights of [4, 3, 2]) await night(nights, 'whole');
    const { manifest } = await night(1, 'half');
    await acceptOf(manifest);
    await store.write(archiveKeys(parseArchiveId(manifest.id)).archive, 'other bytes');
    expect((await standings()).at(-1)).toBe('unverified');
    expect((await verify(manifest)).verdict).toBe(manifest.versionId === null ? 'damaged' : 'suspicious');
  });

  it.each<[string, () => Promise<Manifest>, Record<string, unknown>]>([
    [
      'an intact one',
      async () => (await night(1, 'whole')).manifest,
      {
        code: 'NOT_SUSPICIOUS',
        found: 'intact',
        hint: 'nothing has to be done: offsite restore takes it as it is',
      },
    ],
    [
      'one without verdict',
      () => take(1, 'half'),
      { code: 'NOT_SUSPICIOUS', found: 'unverified', hint: expect.stringContaining('wait') },
    ],
    [
      'one whose bytes changed after the verdict',
      async () => {
        const { manifest } = await night(1, 'empty');
        await store.write(archiveKeys(parseArchiveId(manifest.id)).archive, 'other bytes');
        return manifest;
      },
      { code: 'NOT_SUSPICIOUS', found: 'unverified' },
    ],
    [
      'one that is gone',
      async () => {
        const { manifest } = await night(1, 'empty');
        await store.delete(archiveKeys(parseArchiveId(manifest.id)).archive);
        return manifest;
      },
      { code: 'NOT_SUSPICIOUS', found: 'missing' },
    ],
    [
      'one that never was',
      async () => ({ ...(await take(2, 'half')), id: `${source}-2020-01-01-000000Z` }),
      { code: 'ARCHIVE_MISSING' },
    ],
  ])('refuses %s, and writes nothing', async (_, archive, error) => {
    const manifest = await archive();
    await expect(acceptOf(manifest)).rejects.toMatchObject(error);
    expect(await acceptances()).toEqual([]);
  });
});
