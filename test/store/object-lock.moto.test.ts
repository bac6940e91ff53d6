import { afterAll, beforeAll, describe } from 'vitest';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { describeObjectLock } from './object-lock.contract.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so no locked store is tested');

describe.skipIf(!hasMoto)('Object Lock at moto', () => {
  let moto: Moto;

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
  });
  afterAll(() => moto.stop());

  // Moto's answer to GetObjectRetention is no XML.
  describeObjectLock('locked', { tellsRetention: false, locksMultipart: false, createOnly: true }, 'aws');
});
