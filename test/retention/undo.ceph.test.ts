import { beforeAll, describe } from 'vitest';
import { hasCeph, useCeph } from '../fixtures/real-s3.ts';
import { createVault } from '../fixtures/vault.ts';
import { describeUndo } from './undo.contract.ts';

describe.skipIf(!hasCeph)('undo at Ceph', () => {
  let made = 0;

  beforeAll(useCeph, 300_000);

  describeUndo(async () => {
    made += 1;
    const bucket = `undo-${process.pid}-${made}`;
    await createVault(bucket);
    return bucket;
  }, 'ceph');
});
