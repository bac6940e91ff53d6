// What the vault's lock must keep, at a bucket made as the synthesized template says. The attacks come from another
// client than the store's, which has every right; the one that goes past the lock is used only where a test says so.

import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { beforeAll, expect, it } from 'vitest';
import type { ProviderName } from '../../lib/store/provider.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore, Stored } from '../../lib/store/store.ts';
import { anotherClient, createVault } from '../fixtures/vault.ts';

/** What a server is known to lack; each is a fact about the server. */
export type LockCapabilities = {
  /** Says until when a version is locked, and lets that be changed. */
  readonly tellsRetention: boolean;
  /** Lays the bucket's default retention on what is uploaded in parts, too. */
  readonly locksMultipart: boolean;
  /** Refuses a taken key in a bucket with versions. */
  readonly createOnly: boolean;
};

const dayMs = 86_400_000;
const partBytes = 5 * 1024 * 1024;

/** Defines the tests; the environment leads to the server. */
export function describeObjectLock(bucket: string, can: LockCapabilities, provider: ProviderName): void {
  const store = (): ArchiveStore => createS3Store({ bucket, provider });
  const send = anotherClient;
  let keepDays: number;
  let small: Stored;
  let large: Stored;

  beforeAll(async () => {
    const { ObjectLockConfiguration } = await createVault(bucket);
    keepDays = ObjectLockConfiguration?.Rule.DefaultRetention.Days ?? 0;
    small = await store().create('archives/bitagent/small', 'a manifest');
    large = await store().upload('archives/bitagent/large', inChunks(3 * partBytes), { partBytes });
  });

  const retentionOf = async (key: string, VersionId: string | null) => {
    const input = { Bucket: bucket, Key: key, VersionId: VersionId ?? undefined };
    return (await send().send(new GetObjectRetentionCommand(input))).Retention;
  };
  const destroy = (key: string, VersionId: string | null) =>
    send().send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: VersionId ?? undefined }));
  const versionsOf = async (key: string) => {
    const { Versions = [] } = await send().send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: key }),
    );
    return Versions.map(({ VersionId }) => VersionId);
  };

  it('is asked for by the template', () => {
    expect(keepDays).toBe(14);
  });

  it.runIf(can.tellsRetention)(
    'lies on what is stored in one piece, for as long as archives are kept',
    async () => {
      const retention = await retentionOf('archives/bitagent/small', small.versionId);
      expect(retention?.Mode).toBe('GOVERNANCE');
      const days = ((retention?.RetainUntilDate?.getTime() ?? 0) - Date.now()) / dayMs;
      expect(days).toBeGreaterThan(keepDays - 0.1);
      expect(days).toBeLessThan(keepDays + 0.1);
    },
  );

  it.runIf(can.tellsRetention && can.locksMultipart)('lies on what is stored in parts, too', async () => {
    const retention = await retentionOf('archives/bitagent/large', large.versionId);
    expect(retention?.Mode).toBe('GOVERNANCE');
  });

  it('keeps its versions from being destroyed', async () => {
    for (const [key, { versionId }] of Object.entries({
      'archives/bitagent/small': small,
      ...(can.locksMultipart ? { 'archives/bitagent/large': large } : {}),
    })) {
      await expect(destroy(key, versionId)).rejects.toMatchObject({ name: 'AccessDenied' });
      expect(await versionsOf(key)).toEqual([versionId]);
    }
  });

  it.runIf(can.tellsRetention)('cannot be shortened nor taken off, but made longer', async () => {
    const key = 'archives/bitagent/small';
    const until = (days: number) => new Date(Date.now() + days * dayMs);
    const set = (RetainUntilDate: Date, more = {}) =>
      send().send(
        new PutObjectRetentionCommand({
          Bucket: bucket,
          Key: key,
          VersionId: small.versionId ?? undefined,
          Retention: { Mode: 'GOVERNANCE', RetainUntilDate },
          ...more,
        }),
      );
    const before = await retentionOf(key, small.versionId);
    await expect(set(until(1))).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(await retentionOf(key, small.versionId)).toEqual(before);
    await set(until(30));
    await expect(set(until(keepDays))).rejects.toMatchObject({ name: 'AccessDenied' });
    // The one right that nobody has in this stack.
    await set(until(keepDays), { BypassGovernanceRetention: true });
  });

  it('lets a name be deleted, which leaves a marker and every version', async () => {
    const { versionId } = await store().create('archives/bitagent/deleted', 'x');
    await store().delete('archives/bitagent/deleted');
    expect(await store().open('archives/bitagent/deleted')).toBeUndefined();
    expect(await versionsOf('archives/bitagent/deleted')).toEqual([versionId]);
    const opened = await store().open('archives/bitagent/deleted', versionId);
    expect(Buffer.concat((await opened?.body.toArray()) ?? []).toString()).toBe('x');
  });

  it('lets a name be written over, which leaves the version of before, as locked as it was', async () => {
    const first = await store().write('watch/bitagent.json', 'one');
    const second = await store().write('watch/bitagent.json', 'two');
    expect((await versionsOf('watch/bitagent.json')).sort()).toEqual(
      [first.versionId, second.versionId].sort(),
    );
    expect((await store().readText('watch/bitagent.json'))?.text).toBe('two');
    const opened = await store().open('watch/bitagent.json', first.versionId);
    expect(Buffer.concat((await opened?.body.toArray()) ?? []).toString()).toBe('one');
    await expect(destroy('watch/bitagent.json', first.versionId)).rejects.toMatchObject({
      name: 'AccessDenied',
    });
  });

  it.runIf(can.createOnly)('and If-None-Match refuse a taken key, in one piece and in parts', async () => {
    const again = { code: 'ARCHIVE_EXISTS' };
    await expect(store().create('archives/bitagent/small', 'y')).rejects.toMatchObject(again);
    await expect(
      store().upload('archives/bitagent/large', inChunks(2 * partBytes), { partBytes }),
    ).rejects.toMatchObject(again);
    expect(await versionsOf('archives/bitagent/small')).toEqual([small.versionId]);
    expect(await versionsOf('archives/bitagent/large')).toEqual([large.versionId]);
  });
}

async function* inChunks(bytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes; at += 1_000_000) yield Buffer.alloc(Math.min(1_000_000, bytes - at), at % 251);
}
