// The guard at a real S3 server, in a bucket as the template makes it: versions, lock and lifecycle. And the host's key there, by the
// policy that docs/guard.md has for it.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutBucketPolicyCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveKeys } from '../../lib/archive/names.ts';
import { createVaultProbe } from '../../lib/doctor/probe.ts';
import { assertMayLook } from '../../lib/guard/independence.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveOf, smallDump } from '../fixtures/archives.ts';
import { keepByGuard } from '../fixtures/keeping.ts';
import { type MailServer, startMailServer } from '../fixtures/mail-server.ts';
import { hasCeph, useCeph } from '../fixtures/real-s3.ts';
import { anotherClient, createVault } from '../fixtures/vault.ts';
import { playDrills } from './drills.contract.ts';
import { playOtherKinds } from './kinds.contract.ts';

describe.skipIf(!hasCeph)('at Ceph', () => {
  let smtp: MailServer | undefined;
  const open = async () => {
    await useCeph();
    const bucket = `guarded-${randomBytes(4).toString('hex')}`;
    await createVault(bucket);
    return bucket;
  };
  playDrills(open, true);
  playOtherKinds(async (logged) => {
    const bucket = await open();
    smtp = await startMailServer();
    const kept = createS3Store({ bucket });
    return { store: kept, keeping: keepByGuard(kept, bucket, smtp, logged) };
  }, true);
  afterAll(async () => {
    await smtp?.stop();
  });

  describe("the host's key", () => {
    let bucket: string;
    let store: ArchiveStore;
    let host: ArchiveStore;
    let credentials: { accessKeyId: string; secretAccessKey: string };

    beforeAll(async () => {
      bucket = await open();
      const {
        RGW_USER2_ACCESS_KEY_ID = '',
        RGW_USER2_SECRET_ACCESS_KEY = '',
        RGW_USER2_ARN = '',
      } = process.env;
      credentials = { accessKeyId: RGW_USER2_ACCESS_KEY_ID, secretAccessKey: RGW_USER2_SECRET_ACCESS_KEY };
      const guide = readFileSync(join(import.meta.dirname, '../../docs/guard.md'), 'utf8');
      const [, policy = ''] = /```json\n([\s\S]*?)```/.exec(guide) ?? [];
      const Policy = policy
        .replaceAll('my-vault', bucket)
        .replaceAll('arn:aws:iam:::user/HOST', RGW_USER2_ARN)
        .replace('user/GUARD', 'user/admin');
      await anotherClient().send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
      store = createS3Store({ bucket });
      host = createS3Store({ bucket, credentials });
    });

    it('creates, and neither reads, lists nor deletes, nor touches what is of others', async () => {
      const id = await archiveOf(host, 'bitagent', new Date(), smallDump(20));
      const { archive, manifest, verdict } = archiveKeys(id);
      await host.create('wal/bitagent/7/a', 'log');
      // Another user's, so that it is no matter of whose they are.
      await store.write('archives/bitagent/a', 'a word');
      await expect(host.readText('archives/bitagent/a')).rejects.toMatchObject({
        code: 'CREDENTIALS_REFUSED',
      });
      const refused = { code: 'CREDENTIALS_REFUSED' };
      await expect(host.readText(manifest)).rejects.toMatchObject(refused);
      await expect(host.open(archive)).rejects.toMatchObject(refused);
      await expect(Array.fromAsync(host.list('archives/bitagent/'))).rejects.toMatchObject(refused);
      for (const key of [archive, manifest]) await expect(host.delete(key)).rejects.toMatchObject(refused);
      for (const key of [verdict, 'archives/another/a', 'watch/guard/0000000001.json', 'holds/bitagent/a'])
        await expect(host.write(key, 'a word of its own')).rejects.toMatchObject(refused);
      expect((await store.open(archive))?.bytes).toBeGreaterThan(0);
    });

    it('overwrites nothing for good: what was there is a version below', async () => {
      const id = await archiveOf(host, 'bitagent', new Date(Date.now() - 5000), smallDump(20));
      const Key = archiveKeys(id).archive;
      const before = await store.open(Key);
      before?.body.destroy();
      // A thief does not ask whether there is one; in a bucket with versions Ceph 18 would not heed it.
      await anotherClient(credentials).send(
        new PutObjectCommand({ Bucket: bucket, Key, Body: 'other bytes', ChecksumAlgorithm: 'CRC32' }),
      );
      const below = await store.open(Key, before?.versionId);
      below?.body.destroy();
      expect(below?.etag).toBe(before?.etag);
    });

    it('is seen by doctor to be one, and is no guard', async () => {
      const probe = createVaultProbe({ bucket, credentials }, 'bitagent');
      expect(await probe.write()).toMatchObject({ outcome: 'done', value: { aborted: true } });
      for (const power of [probe.list(), probe.read(undefined), probe.delete()])
        expect((await power).outcome).toBe('refused');
      await expect(assertMayLook(host, 'archives/')).rejects.toMatchObject({ code: 'GUARD_DEPENDENT' });
    });
  });
});
