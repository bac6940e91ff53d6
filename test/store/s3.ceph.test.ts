import { beforeAll, describe } from 'vitest';
import { hasCeph, useCeph } from '../fixtures/real-s3.ts';
import { createVault } from '../fixtures/vault.ts';
import { describeArchiveStore } from './store.contract.ts';

describe.skipIf(!hasCeph)('S3 store on Ceph', () => {
  const bucket = `contract-${process.pid}`;

  beforeAll(async () => {
    await useCeph();
    await createVault(bucket);
  }, 300_000);

  // In a bucket with versions, Ceph 18 ignores If-None-Match; in others it honours it, but not on Complete.
  describeArchiveStore(bucket, { createOnly: false, listsUploads: true, versions: true }, 'ceph');
});
