// What undo must do at any store that keeps versions. The versions are looked at afterwards, by another client.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { beforeEach, expect, it } from 'vitest';
import { baseBackupKeys } from '../../lib/archive/base-backup-names.ts';
import { ofDatabase } from '../../lib/archive/kind.ts';
import { type ArchiveId, archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { readCatalogue } from '../../lib/archive/read-catalogue.ts';
import { readRecord } from '../../lib/archive/read-manifest.ts';
import { parseWalKey, type WalName, walVerdictKey } from '../../lib/archive/wal-names.ts';
import { ofBaseBackups } from '../../lib/basebackup/kind.ts';
import { baseBackupRecords } from '../../lib/basebackup/manifest.ts';
import { readWindows } from '../../lib/recovery-point/windows.ts';
import { expireLog } from '../../lib/retention/expire-log.ts';
import { holdKey } from '../../lib/retention/hold.ts';
import { findUndoable, undo, undoLog } from '../../lib/retention/undo.ts';
import { createVersionHistory, type VersionHistory } from '../../lib/retention/version-history.ts';
import type { ProviderName } from '../../lib/store/provider.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { verifyBaseBackupOnce } from '../../lib/verify/base-backup.ts';
import { pushWal } from '../../lib/wal/push.ts';
import { plansOfExpire, verifiedArchive } from '../fixtures/archives.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { anotherClient, versionsUnder } from '../fixtures/vault.ts';
import { namesFrom, systemIdentifier, writeSegment } from '../fixtures/wal.ts';

const now = new Date();
const hours = (count: number) => new Date(now.getTime() + count * 3_600_000);
const policy = { keepDays: 14, keepIntact: 1, freshnessHours: 26 };

/** Defines the tests; the environment leads to the server. `newBucket` makes a vault as the template says. */
export function describeUndo(newBucket: () => Promise<string>, provider: ProviderName): void {
  let bucket: string;
  let store: ArchiveStore;
  let history: VersionHistory;

  beforeEach(async () => {
    bucket = await newBucket();
    store = createS3Store({ bucket, provider });
    history = createVersionHistory({ bucket, provider });
  });

  const expireAt = async (at: Date) => (await plansOfExpire({ store, policy, now: at, dryRun: false }))[0];
  const undoAt = (id: string, at = now, holdDays = 2, from = history) =>
    undo({ store, history: from, kind: ofDatabase, id: parseArchiveId(id), holdDays, now: at });
  const standings = async () =>
    Object.fromEntries((await readCatalogue(store, 'bitagent')).map(({ id, standing }) => [id.id, standing]));
  const versions = () => versionsUnder(bucket, '');

  /** A fresh archive that stays, and an old one that was expired. */
  async function expiredArchive(): Promise<string> {
    const old = await verifiedArchive(store, 'bitagent', hours(-20 * 24));
    await verifiedArchive(store, 'bitagent', hours(-1));
    const plan = await expireAt(now);
    expect(plan?.expire.map(({ id }) => id)).toEqual([old.id]);
    expect(await standings()).not.toHaveProperty(old.id);
    return old.id;
  }

  it('brings a base backup back with the log that it needs: points from it on can be recovered again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'offsite-undo-'));
    const source = 'bitagent';
    try {
      const bases = [];
      for (const [days, segment] of [
        [40, 2],
        [30, 4],
        [1, 6],
      ] as const)
        bases.push(await storeBaseBackup(store, { source, takenAt: hours(-24 * days), segment }));
      for (const id of bases)
        await verifyBaseBackupOnce({ store, id, now: () => now, sendMail: async () => undefined });
      for (const name of namesFrom(2, 5))
        await pushWal({ store, source, path: writeSegment(folder, name), systemIdentifier });
      const damaged = walVerdictKey(
        parseWalKey((await Array.fromAsync(store.list(`wal/${source}/`)))[0]?.key ?? '') as WalName,
      );
      await store.write(damaged, '{}');
      const windows = async () =>
        (await readWindows(store, source)).map(({ base, continuity }) => [
          base.id.id,
          continuity.missingCount + continuity.damaged.length,
        ]);
      const before = await windows();
      const expireAll = () =>
        expireLog({
          store,
          policy: { ...policy, atOnce: true },
          now,
          dryRun: false,
          onPlan: () => undefined,
        });
      await expireAll();
      expect(await windows()).toEqual(before.slice(0, 2));
      expect(await store.readText(damaged)).toBeUndefined();
      const [old] = bases as [ArchiveId, ...ArchiveId[]];
      expect((await findUndoable(history, ofBaseBackups, source)).map(({ id }) => id.id)).toEqual([old.id]);
      await undo({ store, history, kind: ofBaseBackups, id: old, holdDays: 2, now });
      expect(await undoLog(history, await readRecord(store, baseBackupRecords, old))).toBe(2);
      expect((await store.readText(damaged))?.text).toBe('{}');
      await expireAll();
      expect(await windows()).toEqual(before);
      expect(await store.readText(baseBackupKeys(old).serverManifest)).toBeDefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('takes the markers off and nothing else: the very versions of before are there again', async () => {
    const old = await verifiedArchive(store, 'bitagent', hours(-20 * 24));
    await verifiedArchive(store, 'bitagent', hours(-1));
    const before = await versions();
    await expireAt(now);
    // A marker on each of its three objects.
    const markers = (await versions()).filter((line) => line.endsWith(' marker'));
    expect(markers.filter((line) => line.includes(old.id))).toHaveLength(3);
    const done = await undoAt(old.id);
    expect(done.broughtBack).toEqual(['archive', 'verdict', 'manifest']);
    expect((await versions()).filter((line) => !/^(holds|plans|watch)\//.test(line))).toEqual(before);
    expect((await standings())[old.id]).toBe('intact');
    const opened = await store.open(archiveKeys(parseArchiveId(old.id)).archive);
    opened?.body.destroy();
    expect(opened?.versionId).toBe(old.versionId);
  });

  it('holds it: the next retention leaves it and says why, and takes it when the hold has ended', async () => {
    const id = await expiredArchive();
    const { heldUntil } = await undoAt(id, hours(-40), 2);
    expect(heldUntil).toEqual(hours(8));
    const morning = await expireAt(hours(7));
    expect(morning?.expire).toEqual([]);
    expect(morning?.keep.find((one) => one.id === id)?.reasons).toEqual([
      `held until ${heldUntil.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    ]);
    expect((await standings())[id]).toBe('intact');
    expect((await expireAt(hours(9)))?.expire.map((one) => one.id)).toEqual([id]);
    expect(await standings()).not.toHaveProperty(id);
  });

  it('shows what can be brought back, and until when', async () => {
    const id = await expiredArchive();
    const [found, ...rest] = await findUndoable(history, ofDatabase, 'bitagent');
    expect(rest).toEqual([]);
    expect(found?.id.id).toBe(id);
    const midnight = found?.livesUntil?.toISOString();
    expect(midnight).toMatch(/T00:00:00.000Z$/);
    // Seven days, counted up to the next midnight.
    const livesDays = ((found?.livesUntil?.getTime() ?? 0) - (found?.deletedAt.getTime() ?? 0)) / 86_400_000;
    expect(livesDays).toBeGreaterThanOrEqual(7);
    expect(livesDays).toBeLessThanOrEqual(8);
    const { wouldHaveGoneAt } = await undoAt(id);
    expect(wouldHaveGoneAt?.toISOString()).toBe(midnight);
    expect(await findUndoable(history, ofDatabase, 'bitagent')).toEqual([]);
    expect(await findUndoable(history, ofDatabase, 'attic')).toEqual([]);
  });

  it.each([0, 1, 2])('cut off after %i parts it leaves no archive in doubt, and goes on', async (parts) => {
    const id = await expiredArchive();
    let done = 0;
    const dying: VersionHistory = {
      ...history,
      bringBack: async (key) => {
        if (done === parts) throw new Error('cut off');
        done += 1;
        await history.bringBack(key);
      },
    };
    await expect(undoAt(id, now, 2, dying)).rejects.toThrow('cut off');
    expect((await standings())[id]).toBe(parts === 0 ? undefined : 'no manifest');
    // Retention comes in between, and takes nothing away.
    expect((await expireAt(now))?.expire).toEqual([]);
    expect((await undoAt(id)).broughtBack).toHaveLength(3 - parts);
    expect((await standings())[id]).toBe('intact');
  });

  it('done again, changes nothing but the hold, which begins anew', async () => {
    const id = await expiredArchive();
    await undoAt(id);
    const before = (await versions()).filter((line) => !/^(holds|plans|watch)\//.test(line));
    const again = await undoAt(id, hours(24), 10);
    expect(again.broughtBack).toEqual([]);
    expect(again.heldUntil).toEqual(hours(24 + 240));
    expect((await versions()).filter((line) => !/^(holds|plans|watch)\//.test(line))).toEqual(before);
  });

  it('goes through as many markers as there are, and finishes what an interrupted expiry has begun', async () => {
    const id = await expiredArchive();
    const keys = archiveKeys(parseArchiveId(id));
    await anotherClient().send(new DeleteObjectCommand({ Bucket: bucket, Key: keys.archive }));
    await undoAt(id);
    expect((await standings())[id]).toBe('intact');
    await store.delete(keys.manifest);
    expect((await standings())[id]).toBe('no manifest');
    expect((await undoAt(id)).broughtBack).toEqual(['manifest']);
    expect((await standings())[id]).toBe('intact');
  });

  it('refuses what never was, what was not deleted, and what is gone; and changes nothing', async () => {
    const id = await expiredArchive();
    const there = Object.keys(await standings())[0] ?? '';
    const key = archiveKeys(parseArchiveId(id)).archive;
    const before = await versions();
    await expect(undoAt('bitagent-2020-01-01-000000Z')).rejects.toMatchObject({ code: 'ARCHIVE_MISSING' });
    await expect(undoAt(there)).rejects.toMatchObject({ code: 'ARCHIVE_NOT_EXPIRED' });
    expect(await versions()).toEqual(before);
    await removeBytes(bucket, key);
    const left = await versions();
    await expect(undoAt(id)).rejects.toMatchObject({
      code: 'ARCHIVE_GONE',
      found: expect.stringMatching(/^deleted on \d{4}-\d\d-\d\d; of its bytes there is the manifest$/),
    });
    expect(await versions()).toEqual(left);
    expect(await findUndoable(history, ofDatabase, 'bitagent')).toEqual([]);
    expect(await store.readText(holdKey(parseArchiveId(id)))).toBeUndefined();
  });

  it('believes no store that takes the request and does nothing', async () => {
    const id = await expiredArchive();
    const deaf = { ...history, bringBack: async () => undefined };
    await expect(undoAt(id, now, 2, deaf)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('asked back, and is not there'),
    });
    expect((await undoAt(id)).broughtBack).toEqual(['archive', 'verdict', 'manifest']);
  });

  it('refuses bytes that somebody else wrote over its own', async () => {
    const id = await expiredArchive();
    const { archive } = archiveKeys(parseArchiveId(id));
    await store.write(archive, 'not what the agent wrote');
    await store.delete(archive);
    const before = await versions();
    await expect(undoAt(id)).rejects.toMatchObject({ code: 'ARCHIVE_CHANGED' });
    expect(await versions()).toEqual(before);
  });
}

/** What the lifecycle does in the end, and a lock refuses before: as the administrator, past the lock. */
async function removeBytes(bucket: string, key: string): Promise<void> {
  const client = anotherClient();
  const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }));
  for (const { VersionId } of Versions) {
    const input = { Bucket: bucket, Key: key, VersionId };
    await client.send(new DeleteObjectCommand({ ...input, BypassGovernanceRetention: true }));
  }
}
