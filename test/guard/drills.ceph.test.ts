// The guard's drills at a real S3 server, in a bucket as the template makes it: versions, lock and lifecycle.

import { randomBytes } from 'node:crypto';
import { describe } from 'vitest';
import { hasCeph, useCeph } from '../fixtures/real-s3.ts';
import { createVault } from '../fixtures/vault.ts';
import { playDrills } from './drills.contract.ts';
import { playOtherKinds } from './kinds.contract.ts';

describe.skipIf(!hasCeph)('at Ceph', () => {
  const open = async () => {
    await useCeph();
    const bucket = `guarded-${randomBytes(4).toString('hex')}`;
    await createVault(bucket);
    return bucket;
  };
  playDrills(open, true);
  playOtherKinds(open);
});
