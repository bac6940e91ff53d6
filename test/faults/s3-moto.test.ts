// Lost answers at a server that somebody else wrote: what it says when it is asked again is its own.

import {
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { backup } from '../../lib/backup/backup.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { verify } from '../../lib/verify/verify.ts';
import { smallDump } from '../fixtures/archives.ts';
import { type LossyProxy, startLossyProxy } from '../fixtures/lossy-proxy.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { content, patience, streamOf } from '../fixtures/s3-faults.ts';
import { createBucket } from '../store/store.contract.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH');

const bucket = 'vault';
const inParts = { partBytes: 5 * 1024 * 1024, partsInFlight: 2 };
const bytes = content(inParts.partBytes * 2 + 4711);

describe.skipIf(!hasMoto)('S3: lost answers at moto', () => {
  let moto: Moto;
  let proxy: LossyProxy;
  let key = '';

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
    await createBucket(bucket);
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client().send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  });
  afterAll(() => moto.stop());
  afterEach(async ({ task }) => {
    const { Uploads = [] } = await client().send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
    task.meta.holds = key;
    await proxy?.stop();
  });

  const client = () => new S3Client({ forcePathStyle: true });
  const storeThatLoses = async (loses: Parameters<typeof startLossyProxy>[1]) => {
    proxy = await startLossyProxy(moto.endpoint, loses);
    return createS3Store({ bucket, endpoint: proxy.endpoint, provider: 'aws', patience });
  };
  /** Loses the first answer only. */
  const first = (matches: (method: string, url: URL) => boolean) => {
    let lost = false;
    return ({ method = '', url = '/' }: { method?: string; url?: string }) => {
      const isIt = !lost && matches(method, new URL(url, 'http://moto'));
      lost ||= isIt;
      return isIt;
    };
  };

  it('none: moto keeps the CRC-32 of the whole object', async () => {
    key = 'kept';
    const store = await storeThatLoses(() => false);
    const stored = await store.upload(key, streamOf(bytes, 1e6), inParts);
    const head = await client().send(
      new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' }),
    );
    expect(head.ChecksumType).toBe('FULL_OBJECT');
    expect(head.VersionId).toBe(stored.versionId);
    const { Body } = await client().send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true);
  });

  it.each([
    ['a part', 'PUT', 'partNumber'],
    ['Complete', 'POST', 'uploadId'],
  ])('the answer to %s', async (name, method, parameter) => {
    key = `lost-${name.toLowerCase().replace(' ', '-')}`;
    const store = await storeThatLoses(
      first((asked, { searchParams }) => asked === method && searchParams.has(parameter)),
    );
    const stored = await store.upload(key, streamOf(bytes, 1e6), inParts);
    const object = await client().send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    expect(`"${stored.etag}"`).toBe(object.ETag);
    expect(object.ContentLength).toBe(bytes.length);
    expect(proxy.count.get(method)).toBe(method === 'PUT' ? 4 : 3);
  });

  it('the answers to the archive in one piece and to its manifest', async () => {
    const lost = new Set<string>();
    const store = await storeThatLoses(({ method, url = '' }) => {
      if (method !== 'PUT' || lost.has(url)) return false;
      lost.add(url);
      return true;
    });
    async function* dump() {
      yield Buffer.from(smallDump(100));
    }
    const { id } = await backup({ source: 'bitagent', dump, store, now: () => new Date() });
    const archive = parseArchiveId(id);
    key = archiveKeys(archive).manifest;
    expect(lost.size).toBe(2);
    expect(proxy.count.get('PUT')).toBe(4);
    expect(await verify({ store, id: archive, now: () => new Date() })).toMatchObject({ verdict: 'intact' });
  });
});
