// The guard's drills at moto, in a bucket without versions, where a deleted or overwritten archive is gone.

import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, describe } from 'vitest';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { anotherClient } from '../fixtures/vault.ts';
import { playDrills } from './drills.contract.ts';
import { playOtherKinds } from './kinds.contract.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so the guard looks after no vault');

describe.skipIf(!hasMoto)('at moto', () => {
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
  playOtherKinds(open);
  afterAll(async () => {
    process.env = before;
    await moto?.stop();
  });
});
