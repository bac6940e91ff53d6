import { describe, expect, it } from 'vitest';
import {
  content,
  hopeless,
  impatience,
  inParts,
  key,
  partBytes,
  streamOf,
  stubForEach,
} from '../fixtures/s3-faults.ts';
import type { StubRules } from '../fixtures/s3-stub-bucket.ts';

const fourParts = content(3 * partBytes + 17);
const others = Buffer.from('the archive of another agent');

describe.each<[string, StubRules]>([
  ['answers as the first time (AWS)', { completeAgain: 'same' }],
  ['says 200 and nothing more (Ceph 18)', { completeAgain: 'nameless' }],
  ['says NoSuchUpload', { completeAgain: 'gone' }],
  ['says that the key is taken', { completeAgain: 'taken' }],
])('S3: Complete, at a store that when asked again %s', (_, rules) => {
  const bench = stubForEach(rules);
  const upload = (location?: Parameters<typeof bench.store>[0]) =>
    bench.store(location).upload(key, streamOf(fourParts), inParts);

  it.each([
    ['its answer is lost', { reset: 'after' }],
    ['its answer ends before it begins', { emptyAnswer: true }],
  ] as const)('carried out, but %s', async (_, fault) => {
    bench.stub.fail('complete', 1, fault);
    const stored = await upload();
    const object = bench.stub.bucket.objects.get(key);
    expect(object?.bytes.equals(fourParts)).toBe(true);
    expect(stored.etag).toBe(object?.etag);
    // Nobody said which version it became; the newest is the only one.
    expect(stored.versionId).toBe(rules.completeAgain === 'same' ? object?.versionId : null);
    expect(bench.stub.holds()).toBe('archive');
  });

  it('the request is lost', async () => {
    bench.stub.fail('complete', [1, 2], { reset: 'before' });
    expect((await upload()).versionId).not.toBeNull();
    expect(bench.stub.holds()).toBe('archive');
  });

  it('the request is lost, and another agent takes the key meanwhile', async () => {
    bench.stub.fail('complete', 1, { reset: 'before' });
    bench.stub.fail('complete', 2, { first: () => void bench.stub.bucket.put(key, others, {}) });
    await expect(upload()).rejects.toMatchObject({ code: 'ARCHIVE_EXISTS' });
    expect(bench.stub.bucket.objects.get(key)?.bytes).toBe(others);
    expect(bench.stub.holds()).toBe('archive');
  });
});

describe('S3: Complete', () => {
  const bench = stubForEach();
  const upload = (location?: Parameters<typeof bench.store>[0]) =>
    bench.store(location).upload(key, streamOf(fourParts), inParts);

  it('refused: another agent has taken the key', async () => {
    bench.stub.bucket.put(key, others, {});
    await expect(upload()).rejects.toMatchObject({ code: 'ARCHIVE_EXISTS', exitCode: 4 });
    expect(bench.stub.bucket.objects.get(key)?.bytes).toBe(others);
    expect(bench.stub.holds()).toBe('archive');
    expect(bench.stub.count('complete')).toBe(1);
  });

  it('NoSuchUpload to the first attempt: not ours, a failure', async () => {
    bench.stub.fail('complete', 1, { first: () => bench.stub.bucket.uploads.clear() });
    await expect(upload()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(bench.stub.holds()).toBe('nothing');
  });

  it('NoSuchUpload after an attempt that was refused: still a failure', async () => {
    bench.stub.fail('complete', 1, { refuse: [503, 'SlowDown'] });
    bench.stub.fail('complete', 2, { first: () => bench.stub.bucket.uploads.clear() });
    await expect(upload()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(bench.stub.holds()).toBe('nothing');
  });

  it.each(['InternalError', 'SlowDown'])('200 with %s in the body, then done', async (code) => {
    bench.stub.fail('complete', [1, 3], { errorIn200: code });
    await upload();
    expect(bench.stub.bucket.objects.get(key)?.bytes.equals(fourParts)).toBe(true);
    expect(bench.stub.count('complete')).toBe(4);
    expect(bench.stub.holds()).toBe('archive');
  });

  it('200 with InternalError in the body, without end', async () => {
    bench.stub.fail('complete', [1, 1e6], { errorIn200: 'InternalError' });
    await expect(upload({ patience: impatience })).rejects.toMatchObject({
      code: 'STORE_FAILED',
      hint: expect.stringContaining('may be there all the same, without manifest'),
    });
    expect(bench.stub.holds()).toBe('nothing');
  });

  it('200 with a refusal in the body', async () => {
    bench.stub.fail('complete', 1, { errorIn200: 'InvalidPart' });
    await expect(upload()).rejects.toMatchObject({ found: expect.stringContaining('InvalidPart') });
    expect(bench.stub.count('complete')).toBe(1);
    expect(bench.stub.holds()).toBe('nothing');
  });

  it('409 ConditionalRequestConflict while another agent completes', async () => {
    bench.stub.fail('complete', 1, { refuse: [409, 'ConditionalRequestConflict'] });
    bench.stub.fail('complete', 2, { first: () => void bench.stub.bucket.put(key, others, {}) });
    await expect(upload()).rejects.toMatchObject({ code: 'ARCHIVE_EXISTS' });
    expect(bench.stub.holds()).toBe('archive');
  });

  it('carried out, its answer lost, and the network gone for good', async () => {
    bench.stub.fail('complete', 1, { reset: 'after', afterwards: () => void bench.stub.disconnect() });
    await expect(upload({ patience: hopeless })).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      hint: expect.stringContaining('may be there all the same, without manifest'),
    });
    expect(bench.stub.holds()).toBe('archive');
  });
});
