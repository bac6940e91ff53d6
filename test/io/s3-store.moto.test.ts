import { PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe } from 'vitest';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { createBucket, describeArchiveStore } from './archive-store.contract.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so no versioned store is tested');

describe.skipIf(!hasMoto)('S3 store on moto, versioned', () => {
  let moto: Moto;

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
    await createBucket('contract');
    await new S3Client({ forcePathStyle: true }).send(
      new PutBucketVersioningCommand({ Bucket: 'contract', VersioningConfiguration: { Status: 'Enabled' } }),
    );
  });
  afterAll(() => moto.stop());

  // Named, so that everything that AWS alone understands is sent: moto does not compare, but keeps it.
  describeArchiveStore('contract', { createOnly: true, listsUploads: true, versions: true }, 'aws');
});
