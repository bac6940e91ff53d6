import { describe, expect, it } from 'vitest';
import {
  content,
  impatience,
  inParts,
  key,
  partBytes,
  patience,
  streamOf,
  stubForEach,
} from '../fixtures/s3-faults.ts';

const tenParts = content(9 * partBytes + 4711);

describe('S3: parts', () => {
  const bench = stubForEach({ minPartBytes: partBytes, equalParts: true });
  const upload = (location?: Parameters<typeof bench.store>[0]) =>
    bench.store(location).upload(key, streamOf(tenParts), inParts);
  const expectWhole = () => {
    expect([...bench.stub.bucket.objects.keys()]).toEqual([key]);
    expect(bench.stub.bucket.objects.get(key)?.bytes.equals(tenParts)).toBe(true);
    expect(bench.stub.bucket.uploads.size).toBe(0);
  };
  const expectNothing = () => {
    expect(bench.stub.holds()).toBe('nothing');
  };

  it('none: ten equal parts, and the whole object’s CRC-32 kept by the store', async () => {
    const stored = await upload();
    expectWhole();
    const { etag, versionId, crc32 } = bench.stub.bucket.objects.get(key) ?? {};
    expect(stored).toEqual({ etag, versionId });
    expect(crc32).toMatch(/^[\w+/]{6}==$/);
    expect(bench.stub.count('part')).toBe(10);
  });

  it.each([
    ['500 InternalError', { refuse: [500, 'InternalError'] }],
    ['503 SlowDown', { refuse: [503, 'SlowDown'] }],
    ['503 of a proxy, without a code', { refuse: [503, ''] }],
    ['429', { refuse: [429, 'TooManyRequests'] }],
    ['400 RequestTimeout', { refuse: [400, 'RequestTimeout'] }],
  ] as const)('a burst of %s on every kind of request', async (_, fault) => {
    bench.stub.fail('begin', [1, 3], fault);
    bench.stub.fail('part', [4, 11], fault);
    bench.stub.fail('complete', [1, 3], fault);
    await upload();
    expectWhole();
    expect(bench.stub.count('part')).toBe(18);
  });

  it('500 without end: given up', async () => {
    bench.stub.fail('part', [5, 1e6], { refuse: [500, 'InternalError'] });
    // Long enough for a second try on a machine that does other things.
    await expect(upload({ patience: { ...impatience, troubleMs: 1500 } })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      exitCode: 4,
      found: expect.stringMatching(/InternalError.*tried \d+ times in/),
    });
    expectNothing();
  });

  it('connection reset in the middle of a part', async () => {
    bench.stub.fail('part', [2, 4], { reset: 'before' });
    await upload();
    expectWhole();
  });

  it('part stored, its answer lost', async () => {
    bench.stub.fail('part', [1, 3], { reset: 'after' });
    await upload();
    expectWhole();
  });

  it('one part slower than all others together', async () => {
    bench.stub.fail('part', 2, { delayMs: 300 });
    await upload();
    expectWhole();
    expect(bench.stub.count('part')).toBe(10);
  });

  it('a part that is never answered, on a connection that stays open', async () => {
    bench.stub.fail('part', 2, { silence: true });
    // Longer than a busy machine may take to answer the others.
    await upload({ patience: { ...patience, silenceMs: 1000 } });
    expectWhole();
    expect(bench.stub.count('part')).toBe(11);
  });

  it.each(['aws', 'r2', 'b2', 'wasabi', 'scaleway', 'minio', 'ceph', 'other'] as const)(
    'a bit of a part flips on its way (%s)',
    async (provider) => {
      bench.stub.fail('part', 3, { flipBit: true });
      await upload({ provider });
      expectWhole();
      expect(bench.stub.count('part')).toBe(11);
    },
  );

  it('a bit of a part flips each time it is sent', async () => {
    bench.stub.fail('part', [3, 1e6], { flipBit: true });
    await expect(upload()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      found: expect.stringContaining('BadDigest'),
      hint: expect.stringContaining('checksums'),
    });
    expectNothing();
  });

  it('a bit flips in the store after the part was acknowledged', async () => {
    bench.stub.fail('complete', [1, 1e6], {
      first() {
        for (const { parts } of bench.stub.bucket.uploads.values()) parts.get(4)?.bytes.write('x', 7);
      },
    });
    await expect(upload()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      found: expect.stringContaining("whole object's CRC-32"),
    });
    expectNothing();
  });

  it('the upload is aborted by somebody else', async () => {
    bench.stub.fail('part', 5, { first: () => bench.stub.bucket.uploads.clear() });
    await expect(upload()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      hint: expect.stringContaining('somebody else aborted it'),
    });
    expectNothing();
  });

  it('the answer to CreateMultipartUpload is lost: the upload that nobody knows stays for the lifecycle rule', async () => {
    bench.stub.fail('begin', 1, { reset: 'after' });
    await upload();
    expect(bench.stub.holds()).toBe('archive, 1 unfinished upload');
    expect([...bench.stub.bucket.uploads.values()][0]?.parts.size).toBe(0);
  });

  it('interrupted while a part is on its way', async () => {
    const interruption = new AbortController();
    const reason = new Error('SIGTERM');
    bench.stub.fail('part', 2, { silence: true });
    bench.stub.fail('part', 3, { first: () => interruption.abort(reason) });
    const uploading = bench
      .store()
      .upload(key, streamOf(tenParts), { ...inParts, signal: interruption.signal });
    await expect(uploading).rejects.toBe(reason);
    expectNothing();
  });

  it('a part fails while the dump gives nothing: not waited for', async () => {
    bench.stub.fail('part', 1, { refuse: [403, 'AccessDenied'] });
    const hanging = (async function* () {
      yield content(2 * partBytes);
      await new Promise(() => undefined);
    })();
    await expect(bench.store().upload(key, hanging, inParts)).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
    });
    expectNothing();
  });

  it('the dump dies after some parts', async () => {
    const dying = (async function* () {
      yield* streamOf(tenParts);
      throw new Error('the dump died');
    })();
    await expect(bench.store().upload(key, dying, inParts)).rejects.toThrow('the dump died');
    expectNothing();
  });
});

describe('S3: more parts than the store takes', () => {
  const bench = stubForEach({ maxParts: 1000 });
  const thousand = content(1_024_000);
  const small = { partBytes: 1024, partsInFlight: 3 };
  const upload = (bytes: Buffer) => bench.store({ provider: 'scaleway' }).upload(key, streamOf(bytes), small);

  it('as many as it takes, to the byte', async () => {
    await upload(thousand);
    expect(bench.stub.bucket.objects.get(key)?.bytes.equals(thousand)).toBe(true);
  });

  it('a byte more fails before it is refused, and names the size to ask for', async () => {
    await expect(upload(Buffer.concat([thousand, Buffer.of(1)]))).rejects.toMatchObject({
      code: 'ARCHIVE_TOO_LARGE',
      exitCode: 4,
      hint: expect.stringContaining('--expected-size 1GiB'),
    });
    expect(bench.stub.count('part')).toBeLessThanOrEqual(1000);
    expect(bench.stub.holds()).toBe('nothing');
  });
});
