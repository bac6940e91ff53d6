import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createS3Store } from '../../lib/store/s3.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { createVault } from '../fixtures/vault.ts';
import { describeArchiveStore } from './store.contract.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so no versioned store is tested');

describe.skipIf(!hasMoto)('S3 store on moto, versioned', () => {
  let moto: Moto;

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
    await createVault('contract');
  });
  afterAll(() => moto.stop());

  it('in a bucket without versions, what names one in one answer need not in the next', async () => {
    await new S3Client({ forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: 'plain' }));
    const store = createS3Store({ bucket: 'plain' });
    const parts = (async function* () {
      yield Buffer.alloc(6 * 1024 * 1024);
    })();
    const stored = await store.upload('archives/b/x.sql.gz', parts, { partBytes: 5 * 1024 * 1024 });
    // moto says `null` here, and nothing when it is read.
    expect(stored.versionId).toBeNull();
    await store.create('archives/b/x.manifest.json', '{}');
    const opened = [
      await store.open('archives/b/x.sql.gz'),
      await store.open('archives/b/x.sql.gz', null, { connections: 2 }),
    ];
    for (const one of opened) {
      expect(one?.versionId).toBeNull();
      one?.body.destroy();
    }
  });

  // Named, so that everything that AWS alone understands is sent: moto does not compare, but keeps it.
  describeArchiveStore('contract', { createOnly: true, listsUploads: true, versions: true }, 'aws');
});
