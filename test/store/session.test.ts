import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from 'vitest';
import { etagOfParts } from '../../lib/store/checksums.ts';
import { putObject } from '../../lib/store/put.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { openSession, type S3Location } from '../../lib/store/session.ts';
import { troubleOf } from '../../lib/store/trouble.ts';

const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };

/** The headers of a write as they would go out. */
async function headersOf(location: Partial<S3Location>): Promise<Record<string, string>> {
  const session = openSession({ bucket: 'vault', region: 'eu-central-1', credentials, ...location });
  let headers: Record<string, string> = {};
  session.writer.middlewareStack.add(
    () => async (args) => {
      const request = args.request as { headers: Record<string, string>; hostname: string; path: string };
      headers = { ...request.headers, where: `${request.hostname}${request.path}` };
      throw Object.assign(new Error('not sent'), { $metadata: { httpStatusCode: 400 } });
    },
    { step: 'finalizeRequest', priority: 'low' },
  );
  const options = { contentType: 'text/plain', createOnly: true, doing: 'writing' };
  await putObject(session, 'a/key', Buffer.from('body'), options).catch(() => undefined);
  return headers;
}

describe('a write', () => {
  const before = { ...process.env };
  afterEach(() => {
    process.env.AWS_ENDPOINT_URL = before.AWS_ENDPOINT_URL;
    if (before.AWS_ENDPOINT_URL === undefined) delete process.env.AWS_ENDPOINT_URL;
  });

  it('to AWS brings its CRC-32, over TLS without a signed payload, to the bucket’s own host', async () => {
    delete process.env.AWS_ENDPOINT_URL;
    const headers = await headersOf({});
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32('body'));
    expect(headers).toMatchObject({
      where: 'vault.s3.eu-central-1.amazonaws.com/a/key',
      'x-amz-checksum-crc32': crc.toString('base64'),
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'if-none-match': '*',
    });
    expect(headers).not.toHaveProperty('content-md5');
  });

  it.each(['r2', 'b2', 'wasabi', 'scaleway', 'minio', 'ceph', 'other'] as const)(
    'to %s brings its MD5 and none of the headers that it may refuse',
    async (provider) => {
      const headers = await headersOf({ provider, endpoint: 'https://store.example' });
      expect(headers).toMatchObject({
        where: 'store.example/vault/a/key',
        'content-md5': createHash('md5').update('body').digest('base64'),
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      });
      expect(Object.keys(headers).filter((name) => /checksum|trailer/.test(name))).toEqual([]);
      expect(headers['if-none-match']).toBe(provider === 'b2' ? undefined : '*');
    },
  );

  it('to R2 names no region but its own', async () => {
    const location = { provider: 'r2', endpoint: 'https://store.example', region: undefined } as const;
    expect((await headersOf(location)).authorization).toMatch(/Credential=key\/\d+\/auto\/s3/);
  });

  it('without a region says what to do', async () => {
    delete process.env.AWS_REGION;
    const store = createS3Store({ bucket: 'vault', endpoint: 'https://store.example', credentials });
    await expect(store.create('a/key', 'body')).rejects.toMatchObject({
      code: 'REGION_MISSING',
      hint: expect.stringContaining('--region'),
    });
  });

  it('without TLS signs its payload', async () => {
    const headers = await headersOf({ endpoint: 'http://store.example' });
    expect(headers['x-amz-content-sha256']).toBe(createHash('sha256').update('body').digest('hex'));
  });

  it('is tried once by the SDK, whose retries forget what may have become of the first', async () => {
    const { writer } = openSession({ bucket: 'vault', region: 'x', credentials });
    expect(await (writer as S3Client).config.maxAttempts()).toBe(1);
  });
});

describe('troubleOf', () => {
  const failure = (name: string, rest: object = {}) => Object.assign(new Error('x'), { name, ...rest });
  const answered = (httpStatusCode: number, name = 'Unknown') =>
    failure(name, { $metadata: { httpStatusCode } });
  it.each([
    ['a connection that was refused', failure('Error', { code: 'ECONNREFUSED', syscall: 'connect' }), 'busy'],
    ['a name that is not known now', failure('Error', { code: 'EAI_AGAIN', syscall: 'getaddrinfo' }), 'busy'],
    ['a connection that timed out', failure('Error', { code: 'ETIMEDOUT', syscall: 'connect' }), 'busy'],
    ['a connection that was cut', failure('Error', { code: 'ECONNRESET', syscall: 'read' }), 'unheard'],
    ['a broken pipe', failure('Error', { code: 'EPIPE', syscall: 'write' }), 'unheard'],
    ['silence', failure('TimeoutError'), 'unheard'],
    ['an answer that is not HTTP', failure('Error', { code: 'HPE_INVALID_CONSTANT' }), 'unheard'],
    [
      'both addresses refused',
      failure('AggregateError', { cause: failure('Error', { code: 'ECONNREFUSED', syscall: 'connect' }) }),
      'busy',
    ],
    ['a certificate that is not trusted', failure('Error', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }), 'refused'],
    ['500 of any name', answered(500, 'XMinioServerNotInitialized'), 'unheard'],
    ['502 of a proxy', answered(502), 'unheard'],
    ['503 SlowDown', answered(503, 'SlowDown'), 'busy'],
    ['200 with NoSuchUpload, which the SDK makes a 503', answered(503, 'NoSuchUpload'), 'refused'],
    ['501', answered(501, 'NotImplemented'), 'refused'],
    ['403', answered(403, 'AccessDenied'), 'refused'],
    ['412', answered(412), 'refused'],
    ['429', answered(429), 'busy'],
    ['a clock that is wrong', answered(403, 'RequestTimeTooSkewed'), 'mismatched'],
    ['a token that has expired', answered(400, 'ExpiredToken'), 'expired'],
    ['a bug', new TypeError('x is not a function'), 'refused'],
  ] as const)('%s', (_, error, trouble) => {
    expect(troubleOf(error)).toBe(trouble);
  });
});

describe('etagOfParts', () => {
  // The example of Cloudflare's documentation.
  it('is what the store will call them', () => {
    const parts = ['"bce6bf66aeb76c7040fdd5f4eccb78e6"', '8165449fc15bbf43d3b674595cbcc406'];
    expect(etagOfParts(parts)).toBe('f77dc0eecdebcd774a2a22cb393ad2ff-2');
  });

  it('is unknown where the parts’ tags are no MD5s', () => {
    expect(etagOfParts(['"AKlJIZfgRVOQwS2U"'])).toBe('');
  });
});

describe('credentials', () => {
  const { accessKeyId, secretAccessKey } = credentials;
  it.each([
    [{ accessKeyId: 'key\n', secretAccessKey }, 'access key', 'an end of a line'],
    [{ accessKeyId: '\ufeffkey', secretAccessKey }, 'access key', 'a space'],
    [{ accessKeyId, secretAccessKey: 'secret\r' }, 'secret', 'a carriage return'],
    [{ accessKeyId, secretAccessKey: 'secret ' }, 'secret', 'a space'],
    [{ accessKeyId, secretAccessKey: '"secret"' }, 'secret', 'a quotation mark'],
    [{ accessKeyId, secretAccessKey, sessionToken: 'a\u200bb' }, 'session token', 'not seen'],
  ])('that hold what no key has are not sent: %j', async (copied, which, kind) => {
    const store = createS3Store({
      bucket: 'vault',
      endpoint: 'http://127.0.0.1:1',
      region: 'x',
      credentials: copied,
    });
    const said = await store.readText('a/key').catch((error: unknown) => error);
    expect(said).toMatchObject({ code: 'CREDENTIALS_REFUSED', found: expect.stringContaining(kind) });
    expect((said as Error).message).toContain(`the ${which} of these credentials is not whole`);
  });
});
