import { once } from 'node:events';
import type { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { content, key, patience, stubForEach } from '../fixtures/s3-faults.ts';
import type { StubRules } from '../fixtures/s3-stub-bucket.ts';

const bytes = content(200_000);
const hasty = { ...patience, readSilenceMs: 60 };

async function bytesOf(body: Readable | undefined): Promise<Buffer> {
  return Buffer.concat(await (body as Readable).toArray());
}

async function read(store: ArchiveStore): Promise<Buffer> {
  return bytesOf((await store.open(key))?.body);
}

describe.each<[string, StubRules]>([
  ['with versions', {}],
  ['without versions', { namesNoVersions: true }],
])('reading from a bucket %s', (_, rules) => {
  const bench = stubForEach(rules);
  const put = () => bench.stub.bucket.put(key, bytes, {});

  it('goes on from the byte reached, wherever and however often the body is cut', async () => {
    put();
    const cuts = fc.array(fc.nat({ max: 90_000 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(cuts, async (offsets) => {
        const done = bench.stub.count('get');
        offsets.forEach((cutBodyAt, index) => {
          bench.stub.fail('get', done + 1 + index, { cutBodyAt });
        });
        expect((await read(bench.store())).equals(bytes)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('goes on where the server falls silent in the middle', async () => {
    put();
    bench.stub.fail('get', [1, 2], { cutBodyAt: 50_000, goesSilent: true });
    // On a busy machine the whole answer may come late, too: what counts is where each of the first begins.
    const patient = { ...patience, readSilenceMs: 1000 };
    expect((await read(bench.store({ patience: patient }))).equals(bytes)).toBe(true);
    const begins = bench.stub.requests.map(({ headers }) => Number(/\d+/.exec(headers.range ?? '0')));
    expect(begins.slice(0, 3)).toEqual([0, 50_000, 100_000]);
  });

  it('gives a range, though the connection is cut within', async () => {
    const { etag, versionId } = put();
    bench.stub.fail('get', 1, { cutBodyAt: 1000 });
    const range = { etag, versionId: rules.namesNoVersions ? null : versionId, from: 77_777, to: 99_999 };
    const found = await bytesOf(await bench.store().openRange(key, range));
    expect(found.equals(bytes.subarray(77_777, 99_999))).toBe(true);
    expect(bench.stub.count('get')).toBe(2);
  });

  it('gives no other bytes than those it began with', async () => {
    put();
    bench.stub.fail('get', 1, { cutBodyAt: 1000 });
    const opened = await bench.store().open(key);
    const { versionId } = bench.stub.bucket.put(key, content(200_001), {});
    bench.stub.bucket.versions.delete(rules.namesNoVersions ? versionId : 'v1');
    await expect(bytesOf(opened?.body)).rejects.toMatchObject({ code: 'ARCHIVE_CHANGED', exitCode: 5 });
  });

  it('gives up a body that brings nothing any more, and says how far it came', async () => {
    put();
    bench.stub.fail('get', 1, { cutBodyAt: 1234 });
    bench.stub.fail('get', [2, 1e6], { cutBodyAt: 0 });
    await expect(read(bench.store())).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      exitCode: 4,
      found: expect.stringContaining('(after 1234 of 200000 bytes)'),
    });
  });

  it('lets go of a silent server with its reader', async () => {
    put();
    bench.stub.fail('get', 1, { cutBodyAt: 10, goesSilent: true });
    const { body } = (await bench.store().open(key)) as { body: Readable };
    await once(body, 'readable');
    const closed = once(body, 'close');
    body.destroy();
    await closed;
    // The stub ends only when no connection is left open by it: see afterEach.
  });
});

describe('reading', () => {
  const bench = stubForEach();

  it.each<[string, (store: ArchiveStore) => Promise<unknown>]>([
    ['list', (store) => Array.fromAsync(store.list('archives/'))],
    ['folders', (store) => store.folders('archives/')],
    ['readText', (store) => store.readText(key)],
    ['open', (store) => store.open(key)],
  ])('a server that never answers ends %s, as unreachable', async (_, ask) => {
    for (const kind of ['get', 'list'] as const) bench.stub.fail(kind, [1, 1e6], { silence: true });
    await expect(ask(bench.store({ patience: hasty }))).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      exitCode: 4,
    });
  });
});

describe('reading from a store that knows no ranges', () => {
  const bench = stubForEach({ ignoresRange: true });

  it('never takes the beginning for the rest', async () => {
    bench.stub.bucket.put(key, bytes, {});
    bench.stub.fail('get', 1, { cutBodyAt: 1000 });
    await expect(read(bench.store())).rejects.toMatchObject({
      code: 'STORE_FAILED',
      found: expect.stringContaining('without the bytes from 1000 on'),
    });
  });
});
