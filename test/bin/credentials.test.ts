// Wrong credentials, against a server that checks them: moto enforces IAM from the moment it is told to.

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so no credentials are refused');

describe.skipIf(!hasMoto)('credentials that the store does not know', () => {
  let moto: Moto;

  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'testing' };
    const client = new S3Client({
      endpoint: moto.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials,
    });
    await client.send(new CreateBucketCommand({ Bucket: 'vault' }));
    await fetch(`${moto.endpoint}/moto-api/reset-auth`, { method: 'POST', body: '0' });
  });
  afterAll(() => moto.stop());

  it.each([
    [
      'backup',
      '--',
      'sh',
      '-c',
      'printf -- "--\\n-- PostgreSQL database dump\\n--\\n\\n--\\n-- PostgreSQL database dump complete\\n--\\n\\n"',
    ],
    ['list'],
    ['fetch', 'latest', '-o', '-'],
  ])('%s says so, and repeats no secret', async (...args) => {
    const env = {
      ...moto.env,
      AWS_ACCESS_KEY_ID: 'AKIAWRONGWRONGWRONG1',
      AWS_SECRET_ACCESS_KEY: 'S3CRET',
      OFFSITE_BUCKET: 'vault',
    };
    const result = await (args[0] === 'backup' ? offsite : offsiteHere)(args, env);
    expect(result.stderr).toContain('[CREDENTIALS_REFUSED]');
    expect(result.exitCode).toBe(4);
    expect(result.stderr + result.stdout).not.toContain('S3CRET');
  });
});
