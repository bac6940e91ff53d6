import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { backup } from '../../lib/backup/backup.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { verify } from '../../lib/verify/verify.ts';
import { smallDump } from '../fixtures/archives.ts';
import { hopeless, inParts, stubForEach } from '../fixtures/s3-faults.ts';

const takenAt = new Date('2026-11-23T03:15:00Z');
/** Random names, so that it stays several parts long when compressed. */
const dump = Buffer.from(smallDump(4000).replaceAll(/name \d+/g, () => randomBytes(40).toString('hex')));

async function* dumped(text = dump): AsyncGenerator<Buffer> {
  yield text;
}

/** The same store with parts of a length that suits the test. */
function cut(store: ArchiveStore, partBytes = inParts.partBytes): ArchiveStore {
  const upload: ArchiveStore['upload'] = (key, chunks, options) =>
    store.upload(key, chunks, { ...options, partBytes });
  return { ...store, upload };
}

function take(store: ArchiveStore, options: Partial<Parameters<typeof backup>[0]> = {}): Promise<Manifest> {
  return backup({ source: 'bitagent', dump: () => dumped(), store, now: () => takenAt, ...options });
}

const verdictOf = async (store: ArchiveStore, { id }: Pick<Manifest, 'id'>) =>
  (await verify({ store, id: parseArchiveId(id), now: () => takenAt })).verdict;

describe('S3: a whole back-up', () => {
  const bench = stubForEach();
  const archived = 'archive + manifest';

  it('none: the store has the manifest’s CRC-32 for the whole archive', async () => {
    const manifest = await take(cut(bench.store()));
    const object = bench.stub.bucket.objects.get(archiveKeys(parseArchiveId(manifest.id)).archive);
    expect(Buffer.from(object?.crc32 ?? '', 'base64').toString('hex')).toBe(manifest.crc32);
    expect(manifest).toMatchObject({ etag: object?.etag, versionId: object?.versionId });
    expect(bench.stub.count('part')).toBeGreaterThan(1);
    expect(await verdictOf(bench.store(), manifest)).toBe('intact');
    expect(bench.stub.holds()).toBe(archived);
  });

  it.each([
    ['ahead of', 3_600_000],
    ['behind', -3_600_000],
  ])('a clock that is %s the store’s by an hour is in the manifest', async (_, aheadMs) => {
    bench.stub.behindMs = aheadMs;
    const manifest = await take(bench.store());
    expect(Math.abs((manifest.clockAheadMs ?? 0) - aheadMs)).toBeLessThan(60_000);
    expect(await verdictOf(bench.store(), manifest)).toBe('intact');
  });

  it('a clock that is right is not spoken of', async () => {
    expect(await take(bench.store())).not.toHaveProperty('clockAheadMs');
  });

  it('Complete carried out, its answer lost: the archive without a named version is intact', async () => {
    bench.stub.fail('complete', 1, { reset: 'after' });
    const manifest = await take(cut(bench.store()));
    expect(manifest.versionId).toBeNull();
    expect(await verdictOf(bench.store(), manifest)).toBe('intact');
    expect(bench.stub.holds()).toBe(archived);
  });

  it('archive in one piece stored, its answer lost', async () => {
    bench.stub.fail('put', 1, { reset: 'after' });
    const manifest = await take(bench.store());
    expect(await verdictOf(bench.store(), manifest)).toBe('intact');
    expect(bench.stub.holds()).toBe(archived);
  });

  it.each(['aws', 'minio'] as const)('manifest stored, its answer lost (%s)', async (provider) => {
    bench.stub.fail('put', 2, { reset: 'after' });
    const manifest = await take(bench.store({ provider }));
    expect(bench.stub.count('put')).toBe(3);
    expect(await verdictOf(bench.store(), manifest)).toBe('intact');
    expect(bench.stub.holds()).toBe(archived);
  });

  it('manifest refused: another has it', async () => {
    const { id } = await take(bench.store());
    bench.stub.bucket.objects.delete(archiveKeys(parseArchiveId(id)).archive);
    await expect(take(bench.store())).rejects.toMatchObject({
      code: 'ARCHIVE_EXISTS',
      message: expect.stringContaining('not its manifest'),
    });
    expect(bench.stub.count('put')).toBe(4);
  });

  it('manifest refused: the archive does not count, and the error says so', async () => {
    bench.stub.fail('put', [2, 1e6], { refuse: [403, 'AccessDenied'] });
    await expect(take(bench.store())).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      message: expect.stringContaining('it does not count'),
    });
    expect(bench.stub.holds()).toBe('archive');
  });

  it('manifest stored, its answer lost, and the network gone for good: nobody knows, and the error says so', async () => {
    bench.stub.fail('put', 2, { reset: 'after', afterwards: () => void bench.stub.disconnect() });
    await expect(take(bench.store({ patience: hopeless }))).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      message: expect.stringContaining('whether its manifest is'),
    });
    expect(bench.stub.holds()).toBe(archived);
  });

  it.each([
    ['in one piece', (store: ArchiveStore) => store],
    ['in parts', (store: ArchiveStore) => cut(store)],
  ])('two agents at once (%s): one wins, the other says so', async (_, shaped) => {
    const other = Buffer.from(smallDump(3000));
    const runs = await Promise.allSettled([
      take(shaped(bench.store())),
      take(shaped(bench.store()), { dump: () => dumped(other) }),
    ]);
    const won = runs.filter((run) => run.status === 'fulfilled');
    const lost = runs.filter((run) => run.status === 'rejected');
    expect([won.length, lost.length]).toEqual([1, 1]);
    expect(lost[0]?.reason).toMatchObject({ code: 'ARCHIVE_EXISTS', exitCode: 4 });
    expect(await verdictOf(bench.store(), won[0]?.value as Manifest)).toBe('intact');
    expect(bench.stub.holds()).toBe(archived);
  });

  it('the archive outgrows its parts: fails, or begins again where that is allowed', async () => {
    const real = bench.store({ provider: 'scaleway' });
    // 1,000 parts of 50 bytes, until more is expected.
    const store: ArchiveStore = {
      ...real,
      upload: (key, chunks, options) =>
        real.upload(key, chunks, {
          ...options,
          ...(options.expectedBytes === undefined ? { partBytes: 50 } : {}),
        }),
    };
    await expect(take(store)).rejects.toMatchObject({
      code: 'ARCHIVE_TOO_LARGE',
      hint: expect.stringContaining('--expected-size'),
    });
    expect(bench.stub.holds()).toBe('nothing');
    const manifest = await take(store, { startOver: true });
    expect(await verdictOf(bench.store(), manifest)).toBe('intact');
    expect(bench.stub.holds()).toBe(archived);
  });
});

describe('S3: two agents at a store that overwrites on Complete (Ceph 18)', () => {
  const bench = stubForEach({ ignoresConditionOnComplete: true });

  it('the manifest decides, and its archive is intact by its version', async () => {
    const runs = await Promise.allSettled([
      take(cut(bench.store({ provider: 'ceph' }))),
      take(cut(bench.store({ provider: 'ceph' })), {
        dump: () => dumped(Buffer.concat([dump, Buffer.from('\n')])),
      }),
    ]);
    expect(runs.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const [won] = runs.filter((run) => run.status === 'fulfilled');
    expect(bench.stub.count('complete')).toBe(2);
    expect(await verdictOf(bench.store(), won?.value as Manifest)).toBe('intact');
    expect(bench.stub.holds()).toBe('archive + manifest');
  });
});
