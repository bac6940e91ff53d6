// What stands for pg's cryptography in the bundle gives what pg's own gives.

import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as ours from '../../bin/pg-crypto.ts';

const own: typeof ours = createRequire(import.meta.url)('pg/lib/crypto/utils.js');
const text = fc.string({ unit: 'binary', maxLength: 80 });
const bytes = fc.uint8Array({ minLength: 1, maxLength: 80 });
const rounds = fc.integer({ min: 1, max: 50 });
const hashes = fc.constantFrom('SHA-256', 'SHA-384', 'SHA-512');
const hex = async (answer: Promise<ArrayBuffer | Uint8Array | string>) => {
  const found = await answer;
  return typeof found === 'string' ? found : Buffer.from(found as Uint8Array).toString('hex');
};

test('has all that pg asks for', () => {
  expect(Object.keys(ours).sort()).toEqual(Object.keys(own).sort());
});

test('answers as pg does, whatever it is asked', async () => {
  await fc.assert(
    fc.asyncProperty(text, text, bytes, rounds, hashes, async (one, other, raw, rounds, hash) => {
      const ask = (by: typeof ours) =>
        Promise.all([
          hex(by.md5(one)),
          hex(by.postgresMd5PasswordHash(one, other, raw)),
          hex(by.sha256(raw)),
          hex(by.hashByName(hash, raw)),
          hex(by.hmacSha256(raw, one)),
          hex(by.deriveKey(other, raw, rounds)),
        ]);
      expect(await ask(ours)).toEqual(await ask(own));
    }),
  );
});

test('gives bytes of chance', () => {
  expect(ours.randomBytes(18)).toHaveLength(18);
  expect(ours.randomBytes(18)).not.toEqual(ours.randomBytes(18));
});
