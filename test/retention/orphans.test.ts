// Archives that never got a manifest: told of once, never taken for an archive, and removed when they are old.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { archiveIdAt, archiveKeys } from '../../lib/archive/names.ts';
import { readCatalogue } from '../../lib/archive/read-catalogue.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { plansOfExpire as expire, sightingsOf, verifiedArchive } from '../fixtures/archives.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let store: ArchiveStore;
let mails: Mail[];

const now = new Date();
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);
const sendMail = async (mail: Mail) => {
  mails.push(mail);
};
/** What a killed agent leaves. */
const orphan = async (hours: number): Promise<string> => {
  const id = archiveIdAt('bitagent', hoursAgo(hours));
  await store.write(archiveKeys(id).archive, 'all bytes, no manifest');
  return id.id;
};
const look = (at = now) =>
  sightingsOf({
    store,
    sources: ['bitagent'],
    limits: { archiveHours: 2600, restoreTestHours: 2600 },
    now: at,
    sendMail,
  });

beforeAll(async () => {
  aws = await startLocalAws();
});
beforeEach(async () => {
  mails = [];
  store = aws.store;
  for (const prefix of ['archives/', 'verdicts/', 'watch/']) {
    for await (const { key } of store.list(prefix)) await store.delete(key);
  }
});
afterAll(() => aws.stop());

describe('an archive without manifest', () => {
  it('is nothing to tell of while it may still be written', async () => {
    await orphan(23);
    const [sighting] = await look();
    expect(sighting?.orphanIds).toEqual([]);
    expect(mails).toEqual([]);
  });

  it('is told of once when it is older than a day, and the next one once again', async () => {
    const old = await orphan(25);
    await verifiedArchive(store, 'bitagent', hoursAgo(1));
    expect((await look())[0]?.orphanIds).toEqual([old]);
    await look();
    await look(new Date(now.getTime() + 3_600_000));
    expect(mails.map(({ subject }) => subject)).toEqual(['[offsite] Archive without manifest: bitagent']);
    expect(mails[0]?.text).toContain(old);
    expect(mails[0]?.text).toContain('22 B');
    const other = await orphan(30);
    await look();
    expect(mails).toHaveLength(2);
    expect(mails[1]?.text).toContain(other);
    expect(mails[1]?.text).not.toContain(old);
  });

  it('is remembered by a state that an older version wrote', async () => {
    await store.write(
      'watch/bitagent.json',
      JSON.stringify({ firstSeenAt: hoursAgo(99).toISOString(), toldOf: [] }),
    );
    await orphan(25);
    await look();
    await look();
    expect(mails).toHaveLength(1);
  });

  it('never counts as fresh, and expire removes it when it is older than keepDays', async () => {
    for (const night of [0, 1, 2]) await verifiedArchive(store, 'bitagent', hoursAgo(night * 24 + 2));
    const young = await orphan(13 * 24);
    const old = await orphan(15 * 24);
    const policy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };
    const [plan] = await expire({ store, policy, now, dryRun: false });
    expect(plan?.expire).toMatchObject([{ id: old, reasons: ['older than 14 days', 'no manifest'] }]);
    const left = (await readCatalogue(store, 'bitagent')).map(({ id }) => id.id);
    expect(left).toContain(young);
    expect(left).not.toContain(old);
    expect(left).toHaveLength(4);
    expect((await look())[0]?.orphanIds).toEqual([young]);
  });

  it('stays while nothing newer is proven: retention stands still for it too', async () => {
    await orphan(30 * 24);
    const policy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };
    const [plan] = await expire({ store, policy, now, dryRun: false });
    expect(plan?.standstill).toBe('there is no intact archive');
    expect(await readCatalogue(store, 'bitagent')).toHaveLength(1);
  });
});
