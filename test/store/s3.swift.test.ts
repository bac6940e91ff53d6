import { beforeAll, describe } from 'vitest';
import { hasSwift, useSwift } from '../fixtures/real-s3.ts';
import { createPlainVault } from '../fixtures/vault.ts';
import { describeArchiveStore } from './store.contract.ts';

describe.skipIf(!hasSwift)('S3 store on OpenStack Swift', () => {
  const bucket = `contract-${process.pid}-${Date.now()}`;

  beforeAll(async () => {
    await useSwift();
    await createPlainVault(bucket);
  }, 300_000);

  // It answers 501 to If-None-Match, and to Complete without the version that it made.
  const can = { createOnly: false, listsUploads: true, versions: true, namesVersionOfParts: false };
  describeArchiveStore(bucket, can, 'b2');
});
