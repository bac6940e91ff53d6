import { afterAll, beforeAll, describe } from 'vitest';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { createVault } from '../fixtures/vault.ts';
import { describeUndo } from './undo.contract.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so undo is not tested');

describe.skipIf(!hasMoto)('undo at moto', () => {
  let moto: Moto;
  let made = 0;

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
  });
  afterAll(() => moto.stop());

  describeUndo(async () => {
    made += 1;
    const bucket = `undo-${made}`;
    await createVault(bucket);
    return bucket;
  }, 'aws');
});
