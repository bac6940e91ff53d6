// Archives verified by one reader and in ranges, over a real store: the same verdict, the same reasons, the same mails.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { type ArchiveId, archiveKeys } from '../../lib/archive/names.ts';
import { verdictSchema } from '../../lib/archive/verdict.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { verify } from '../../lib/verify/verify.ts';
import { smallDump } from '../fixtures/archives.ts';
import { hostile } from '../fixtures/hostile-dump.ts';
import { storeInMembers, substance, verifyInRanges } from '../fixtures/large-archive.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let store: ArchiveStore;
let source: string;
let cases = 0;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
});
beforeEach(() => {
  cases += 1;
  source = `case${cases}`;
});
afterAll(() => aws.stop());

const whole = Buffer.from(smallDump(400));
const flip = (at: number) => (file: Buffer) => {
  const bytes = Buffer.from(file);
  const where = Math.floor(at * bytes.length);
  bytes[where] = (bytes[where] as number) ^ 4;
  return bytes;
};

async function bothWays({ id, manifest }: { id: ArchiveId; manifest: Manifest }) {
  const alone = await verify({ store, id, now: () => new Date() });
  const mails: unknown[] = [];
  const together = await verifyInRanges(store, manifest, mails);
  expect(substance(together.verdict)).toEqual(substance(alone));
  const stored = await store.readText(archiveKeys(id).verdict);
  expect(verdictSchema.parse(JSON.parse(stored?.text ?? ''))).toEqual(together.verdict);
  expect(together.verdict.rangeReaders).toBe(together.ranges);
  expect(together.isNew).toBe(true);
  expect(mails).toHaveLength(together.verdict.verdict === 'intact' ? 0 : 1);
  expect(await verifyInRanges(store, manifest, mails)).toMatchObject({ isNew: false });
  expect(mails).toHaveLength(together.verdict.verdict === 'intact' ? 0 : 1);
  return { ...together, kind: together.verdict.verdict };
}

describe('an archive, read whole and in ranges', () => {
  it('is intact', async () => {
    const { kind, ranges, again } = await bothWays(await storeInMembers(store, source, whole));
    expect(kind).toBe('intact');
    expect(ranges).toBeGreaterThan(4);
    // What follows the rows is cut by no seam here; where one does, it is read again.
    expect(again.length).toBeLessThan(ranges);
  });

  it('is intact where hostile statements and rows lie across the seams, which are read again one by one', async () => {
    const { kind, again } = await bothWays(await storeInMembers(store, source, Buffer.from(hostile)));
    expect(kind).toBe('intact');
    expect(again.length).toBeGreaterThan(1);
    expect(again).toEqual(again.toSorted((one, other) => one - other));
  });

  it.each([0, 0.1, 0.35, 0.5, 0.75, 0.99])('is damaged by a bit flipped at %d', async (at) => {
    expect((await bothWays(await storeInMembers(store, source, whole, flip(at)))).kind).toBe('damaged');
  });

  it.each([
    ['cut', (file: Buffer) => file.subarray(0, 0.6 * file.length)],
    ['empty', () => Buffer.alloc(0)],
    ['followed by garbage', (file: Buffer) => Buffer.concat([file, Buffer.from('garbage')])],
    ['followed by zeros', (file: Buffer) => Buffer.concat([file, Buffer.alloc(99)])],
    ['twice there', (file: Buffer) => Buffer.concat([file, file])],
  ])('is damaged when it is %s', async (_, harm) => {
    expect((await bothWays(await storeInMembers(store, source, whole, harm))).kind).toBe('damaged');
  });

  it('is damaged when its bytes are others than those that were summed, though every member is whole', async () => {
    // The operating system in a member's header: no sum but that of the file knows of it.
    const other = (file: Buffer) => Buffer.from(file).fill(7, 9, 10);
    const { verdict } = await bothWays(await storeInMembers(store, source, whole, other));
    expect(verdict).toMatchObject({ verdict: 'damaged', deviations: [{ what: 'CRC-32' }] });
  });

  it('is incomplete when the dump in it was cut, in rows or in statements', async () => {
    for (const bytes of [0.5, 0.99]) {
      source += 'x';
      const cut = await storeInMembers(store, source, whole.subarray(0, bytes * whole.length));
      expect((await bothWays(cut)).kind).toBe('incomplete');
    }
  });

  it('is suspicious when it holds no torrents', async () => {
    const empty = smallDump(0).replace(
      'COPY',
      `COPY public.others (a) FROM stdin;\n${'1\n'.repeat(2000)}\\.\n\nCOPY`,
    );
    expect((await bothWays(await storeInMembers(store, source, Buffer.from(empty)))).kind).toBe('suspicious');
  });

  it('is missing when it was deleted after its ranges were planned', async () => {
    const { id, manifest } = await storeInMembers(store, source, whole);
    await store.delete(archiveKeys(id).archive);
    expect((await bothWays({ id, manifest })).kind).toBe('missing');
  });

  it('is not judged when it was overwritten after its ranges were planned', async () => {
    const { id, manifest } = await storeInMembers(store, source, whole);
    await store.write(archiveKeys(id).archive, 'others');
    await expect(verifyInRanges(store, manifest)).rejects.toMatchObject({ code: 'ARCHIVE_CHANGED' });
    expect(await store.readText(archiveKeys(id).verdict)).toBeUndefined();
  });
});
