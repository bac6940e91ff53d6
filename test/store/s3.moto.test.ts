import { afterAll, beforeAll, describe } from 'vitest';
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

  // Named, so that everything that AWS alone understands is sent: moto does not compare, but keeps it.
  describeArchiveStore('contract', { createOnly: true, listsUploads: true, versions: true }, 'aws');
});
