// The guard's drills at another real S3 server, which has versions, and neither lock nor lifecycle nor create-only.

import { afterAll, describe } from 'vitest';
import { createS3Store } from '../../lib/store/s3.ts';
import { keepByGuard } from '../fixtures/keeping.ts';
import { type MailServer, startMailServer } from '../fixtures/mail-server.ts';
import { hasSwift, useSwift } from '../fixtures/real-s3.ts';
import { createPlainVault } from '../fixtures/vault.ts';
import { playDrills } from './drills.contract.ts';
import { playOtherKinds } from './kinds.contract.ts';

describe.skipIf(!hasSwift)('at Swift', () => {
  let smtp: MailServer | undefined;
  const open = async () => {
    await useSwift();
    const bucket = `guarded-${Date.now()}`;
    await createPlainVault(bucket);
    return bucket;
  };
  playDrills(open, true, 'b2');
  playOtherKinds(async (logged) => {
    const bucket = await open();
    const store = createS3Store({ bucket, provider: 'b2' });
    smtp = await startMailServer();
    return { store, keeping: keepByGuard(store, bucket, smtp, logged) };
  }, true);
  afterAll(async () => {
    await smtp?.stop();
  });
});
