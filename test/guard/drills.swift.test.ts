// The guard's drills at another real S3 server, which has versions, and neither lock nor lifecycle nor create-only.

import { describe } from 'vitest';
import { hasSwift, useSwift } from '../fixtures/real-s3.ts';
import { createPlainVault } from '../fixtures/vault.ts';
import { playDrills } from './drills.contract.ts';
import { playOtherKinds } from './kinds.contract.ts';

describe.skipIf(!hasSwift)('at Swift', () => {
  const open = async () => {
    await useSwift();
    const bucket = `guarded-${Date.now()}`;
    await createPlainVault(bucket);
    return bucket;
  };
  playDrills(open, true, 'b2');
  playOtherKinds(open, 'b2');
});
