import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import {
  content,
  impatience,
  inParts,
  key,
  partBytes,
  streamOf,
  stubForEach,
} from '../fixtures/s3-faults.ts';

const bytes = content(5 * partBytes);

describe('S3: refusals', () => {
  const bench = stubForEach();
  const upload = (location?: Parameters<typeof bench.store>[0]) =>
    bench.store(location).upload(key, streamOf(bytes), { ...inParts, partsInFlight: 1 });

  it('access denied after three parts: at once, and aborted', async () => {
    bench.stub.fail('part', [4, 1e6], { refuse: [403, 'AccessDenied'] });
    await expect(upload()).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED', exitCode: 4 });
    expect(bench.stub.count('part')).toBe(4);
    expect(bench.stub.holds()).toBe('nothing');
  });

  it('access denied while a part is on its way, and the connection closed: heard when asked first', async () => {
    // More than the sockets' buffers take, so that the client is still writing.
    const large = content(24 * 1024 * 1024);
    bench.stub.fail('part', [2, 1e6], { refuseEarly: [403, 'AccessDenied'] });
    const options = { partBytes: 8 * 1024 * 1024, partsInFlight: 1 };
    await expect(bench.store().upload(key, streamOf(large, 1e6), options)).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
    });
    expect(bench.stub.count('part')).toBeLessThanOrEqual(3);
    expect(bench.stub.holds()).toBe('nothing');
  });

  it('access denied to everything, to abort as well: the hint says what remains', async () => {
    bench.stub.fail('part', [2, 1e6], { refuse: [403, 'AccessDenied'] });
    bench.stub.fail('abort', [1, 1e6], { refuse: [403, 'AccessDenied'] });
    await expect(upload()).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      hint: expect.stringMatching(/an unfinished upload remains.*--upload-id upload-1/),
    });
    expect(bench.stub.holds()).toBe('nothing, 1 unfinished upload');
  });

  it('credentials expire on the way, and the provider renews them', async () => {
    let asked = 0;
    const credentials = async () => {
      asked += 1;
      return { accessKeyId: `key-${asked}`, secretAccessKey: 'secret' };
    };
    bench.stub.fail('part', 3, { first: () => void bench.stub.expired.add('key-1') });
    await upload({ credentials });
    expect(bench.stub.bucket.objects.get(key)?.bytes.equals(bytes)).toBe(true);
    expect(asked).toBe(2);
    expect(bench.stub.requests.at(-1)?.accessKeyId).toBe('key-2');
  });

  it('credentials expire on the way, or their key is deleted, and the file that they are in has others: it is read anew', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'offsite-credentials-'));
    const file = join(folder, 'credentials');
    const keep = (id: string) =>
      writeFileSync(file, `[renewed]\naws_access_key_id = ${id}\naws_secret_access_key = secret\n`);
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    keep('key-1');
    bench.stub.fail('part', 3, {
      first() {
        bench.stub.expired.add('key-1');
        keep('key-2');
      },
    });
    bench.stub.fail('part', 5, { first: () => keep('key-3'), refuse: [403, 'InvalidAccessKeyId'] });
    await upload({ credentials: undefined, profile: 'renewed' });
    expect(new Set(bench.stub.requests.map(({ accessKeyId }) => accessKeyId))).toEqual(
      new Set(['key-1', 'key-2', 'key-3']),
    );
    expect(bench.stub.holds()).toBe('archive');
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  it('credentials with an expiry are renewed before it', async () => {
    let asked = 0;
    const credentials = async () => {
      asked += 1;
      // The SDK renews five minutes before: what expires in four is asked for anew each time.
      return {
        accessKeyId: `key-${asked}`,
        secretAccessKey: 'secret',
        expiration: new Date(Date.now() + 240_000),
      };
    };
    await upload({ credentials });
    expect(new Set(bench.stub.requests.map(({ accessKeyId }) => accessKeyId)).size).toBeGreaterThan(3);
    expect(bench.stub.holds()).toBe('archive');
  });

  it('credentials expire on the way, and nobody renews them', async () => {
    bench.stub.fail('part', 3, { first: () => void bench.stub.expired.add('first') });
    await expect(upload()).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      found: expect.stringContaining('ExpiredToken'),
    });
    expect(bench.stub.count('part')).toBe(5);
    expect(bench.stub.holds()).toBe('nothing, 1 unfinished upload');
  });

  it('the service that renews them is out of reach for a while', async () => {
    let outOfReach = 2;
    const credentials = async () => {
      if (bench.stub.count('part') === 2 && outOfReach > 0) {
        outOfReach -= 1;
        throw Object.assign(new Error('no route'), { name: 'CredentialsProviderError' });
      }
      return { accessKeyId: 'key', secretAccessKey: 'secret', expiration: new Date(Date.now() + 1000) };
    };
    await upload({ credentials });
    expect(outOfReach).toBe(0);
    expect(bench.stub.holds()).toBe('archive');
  });

  it('another region, which the store names in its error', async () => {
    bench.stub.region = 'eu-west-3';
    await expect(upload()).rejects.toMatchObject({
      code: 'REGION_WRONG',
      expected: "the bucket's own region, eu-west-3",
      hint: 'say --region eu-west-3, or set AWS_REGION=eu-west-3',
    });
    expect(bench.stub.holds()).toBe('nothing');
  });

  it('another region, which the store names in a redirect', async () => {
    const headers = { 'x-amz-bucket-region': 'us-west-2' };
    bench.stub.fail('put', 1, { refuse: [301, 'PermanentRedirect'], headers });
    await expect(bench.store().create('x.json', '{}')).rejects.toMatchObject({
      code: 'REGION_WRONG',
      hint: expect.stringContaining('us-west-2'),
    });
    expect(bench.stub.count('put')).toBe(1);
  });

  it('the bucket is deleted on the way', async () => {
    bench.stub.fail('part', 3, {
      first() {
        bench.stub.bucketIsGone = true;
        bench.stub.bucket.uploads.clear();
      },
    });
    await expect(upload()).rejects.toMatchObject({
      code: 'BUCKET_MISSING',
      hint: expect.not.stringContaining('remains'),
    });
    expect(bench.stub.count('part')).toBe(3);
    expect(bench.stub.holds()).toBe('nothing');
  });

  it('the store does not know If-None-Match: named, with what to do', async () => {
    bench.stub.fail('put', 1, { refuse: [501, 'NotImplemented'] });
    await expect(bench.store().create('x.json', '{}')).rejects.toMatchObject({
      code: 'STORE_FAILED',
      hint: expect.stringContaining('--provider'),
    });
    expect(bench.stub.count('put')).toBe(1);
  });

  it('the store does not know the checksum header: named, with what to do', async () => {
    const said = "Unsupported header 'x-amz-checksum-crc32' received for this API call.";
    bench.stub.fail('put', 1, { refuse: [400, 'InvalidArgument'], message: said });
    await expect(bench.store().create('x.json', '{}')).rejects.toMatchObject({
      hint: expect.stringContaining('--provider'),
    });
  });

  it('nobody listens at the endpoint: said soon, for it may be mistyped', async () => {
    await bench.stub.disconnect();
    await expect(upload({ patience: { ...impatience, troubleMs: 1e9 } })).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
    });
    expect(bench.stub.holds()).toBe('nothing');
  });
});
