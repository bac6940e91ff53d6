// What every archive store must do, whatever server it talks to. Looks at the store through another client than the
// one under test.

import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { createS3Store, type S3Location } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';

/** What a server is known to lack; each is a fact about the server, not about the store under test. */
export type Capabilities = {
  readonly createOnly: boolean;
  readonly listsUploads: boolean;
  readonly versions: boolean;
  /** Whether the end of a multipart upload is answered with its version; default: yes. */
  readonly namesVersionOfParts?: boolean;
};

const partBytes = 5 * 1024 * 1024;
const options = { partBytes, partsInFlight: 3 };

/** Defines the contract's tests; the environment leads the SDK to the server. */
export function describeArchiveStore(
  bucket: string,
  can: Capabilities,
  provider?: S3Location['provider'],
): void {
  const store = (): ArchiveStore => createS3Store({ bucket, provider });
  const client = () => new S3Client({ forcePathStyle: true });
  const keysUnder = async (prefix: string) =>
    ((await client().send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }))).Contents ?? []).map(
      ({ Key }) => Key,
    );
  const bytesOf = async (key: string) => {
    const { Body } = await client().send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };
  const unfinished = async () =>
    (await client().send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? [];

  it.each([
    ['nothing much', 10, 3],
    ['one part exactly', partBytes, 65_536],
    ['one part and a byte', partBytes + 1, 65_536],
    ['many parts in odd chunks', 3 * partBytes + 12_345, 777_777],
    ['chunks larger than parts', 3 * partBytes, 2 * partBytes + 1],
  ])('uploads %s, byte for byte', async (name, bytes, chunkBytes) => {
    const key = `upload/${name.replaceAll(' ', '-')}`;
    const content = patterned(bytes);
    const stored = await store().upload(key, chunksOf(content, chunkBytes), options);
    expect(stored.etag).not.toBe('');
    expect((await bytesOf(key)).equals(content)).toBe(true);
    const isNamed = bytes <= partBytes || can.namesVersionOfParts !== false;
    expect(stored.versionId !== null).toBe(can.versions && isNamed);
  });

  it.each([
    ['before the first byte', 0],
    ['within the first part', 1000],
    ['at a part’s end', partBytes],
    ['after some parts', 3 * partBytes + 5],
  ])('leaves no object and no upload when the source fails %s', async (name, failAt) => {
    const key = `failed/${name.replaceAll(' ', '-')}`;
    const failing = failingAfter(patterned(failAt), 100_000, new Error('the dump died'));
    await expect(store().upload(key, failing, options)).rejects.toThrow('the dump died');
    expect(await keysUnder('failed/')).toEqual([]);
    if (can.listsUploads) expect(await unfinished()).toEqual([]);
  });

  it('leaves no object and no upload when it is aborted', async () => {
    const abort = new AbortController();
    const reason = new Error('stop');
    const endless = (async function* () {
      for (let given = 0; ; given += 1) {
        if (given === 30) abort.abort(reason);
        yield patterned(500_000);
      }
    })();
    await expect(store().upload('aborted/x', endless, { ...options, signal: abort.signal })).rejects.toBe(
      reason,
    );
    expect(await keysUnder('aborted/')).toEqual([]);
    if (can.listsUploads) expect(await unfinished()).toEqual([]);
  });

  it('creates what is not there, and leaves alone what is', async () => {
    await store().create('created.json', 'one');
    if (can.createOnly) {
      await expect(store().create('created.json', 'two')).rejects.toMatchObject({ code: 'ARCHIVE_EXISTS' });
      await expect(
        store().upload('created.json', chunksOf(patterned(6 * 1024 * 1024), 65_536), options),
      ).rejects.toMatchObject({
        code: 'ARCHIVE_EXISTS',
      });
    }
    expect((await bytesOf('created.json')).toString()).toBe('one');
    await store().write('created.json', 'three');
    expect((await bytesOf('created.json')).toString()).toBe('three');
  });

  it('lists with bytes and entity tags, and finds folders', async () => {
    const { etag } = await store().create('list/a/1.json', 'x');
    await store().create('list/b/2.json', 'größer');
    const listed = await Array.fromAsync(store().list('list/'));
    expect(listed.map(({ key, bytes }) => [key, bytes])).toEqual([
      ['list/a/1.json', 1],
      ['list/b/2.json', 8],
    ]);
    expect(listed[0]?.etag).toBe(etag);
    expect(await store().folders('list/')).toEqual(['a', 'b']);
    expect(await Array.fromAsync(store().list('nothing/'))).toEqual([]);
    expect((await store().readText('list/b/2.json'))?.text).toBe('größer');
  });

  // moto takes 10 s for a thousand writes; paging is the client's part.
  it.skipIf(can.versions)('lists more than one page', async () => {
    const keys = Array.from({ length: 1005 }, (_, index) => `pages/${String(index).padStart(4, '0')}`);
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => store().create(key, 'x')));
    }
    const listed = await Array.fromAsync(store().list('pages/'));
    expect(listed.map(({ key }) => key)).toEqual(keys);
  });

  it('gives undefined for what is not there, and deletes it without complaint', async () => {
    expect(await store().open('absent')).toBeUndefined();
    expect(await store().readText('absent')).toBeUndefined();
    await store().delete('absent');
    await store().create('deleted', 'x');
    await store().delete('deleted');
    expect(await store().open('deleted')).toBeUndefined();
  });

  it.runIf(can.versions)('opens the version that is named', async () => {
    const first = await store().write('versioned', 'one');
    const second = await store().write('versioned', 'two');
    expect(first.versionId).not.toBe(second.versionId);
    const opened = await store().open('versioned', first.versionId);
    expect(Buffer.concat((await opened?.body.toArray()) ?? []).toString()).toBe('one');
    expect(opened?.versionId).toBe(first.versionId);
    await store().delete('versioned');
    expect(await store().open('versioned')).toBeUndefined();
    expect(await store().open('versioned', second.versionId)).toBeDefined();
  });

  it('opens a stretch of the bytes that are meant, and of no others', async () => {
    const { etag, versionId } = await store().write('ranged', '0123456789');
    const stretch = async (from: number, to?: number, key = 'ranged') => {
      const body = await store().openRange(key, { versionId, etag, from, to });
      return body && Buffer.concat(await body.toArray()).toString();
    };
    expect(await stretch(0, 3)).toBe('012');
    expect(await stretch(3, 4)).toBe('3');
    expect(await stretch(8, 20)).toBe('89');
    expect(await stretch(4)).toBe('456789');
    expect(await stretch(10)).toBe('');
    expect(await stretch(10, 12)).toBe('');
    expect(await stretch(0, 3, 'absent')).toBeUndefined();
    await store().write('ranged', 'abcdefghij');
    if (can.versions) expect(await stretch(0, 3)).toBe('012');
    else await expect(stretch(0, 3)).rejects.toMatchObject({ code: 'ARCHIVE_CHANGED' });
  });

  it('says which bucket is missing', async () => {
    const elsewhere = createS3Store({ bucket: 'no-such-bucket-here', provider });
    const missing = { code: 'BUCKET_MISSING', exitCode: 4 };
    await expect(elsewhere.create('x', 'y')).rejects.toMatchObject(missing);
    await expect(Array.fromAsync(elsewhere.list(''))).rejects.toMatchObject(missing);
    await expect(elsewhere.open('x')).rejects.toMatchObject(missing);
    await expect(elsewhere.upload('x', chunksOf(patterned(10), 10), options)).rejects.toMatchObject(missing);
  });
}

/** Makes a bucket that keeps no versions. */
export async function createBucket(bucket: string): Promise<void> {
  await new S3Client({ forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: bucket }));
}

function patterned(bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  for (let index = 0; index < bytes; index += 1) content[index] = (index * 31 + (index >> 8)) & 0xff;
  return content;
}

async function* chunksOf(content: Buffer, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += chunkBytes) yield content.subarray(at, at + chunkBytes);
}

async function* failingAfter(content: Buffer, chunkBytes: number, error: Error): AsyncGenerator<Buffer> {
  yield* chunksOf(content, chunkBytes);
  throw error;
}
