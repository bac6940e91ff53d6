// Events as they really come: twice, late, out of order, malformed, from elsewhere. The real handlers against a local S3
// and mailbox; what is compared is what is left in them.

import type { Context } from 'aws-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handler as expire } from '../../lambda/expire.ts';
import { handler as joinRanges } from '../../lambda/join-ranges.ts';
import { handler as readRange } from '../../lambda/read-range.ts';
import { handler as report } from '../../lambda/report.ts';
import { handler as verify } from '../../lambda/verify.ts';
import { handler as watch } from '../../lambda/watch.ts';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { planRanges } from '../../lib/verify/plan.ts';
import { archiveOf, smallDump } from '../fixtures/archives.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { smallLimits, storeInMembers } from '../fixtures/large-archive.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let store: ArchiveStore;
let cases = 0;

const context = { awsRequestId: 'r', functionName: 'f' } as Context;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  setHandlerSettings(aws.bucket, aws.topicArn);
});
afterAll(() => aws.stop());

const created = (key: string, bucket = aws.bucket) => ({
  version: '0',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  detail: { bucket: { name: bucket }, object: { key, size: 1, etag: 'x', sequencer: '1' } },
});

/** Everything in the vault below a source's prefixes, but for when it was judged. */
async function contentsOf(source: string): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const prefix of ['archives', 'verdicts', 'reports', 'watch', 'ranges', 'holds']) {
    for await (const { key, etag } of store.list(`${prefix}/${source}`)) {
      found[key] = key.startsWith('verdicts/') ? await verdictAt(key) : etag;
    }
  }
  return found;
}

async function verdictAt(key: string): Promise<object> {
  const { verifiedAt, durationMs, ...verdict } = JSON.parse((await store.readText(key))?.text ?? '{}');
  return verdict;
}

/** What an archive of each kind leaves, whatever its source is called. */
function kinds(contents: Record<string, unknown>): unknown[] {
  return Object.entries(contents)
    .filter(([key]) => key.startsWith('verdicts/'))
    .map(([key, verdict]) => [key.slice(-23), (verdict as { verdict: string }).verdict]);
}

describe('verify', () => {
  it('leaves the same whatever the order of events, however often and however late they come', async () => {
    const nights = [0, 1, 2, 3].map((night) => new Date(Date.UTC(2026, 10, 20 - night, 3)));
    const order = fc.array(fc.nat(nights.length - 1), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(order, async (events) => {
        cases += 1;
        const source = `order${cases}`;
        const mailsBefore = (await aws.mails()).length;
        const manifests: Manifest[] = [];
        // The second is cut, the third holds nothing: each kind is found once.
        for (const [index, at] of nights.entries()) {
          const dump = smallDump(index === 2 ? 0 : 20);
          manifests.push(await archiveOf(store, source, at, dump));
        }
        const cut = archiveKeys(parseArchiveId((manifests[1] as Manifest).id)).archive;
        await store.write(cut, 'others');
        // Whatever came before, each one comes at least once in the end: EventBridge promises no more.
        for (const index of [...events, 0, 1, 2, 3]) {
          await verify(
            created(archiveKeys(parseArchiveId((manifests[index] as Manifest).id)).manifest),
            context,
          );
        }
        expect(kinds(await contentsOf(source))).toEqual([
          ['2026-11-17-030000Z.json', 'intact'],
          ['2026-11-18-030000Z.json', 'suspicious'],
          ['2026-11-19-030000Z.json', 'damaged'],
          ['2026-11-20-030000Z.json', 'intact'],
        ]);
        // The first of them; the other comes with it when the hour is over.
        expect((await aws.mails()).slice(mailsBefore)).toHaveLength(1);
      }),
      { numRuns: 5 },
    );
  });

  it('gives one verdict for events that come at the same time', async () => {
    const manifest = await archiveOf(store, 'together', new Date('2026-11-20T03:00:00Z'), smallDump(20));
    const event = created(archiveKeys(parseArchiveId(manifest.id)).manifest);
    await Promise.all([1, 2, 3].map(() => verify(event, context)));
    expect(kinds(await contentsOf('together'))).toEqual([['2026-11-20-030000Z.json', 'intact']]);
  });

  it('says nothing of an archive that was expired before its event came', async () => {
    const manifest = await archiveOf(store, 'late', new Date('2026-11-20T03:00:00Z'), smallDump(20));
    const keys = archiveKeys(parseArchiveId(manifest.id));
    for (const key of [keys.manifest, keys.archive]) await store.delete(key);
    await expect(verify(created(keys.manifest), context)).rejects.toMatchObject({ code: 'MANIFEST_MISSING' });
    expect(await contentsOf('late')).toEqual({});
  });
});

describe('the readers of ranges and their join', () => {
  it('leave the same verdict in any order, repeated, and joined more than once', async () => {
    const { id, manifest } = await storeInMembers(store, 'ranges', Buffer.from(smallDump(100)));
    const { versionId, etag } = manifest;
    const job = { id: id.id, versionId, etag, run: 'r', limits: smallLimits };
    const indexes = planRanges(manifest, smallLimits).map(({ index }) => index);
    const join = () => joinRanges({ ...job, startedAt: new Date().toISOString() }, context);
    await expect(join()).rejects.toMatchObject({ code: 'STORE_FAILED' });
    for (const index of [...indexes.toReversed(), ...indexes])
      await readRange({ ...job, index, again: false }, context);
    let joined = await join();
    for (let count = 0; 'again' in joined && count < indexes.length; count += 1) {
      expect(await join()).toEqual(joined);
      await readRange({ ...job, index: joined.again, again: true }, context);
      joined = await join();
    }
    expect(joined).toEqual({ id: id.id, verdict: 'intact', isNew: true });
    const before = await contentsOf('ranges');
    // Late: what was scanned for good is overwritten by a guess, and the verdict stands.
    for (const index of indexes) await readRange({ ...job, index, again: false }, context);
    expect(await join()).toEqual({ id: id.id, verdict: 'intact', isNew: false });
    expect(kinds(await contentsOf('ranges'))).toEqual(kinds(before));
  });
});

describe('expire and watch', () => {
  it('leave the same however often and in whatever order they run', async () => {
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
    const left: unknown[] = [];
    for (const order of [
      [expire, watch],
      [watch, expire, expire, watch, watch],
      [expire, expire, expire],
    ]) {
      cases += 1;
      const source = `daily${cases}`;
      for (const night of [0, 1, 2, 20]) {
        const manifest = await archiveOf(store, source, hoursAgo(night * 24 + 2), smallDump(20));
        await verify(created(archiveKeys(parseArchiveId(manifest.id)).manifest), context);
      }
      for (const handler of order) await handler({}, context);
      const keys = Object.keys(await contentsOf(source)).filter((key) => !key.startsWith('watch/'));
      left.push(keys.length);
    }
    // Three nights of archive, manifest and verdict; the twentieth is gone.
    expect(left).toEqual([9, 9, 9]);
  });
});

describe('malformed and foreign events', () => {
  const refused = { code: expect.stringMatching(/^EVENT_(INVALID|FOREIGN)$|^ARCHIVE_ID_INVALID$/) };
  const junk = fc.oneof(fc.jsonValue(), fc.anything({ maxDepth: 2 }));

  it('are refused with what was expected, and change nothing', async () => {
    const before = await contentsOf('');
    const mailsBefore = (await aws.mails()).length;
    await fc.assert(
      fc.asyncProperty(junk, async (event) => {
        await expect(verify(event, context)).rejects.toMatchObject(refused);
        await expect(readRange(event, context)).rejects.toMatchObject(refused);
        await expect(joinRanges(event, context)).rejects.toMatchObject(refused);
      }),
      { numRuns: 100 },
    );
    for (const key of [
      'archives/bitagent/bitagent-2026-11-20-030000Z.db.gz',
      'archives/other/bitagent-2026-11-20-030000Z.manifest.json',
      'archives/bitagent/bitagent-2026-02-31-030000Z.manifest.json',
      'verdicts/bitagent/bitagent-2026-11-20-030000Z.json',
      'archives/../bitagent-2026-11-20-030000Z.manifest.json',
      '',
    ]) {
      await expect(verify(created(key), context)).rejects.toMatchObject({ code: 'EVENT_FOREIGN' });
    }
    const manifest = 'archives/bitagent/bitagent-2026-11-20-030000Z.manifest.json';
    await expect(verify(created(manifest, 'elsewhere'), context)).rejects.toMatchObject({
      code: 'EVENT_FOREIGN',
    });
    const task = {
      id: '../../x',
      versionId: null,
      etag: 'e',
      run: 'r',
      limits: smallLimits,
      index: 0,
      again: false,
    };
    await expect(readRange(task, context)).rejects.toMatchObject(refused);
    expect(await contentsOf('')).toEqual(before);
    expect((await aws.mails()).length).toBe(mailsBefore);
  });

  it('are told to the operator by report, which leaves nothing unsaid', async () => {
    const mailsBefore = (await aws.mails()).length;
    await report({ any: 'thing' }, context);
    expect((await aws.mails()).slice(mailsBefore).map(({ subject }) => subject)).toEqual([
      '[offsite] A notice that is not understood',
    ]);
  });
});
