import { beforeAll, describe } from 'vitest';
import { hasCeph, useCeph } from '../fixtures/real-s3.ts';
import { describeObjectLock } from './object-lock.contract.ts';

describe.skipIf(!hasCeph)('Object Lock at Ceph', () => {
  beforeAll(useCeph, 300_000);

  describeObjectLock(
    `locked-${process.pid}`,
    { tellsRetention: true, locksMultipart: true, createOnly: false },
    'ceph',
  );
});
