// The guard's drills in a bucket without versions, where a deleted or overwritten archive is gone: at moto; and with what is no dump, as the
// cloud has them too, at a local S3.

import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, describe } from 'vitest';
import { keepByCloud, keepByGuard } from '../fixtures/keeping.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { type MailServer, startMailServer } from '../fixtures/mail-server.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { anotherClient } from '../fixtures/vault.ts';
import { playDrills } from './drills.contract.ts';
import { playOtherKinds } from './kinds.contract.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so the guard looks after no vault');

describe.skipIf(!hasMoto)('a guard at moto', () => {
  const before = { ...process.env };
  let moto: Moto | undefined;

  let buckets = 0;
  const open = async () => {
    moto ??= await startMoto();
    Object.assign(process.env, moto.env);
    buckets += 1;
    const Bucket = `guarded-${buckets}`;
    const CreateBucketConfiguration = { LocationConstraint: 'eu-central-1' } as const;
    await anotherClient().send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
    return Bucket;
  };
  playDrills(open, false);
  afterAll(async () => {
    process.env = before;
    await moto?.stop();
  });
});

describe.each(['the guard', 'the cloud'])('%s, at a local S3,', (who) => {
  const before = { ...process.env };
  let aws: LocalAws | undefined;
  let smtp: MailServer | undefined;
  playOtherKinds(async (logged) => {
    aws = await startLocalAws();
    const store = aws.store;
    if (who === 'the cloud') return { store, keeping: keepByCloud(store, aws, logged) };
    smtp = await startMailServer();
    return { store, keeping: keepByGuard(store, aws.bucket, smtp, logged) };
  }, false);
  afterAll(async () => {
    await smtp?.stop();
    await aws?.stop();
    process.env = before;
  });
});
