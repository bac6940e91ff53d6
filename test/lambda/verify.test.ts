// The verify handler against a real store and a real mailbox: each verdict, and events that come twice, late, or from
// elsewhere.

import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { handler } from '../../lambda/verify.ts';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { type Verdict, verdictSchema } from '../../lib/archive/verdict.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveOf, smallDump } from '../fixtures/archives.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let store: ArchiveStore;
let source: string;
let count = 0;
let mailsBefore = 0;

const takenAt = new Date('2026-11-22T03:15:00Z');
const context = { awsRequestId: 'r', functionName: 'verify' } as Context;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  process.env.OFFSITE_BUCKET = aws.bucket;
  process.env.OFFSITE_TOPIC_ARN = aws.topicArn;
});
beforeEach(async () => {
  count += 1;
  source = `case${count}`;
  mailsBefore = (await aws.mails()).length;
});
afterAll(() => aws.stop());

const eventFor = (key: string, bucket = aws.bucket) => ({
  version: '0',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  detail: {
    version: '0',
    bucket: { name: bucket },
    object: { key, size: 1, etag: 'x', sequencer: '1' },
    reason: 'PutObject',
  },
});
const announce = (manifest: Manifest) => handler(eventFor(archiveKeys(manifest).manifest), context);
const newMails = async () => (await aws.mails()).slice(mailsBefore);
const verdictOf = async (manifest: Manifest): Promise<Verdict> => {
  const stored = await store.readText(archiveKeys(parseArchiveId(manifest.id)).verdict);
  return verdictSchema.parse(JSON.parse(stored?.text ?? 'null'));
};

describe('verify', () => {
  it('writes intact with the inventory, and mails nothing', async () => {
    const manifest = await archiveOf(store, source, takenAt, smallDump(20));
    expect(await announce(manifest)).toEqual({ id: manifest.id, verdict: 'intact', isNew: true });
    const verdict = await verdictOf(manifest);
    expect(verdict).toMatchObject({
      verdict: 'intact',
      plainBytes: manifest.plainBytes,
      etag: manifest.etag,
    });
    if (verdict.verdict !== 'intact') throw new Error('unreachable');
    expect(verdict.inventory).toMatchObject({
      rows: { 'public.torrents': 20 },
      indexes: ['public.torrents_name_idx'],
      constraints: ['public.torrents.torrents_pkey'],
      roles: ['bitmagnet'],
      serverVersion: '16.4',
      endMarker: 'end',
    });
    expect(await newMails()).toEqual([]);
  });

  it('finds one flipped bit, wherever it is', async () => {
    for (const share of [0, 0.3, 0.6, 0.999]) {
      const manifest = await archiveOf(store, `${source}-${share * 1000}`, takenAt, smallDump(500));
      await flip(manifest, share);
      expect(await announce(manifest)).toMatchObject({ verdict: 'damaged' });
      expect(await verdictOf(manifest)).toMatchObject({ verdict: 'damaged' });
    }
    const mails = await newMails();
    expect(mails.map(({ subject }) => subject)).toEqual(
      Array(4).fill(expect.stringMatching(/^\[offsite\] DAMAGED archive: case\d/)),
    );
  });

  it('reads itself what only its manifest calls large: no state machine is started for what cannot be', async () => {
    const gib = 1024 ** 3;
    const small = await archiveOf(store, source, takenAt, smallDump(20));
    const claims = [
      { compressedBytes: 40 * gib },
      { plainBytes: 300 * gib },
      { compressedBytes: 1024 * gib, plainBytes: 5000 * gib },
    ];
    for (const [index, claim] of claims.entries()) {
      const id = parseArchiveId(small.id.replace('031500Z', `03150${index + 1}Z`));
      const manifest = { ...small, id: id.id, ...claim };
      await store.write(archiveKeys(id).archive, (await archiveBytes(small)) as never);
      const { compressedBytes, plainBytes, crc32 } = manifest;
      const members = [{ offset: 0, compressedBytes, plainBytes, crc32 }];
      await store.write(archiveKeys(id).manifest, jsonText({ ...manifest, members }));
      expect(await announce(manifest), JSON.stringify(claim)).toMatchObject({ verdict: 'damaged' });
    }
  });

  it('finds an archive that was cut, also between two members', async () => {
    const manifest = await archiveOf(store, source, takenAt, smallDump(900_000));
    expect(manifest.members.length).toBeGreaterThan(1);
    const bytes = await archiveBytes(manifest);
    await store.write(
      archiveKeys(manifest).archive,
      bytes.subarray(0, manifest.members[0]?.compressedBytes) as never,
    );
    expect(await announce(manifest)).toMatchObject({ verdict: 'damaged' });
  });

  it('calls incomplete a dump whose end is only a row’s text', async () => {
    const cut = `${smallDump(20).split('\\.\n')[0]}\\\\xff\t-- PostgreSQL database dump complete\n`;
    const manifest = await forged(cut);
    expect(await announce(manifest)).toMatchObject({ verdict: 'incomplete' });
    expect((await newMails())[0]?.subject).toContain('INCOMPLETE');
  });

  it('calls suspicious a dump without torrents', async () => {
    const manifest = await archiveOf(store, source, takenAt, smallDump(0));
    expect(await announce(manifest)).toMatchObject({ verdict: 'suspicious' });
    expect((await newMails())[0]?.subject).toContain('SUSPICIOUS');
  });

  it('calls missing an archive that went away', async () => {
    const manifest = await archiveOf(store, source, takenAt, smallDump(20));
    await store.delete(archiveKeys(manifest).archive);
    expect(await announce(manifest)).toMatchObject({ verdict: 'missing' });
    expect((await newMails())[0]?.subject).toContain('MISSING');
  });

  it('judges once what is announced twice, and mails once', async () => {
    const manifest = await archiveOf(store, source, takenAt, smallDump(0));
    await announce(manifest);
    const first = await verdictOf(manifest);
    expect(await announce(manifest)).toEqual({ id: manifest.id, verdict: 'suspicious', isNew: false });
    expect(await verdictOf(manifest)).toEqual(first);
    expect(await newMails()).toHaveLength(1);
  });

  it('judges anew bytes that came after the verdict', async () => {
    const manifest = await archiveOf(store, source, takenAt, smallDump(20));
    await announce(manifest);
    await flip(manifest, 0.5);
    expect(await announce(manifest)).toMatchObject({ verdict: 'damaged', isNew: true });
  });

  it.each<[string, () => unknown, string]>([
    ['another key', () => eventFor('verdicts/bitagent/bitagent-2026-11-22-031500Z.json'), 'EVENT_FOREIGN'],
    [
      'another bucket',
      () => eventFor('archives/bitagent/bitagent-2026-11-22-031500Z.manifest.json', 'other'),
      'EVENT_FOREIGN',
    ],
    [
      'an impossible date',
      () => eventFor('archives/bitagent/bitagent-2026-02-30-031500Z.manifest.json'),
      'EVENT_FOREIGN',
    ],
    [
      'a manifest that is not there',
      () => eventFor('archives/bitagent/bitagent-2020-01-01-000000Z.manifest.json'),
      'MANIFEST_MISSING',
    ],
    ['something else', () => ({ hello: 'world' }), 'EVENT_INVALID'],
    ['nothing', () => undefined, 'EVENT_INVALID'],
  ])('refuses %s, writes nothing and mails nothing', async (_, event, code) => {
    const before = await verdictKeys();
    await expect(handler(event(), context)).rejects.toMatchObject({
      code,
      expected: expect.any(String),
      hint: expect.any(String),
    });
    expect(await verdictKeys()).toEqual(before);
    expect(await newMails()).toEqual([]);
  });

  it('does not judge by a manifest of a newer format', async () => {
    const manifest = await archiveOf(store, source, takenAt, smallDump(20));
    await store.write(archiveKeys(manifest).manifest, jsonText({ ...manifest, format: 2 as 1 }));
    await expect(announce(manifest)).rejects.toMatchObject({ code: 'MANIFEST_TOO_NEW' });
    expect(await verdictKeys()).not.toContain(archiveKeys(manifest).verdict);
  });
});

async function verdictKeys(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('verdicts/')) keys.push(key);
  return keys;
}

async function archiveBytes(manifest: Manifest): Promise<Buffer> {
  const opened = await store.open(archiveKeys(manifest).archive);
  return Buffer.concat((await opened?.body.toArray()) ?? []);
}

async function flip(manifest: Manifest, share: number): Promise<void> {
  const bytes = await archiveBytes(manifest);
  const at = Math.floor(bytes.length * share);
  bytes[at] = (bytes[at] as number) ^ 0x10;
  await store.write(archiveKeys(manifest).archive, bytes as never);
}

/** An archive that the agent itself would have refused: the same bytes as a careless tool would store. */
async function forged(text: string): Promise<Manifest> {
  const { compress } = await import('../../lib/backup/compress.ts');
  const whole = await archiveOf(store, source, takenAt, smallDump(1));
  const { chunks, record } = compress(
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
  const bytes: Buffer[] = [];
  for await (const chunk of chunks) bytes.push(Buffer.from(chunk));
  const { etag } = await store.write(archiveKeys(whole).archive, Buffer.concat(bytes) as never);
  const manifest = { ...whole, ...record(), etag };
  await store.write(archiveKeys(whole).manifest, jsonText(manifest));
  return manifest;
}
