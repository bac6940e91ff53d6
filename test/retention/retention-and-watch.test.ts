// expire, watch and launch over a real store: what is left afterwards, and what the operator is told.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { readCatalogue } from '../../lib/archive/read-catalogue.ts';
import { selectArchive } from '../../lib/archive/select.ts';
import type { TaskSize } from '../../lib/cost/task-size.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import { launchRestoreTests } from '../../lib/restore-test/launch.ts';
import { parseWatchState, watchStateKey } from '../../lib/retention/freshness.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import {
  archiveOf,
  plansOfExpire as expire,
  sightingsOf,
  smallDump,
  verifiedArchive,
} from '../fixtures/archives.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let store: ArchiveStore;
let mails: Mail[];

const policy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };
const limits = { archiveHours: 26, restoreTestHours: 2400 };
const now = new Date();
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);
const sendMail = async (mail: Mail) => {
  mails.push(mail);
};
const idsOf = async (source: string) => (await readCatalogue(store, source)).map(({ id }) => id.id);
beforeAll(async () => {
  aws = await startLocalAws();
});
beforeEach(async () => {
  mails = [];
  store = aws.store;
  for (const prefix of ['archives/', 'verdicts/', 'reports/', 'watch/']) {
    const keys: string[] = [];
    for await (const { key } of store.list(prefix)) keys.push(key);
    await Promise.all(keys.map((key) => store.delete(key)));
  }
});
afterAll(() => aws.stop());

describe('expire', () => {
  it('leaves fourteen nights of sixteen, and nothing of the others', async () => {
    const nights = [];
    for (let night = 0; night < 16; night += 1) {
      nights.push(await verifiedArchive(store, 'bitagent', hoursAgo(night * 24 + 2)));
    }
    const before = await idsOf('bitagent');
    const [dry] = await expire({ store, policy, now, dryRun: true });
    expect(dry?.expire).toHaveLength(2);
    expect(await idsOf('bitagent')).toEqual(before);
    const [done] = await expire({ store, policy, now, dryRun: false });
    expect(done).toEqual(dry);
    expect((await idsOf('bitagent')).sort()).toEqual(
      nights
        .slice(0, 14)
        .map(({ id }) => id)
        .sort(),
    );
    for (const { id } of nights.slice(14)) {
      const { archive, manifest, verdict } = archiveKeys(parseArchiveId(id));
      for (const key of [archive, manifest, verdict]) expect(await store.open(key)).toBeUndefined();
    }
    expect(mails).toEqual([]);
    expect((await expire({ store, policy, now, dryRun: false }))[0]?.expire).toEqual([]);
  });

  it('stands still and deletes nothing while the back-up has stopped, and watch says why', async () => {
    for (let night = 2; night < 20; night += 1)
      await verifiedArchive(store, 'bitagent', hoursAgo(night * 24));
    const before = await idsOf('bitagent');
    await expire({ store, policy, now, dryRun: false });
    expect(await idsOf('bitagent')).toEqual(before);
    await sightingsOf({ store, sources: [], limits, now, sendMail });
    expect(mails.map(({ text }) => text)).toEqual([
      expect.stringMatching(
        /No archive of bitagent is expired .*: the newest intact\sarchive is 2\.0 days old/s,
      ),
    ]);
  });

  it('takes nothing unverified for proof', async () => {
    for (let night = 0; night < 20; night += 1) {
      await archiveOf(store, 'bitagent', hoursAgo(night * 24 + 2), smallDump(5));
    }
    const before = await idsOf('bitagent');
    await expire({ store, policy, now, dryRun: false });
    expect(await idsOf('bitagent')).toEqual(before);
  });

  it('takes no verdict on other bytes for proof', async () => {
    for (const night of [0, 1, 2, 20]) await verifiedArchive(store, 'bitagent', hoursAgo(night * 24 + 2));
    const [entry] = (await readCatalogue(store, 'bitagent')).slice(-1);
    await store.write(archiveKeys(entry?.id ?? parseArchiveId('')).archive, 'overwritten');
    const standings = (await readCatalogue(store, 'bitagent')).map(({ standing }) => standing);
    expect(standings).toEqual(['intact', 'intact', 'intact', 'unverified']);
    await expire({ store, policy, now, dryRun: false });
    expect(await idsOf('bitagent')).toHaveLength(4);
  });

  it('reads every verdict, where watch reads no more than the newest that decides', async () => {
    for (let night = 0; night < 4; night += 1) {
      const torrents = night === 1 ? 0 : 5;
      await verifiedArchive(store, 'bitagent', hoursAgo(night * 24 + 2), smallDump(torrents));
    }
    const read: string[] = [];
    const counting: ArchiveStore = {
      ...store,
      readText: (key) => {
        read.push(key);
        return store.readText(key);
      },
    };
    await expire({ store: counting, policy, now, dryRun: true });
    expect(read.filter((key) => key.startsWith('verdicts/'))).toHaveLength(4);
    expect(read.filter((key) => key.startsWith('acceptances/'))).toHaveLength(1);
    read.length = 0;
    await sightingsOf({ store: counting, sources: [], limits, now, sendMail });
    expect(read.filter((key) => key.startsWith('verdicts/'))).toHaveLength(1);
    // Whoever shows how the source stands goes by the same limits.
    const watched = parseWatchState((await store.readText(watchStateKey('bitagent')))?.text);
    expect(watched?.limits).toEqual(limits);
  });

  it('deletes the manifest first: an interruption leaves no manifest without archive, and the next run finishes', async () => {
    for (const night of [0, 1, 2, 20]) await verifiedArchive(store, 'bitagent', hoursAgo(night * 24 + 2));
    const deleted: string[] = [];
    const interrupted: ArchiveStore = {
      ...store,
      delete: async (key) => {
        if (deleted.length === 1) throw new Error('interrupted');
        deleted.push(key);
        await store.delete(key);
      },
    };
    await expect(expire({ store: interrupted, policy, now, dryRun: false })).rejects.toThrow('interrupted');
    expect(deleted[0]).toMatch(/\.manifest\.json$/);
    const standings = (await readCatalogue(store, 'bitagent')).map(({ standing }) => standing);
    expect(standings.sort()).toEqual(['intact', 'intact', 'intact', 'no manifest']);
    await expire({ store, policy, now, dryRun: false });
    expect(await idsOf('bitagent')).toHaveLength(3);
  });
});

describe('watch', () => {
  const look = (at = now, sources: string[] = []) =>
    sightingsOf({ store, sources, limits, now: at, sendMail });

  it('is quiet about a fresh archive, and measures its age', async () => {
    const { id } = await verifiedArchive(store, 'bitagent', hoursAgo(3));
    const [sighting] = await look();
    expect(sighting).toMatchObject({ newestIntactId: id, overdue: [], told: 'nothing' });
    expect(sighting?.newestIntactAgeHours).toBeCloseTo(3, 1);
    expect(mails).toEqual([]);
  });

  it('tells once a day of a source without a fresh archive, and once when it is well again', async () => {
    await verifiedArchive(store, 'bitagent', hoursAgo(27));
    for (let hour = 0; hour < 25; hour += 1) await look(new Date(now.getTime() + hour * 3_600_000));
    expect(mails.map(({ subject }) => subject)).toEqual([
      '[offsite] NO FRESH ARCHIVE: bitagent, newest is 27 h old',
      '[offsite] NO FRESH ARCHIVE: bitagent, newest is 2.1 days old',
    ]);
    await verifiedArchive(store, 'bitagent', hoursAgo(0));
    await look();
    await look();
    expect(mails.slice(2).map(({ subject }) => subject)).toEqual(['[offsite] Well again: bitagent']);
  });

  it('tells of a standstill alone, daily, and when it is over', async () => {
    for (const night of [0, 20, 21]) await verifiedArchive(store, 'bitagent', hoursAgo(night * 24 + 2));
    const hourly = async (from: number, to: number) => {
      for (let hour = from; hour < to; hour += 1) await look(new Date(now.getTime() + hour * 3_600_000));
    };
    await expire({ store, policy: { ...policy, keepIntact: 1, freshnessHours: 1 }, now, dryRun: false });
    await hourly(0, 20);
    expect(mails.map(({ subject }) => subject)).toEqual(['[offsite] Retention stands still: bitagent']);
    expect(mails[0]?.text).toContain('limit 1.0 h');
    await expire({ store, policy: { ...policy, keepIntact: 1 }, now, dryRun: false });
    await hourly(20, 24);
    expect(mails.slice(1).map(({ subject }) => subject)).toEqual(['[offsite] Well again: bitagent']);
  });

  it('tells once a day, and not once a source, that retention has not run for two days', async () => {
    const at = (hour: number) => new Date(Date.UTC(2030, 0, 1, hour));
    const lookAt = async (hour: number) => {
      mails = [];
      await sightingsOf({ store, sources: ['attic', 'bitagent'], limits, now: at(hour), sendMail });
      return mails.map(({ subject }) => subject).filter((subject) => subject.includes('Retention'));
    };
    // The first look expects a run from then on.
    expect([await lookAt(0), await lookAt(49)]).toEqual([[], []]);
    expect(await lookAt(50)).toEqual(['[offsite] Retention has not run for 2.1 days']);
    expect(await lookAt(51)).toEqual([]);
    // A plan is no run.
    await expire({ store, policy, now: at(70), dryRun: true });
    expect(await lookAt(72)).toEqual(['[offsite] Retention has not run for 3.0 days']);
    await expire({ store, policy, now: at(73), dryRun: false });
    expect(await lookAt(96)).toEqual([]);
  });

  it('names what was judged after the newest intact archive and is not, and nothing of before', async () => {
    await verifiedArchive(store, 'bitagent', hoursAgo(99), smallDump(0));
    await verifiedArchive(store, 'bitagent', hoursAgo(75));
    expect(await look()).toMatchObject([{ notIntactIds: [], suspiciousIds: [] }]);
    const empty = await verifiedArchive(store, 'bitagent', hoursAgo(50), smallDump(0));
    const gone = await verifiedArchive(store, 'bitagent', hoursAgo(26));
    await store.delete(archiveKeys(parseArchiveId(gone.id)).archive);
    await archiveOf(store, 'bitagent', hoursAgo(2), smallDump(5));
    expect(await look()).toMatchObject([{ notIntactIds: [gone.id], suspiciousIds: [empty.id] }]);
  });

  it('is not fooled by archives that are damaged, unverified, or dated in the future', async () => {
    await archiveOf(store, 'bitagent', hoursAgo(1), smallDump(5));
    await verifiedArchive(store, 'bitagent', hoursAgo(2), smallDump(0));
    await look();
    await look(new Date(now.getTime() + 27 * 3_600_000));
    expect(mails.map(({ subject }) => subject)).toEqual(['[offsite] NO FRESH ARCHIVE: bitagent, none yet']);
    await verifiedArchive(store, 'bitagent', new Date('2099-01-01T00:00:00Z'));
    const [sighting] = await look(new Date(Date.now() + 40 * 3_600_000));
    expect(sighting?.overdue).toMatchObject([{ subject: 'archive', never: false }]);
  });

  it('goes by the store’s date of what a clock that was behind has dated, as its manifest says', async () => {
    const { id } = await verifiedArchive(store, 'bitagent', hoursAgo(20 * 24));
    expect(await look()).toMatchObject([{ overdue: [{ subject: 'archive' }] }]);
    const key = archiveKeys(parseArchiveId(id)).manifest;
    const manifest = JSON.parse((await store.readText(key))?.text ?? '');
    await store.write(key, JSON.stringify({ ...manifest, clockAheadMs: -20 * 86_400_000 }));
    expect(await look()).toMatchObject([{ newestIntactId: id, overdue: [] }]);
    expect(mails.at(-1)?.subject).toBe("[offsite] The host's clock is 20.0 days behind: bitagent");
    const [plan] = await expire({ store, policy, now, dryRun: true });
    expect(plan?.keep[0]?.reasons[0]).toBe(
      "younger than 14 days by the store's clock (the host's was 20.0 days behind)",
    );
    expect((await selectArchive(store, 'bitagent', 'latest', false)).id.id).toBe(id);
  });

  it('of many that cannot be relied on, the newest few are named', async () => {
    for (const day of [1, 2, 3, 4, 5, 6, 7])
      await store.write(`archives/bitagent/bitagent-2026-11-0${day}-031500Z.sql.gz`, 'x');
    const { found } = await selectArchive(store, 'bitagent', 'latest', false).catch((error) => error);
    const named = [7, 6, 5, 4, 3].map((day) => `bitagent-2026-11-0${day}-031500Z: no manifest`);
    expect(found.split('\n')).toEqual([...named, 'and 2 older ones']);
  });

  it('tells once that the host’s clock is wrong, by the store’s', async () => {
    await verifiedArchive(store, 'bitagent', hoursAgo(2));
    await look();
    expect(mails).toEqual([]);
    await verifiedArchive(store, 'bitagent', new Date('2099-01-01T00:00:00Z'));
    await look();
    await look();
    expect(mails.map(({ subject }) => subject)).toEqual([
      expect.stringMatching(/^\[offsite\] The host's clock is .* ahead: bitagent$/),
    ]);
  });

  it('watches what it was told to expect, though nothing was ever stored', async () => {
    expect(await look(now, ['bitagent'])).toMatchObject([{ source: 'bitagent', overdue: [] }]);
    const [sighting] = await look(new Date(now.getTime() + 27 * 3_600_000), ['bitagent']);
    expect(sighting).toMatchObject({ overdue: [{ subject: 'archive', never: true }] });
    expect(sighting?.newestIntactAgeHours).toBeCloseTo(27);
    expect(mails.map(({ subject }) => subject)).toEqual(['[offsite] NO FRESH ARCHIVE: bitagent, none yet']);
  });
});

describe('launch', () => {
  const launched: [string, TaskSize, string][] = [];
  // The one stand-in: there is no ECS here. The rehearsal runs the launched program for real.
  const launch = async (id: string, size: TaskSize, token: string) => {
    launched.push([id, size, token]);
    return 'arn:task';
  };
  const run = (requestId = 'r') =>
    launchRestoreTests({ store, sources: ['bitagent'], requestId, launch, sendMail, now });

  it('takes the newest intact archive, not the newest', async () => {
    const good = await verifiedArchive(store, 'bitagent', hoursAgo(30));
    await verifiedArchive(store, 'bitagent', hoursAgo(2), smallDump(0));
    await archiveOf(store, 'bitagent', hoursAgo(1), smallDump(5));
    expect(await run()).toMatchObject([
      { archiveId: good.id, taskArn: 'arn:task', size: { ephemeralStorageGib: 21 } },
    ]);
    await run();
    const [first, second] = launched;
    expect(first?.[2]).toBe(second?.[2]);
    expect(first?.[2]).toHaveLength(64);
    await run('another request');
    expect(launched[2]?.[2]).not.toBe(first?.[2]);
  });

  it('refuses with a mail when nothing is intact', async () => {
    await archiveOf(store, 'bitagent', hoursAgo(1), smallDump(5));
    expect(await run()).toEqual([{ source: 'bitagent', refused: 'NOTHING_INTACT' }]);
    expect(mails).toHaveLength(1);
    expect(mails[0]?.subject).toBe('[offsite] RESTORE TEST NOT STARTED: bitagent');
    expect(mails[0]?.text).toContain('none intact among 1');
  });
});
