// Proof is renewed, at moto with the real handlers: what is lost after its verdict is told by name, once, however often the
// vault is looked at; what is there is read again, and its verdict says when.

import { createServer, request as requestOf } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dueKey, ofDatabase } from '../../lib/archive/kind.ts';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { readCatalogue, readVerdict } from '../../lib/archive/read-catalogue.ts';
import { findUntold } from '../../lib/mail/by-the-hour.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { verifiedArchive } from '../fixtures/archives.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { createVault } from '../fixtures/vault.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so no proof is renewed');

const context = { awsRequestId: 'r', functionName: 'f' } as Context;
const dayMs = 86_400_000;

describe.skipIf(!hasMoto)('proof', () => {
  const bucket = 'renewed';
  const before = { ...process.env };
  let moto: Moto;
  let store: ArchiveStore;
  let sqs: SQSClient;
  let mailbox: string;
  let expire: typeof import('../../lambda/expire.ts').handler;
  let verify: typeof import('../../lambda/verify.ts').handler;
  const nights: Manifest[] = [];
  const night = (index: number) => nights[index] as Manifest;

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
    sqs = new SQSClient({});
    const queue = async (QueueName: string) =>
      (await sqs.send(new CreateQueueCommand({ QueueName }))).QueueUrl as string;
    mailbox = await queue('mailbox');
    const sns = new SNSClient({});
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'operator' }));
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: mailbox, AttributeNames: ['QueueArn'] }),
    );
    const Endpoint = Attributes?.QueueArn;
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint }));
    setHandlerSettings(bucket, TopicArn as string, {
      OFFSITE_KEEP_INTACT: '1',
      OFFSITE_REREAD_PERCENT: '100',
      OFFSITE_RANGES_ARN: 'arn:none',
    });
    await createVault(bucket);
    store = createS3Store({ bucket });
    for (const days of [0.1, 2, 3, 4, 5, 6, 7])
      nights.push(await verifiedArchive(store, 'bitagent', new Date(Date.now() - days * dayMs)));
    ({ handler: expire } = await import('../../lambda/expire.ts'));
    ({ handler: verify } = await import('../../lambda/verify.ts'));
  });
  afterAll(async () => {
    process.env = before;
    await moto.stop();
  });

  async function take(QueueUrl: string): Promise<string[]> {
    const bodies: string[] = [];
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
      );
      if (Messages.length === 0) return bodies;
      for (const { Body = '', ReceiptHandle } of Messages) {
        bodies.push(Body);
        await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    }
  }
  const mails = async () =>
    (await take(mailbox)).map((body) => JSON.parse(body) as { Subject: string; Message: string });
  const subjects = async () => (await mails()).map(({ Subject }) => Subject).sort();
  /** What was mailed at once, and what will be with it when the hour is over; nothing of it is known any more afterwards. */
  async function told(): Promise<string[]> {
    const atOnce = (await subjects()).map((subject) => subject.replace('[offsite] LOST archive, ', 'lost '));
    const hours = await findUntold(store, 'bitagent', new Date(Date.now() + 3_600_000));
    const later = hours.flatMap(({ faults }) => faults.map(({ what, archive }) => `${what}: ${archive}`));
    for await (const { key } of store.list('watch/faults/')) await store.delete(key);
    return [...new Set([...atOnce, ...later])].sort();
  }
  /** A night: retention looks, and what it asks for is read. @returns The ids that it asked for. */
  async function look(): Promise<string[]> {
    await expire({}, context);
    const keys: string[] = [];
    for await (const { key } of store.list('due/')) keys.push(key);
    for (const key of keys) {
      await verify(stored(key), context);
      // As the lifecycle does.
      await store.delete(key);
    }
    return keys.map((key) => key.slice('due/bitagent/'.length, -'.json'.length));
  }
  const keyOf = (manifest: Manifest) => archiveKeys(parseArchiveId(manifest.id)).archive;
  const bytesOf = async (manifest: Manifest) =>
    Buffer.concat((await (await store.open(keyOf(manifest)))?.body.toArray()) ?? []);
  const standings = async () =>
    Object.fromEntries((await readCatalogue(store, 'bitagent')).map(({ id, standing }) => [id.id, standing]));
  const stored = (key: string) => ({
    'detail-type': 'Object Created',
    detail: { bucket: { name: bucket }, object: { key } },
  });

  it('is renewed by reading every byte again, but for what was read tonight, and nothing is told', async () => {
    expect(await look()).toEqual(
      nights
        .slice(1)
        .map(({ id }) => id)
        .sort(),
    );
    expect(await subjects()).toEqual([]);
    for (const manifest of nights.slice(1)) {
      const verdict = await readVerdict(store, parseArchiveId(manifest.id));
      expect(verdict?.verdict).toBe('intact');
      expect(Date.now() - Date.parse(verdict?.lastReadAt ?? '')).toBeLessThan(dayMs / 2);
    }
    // What was read is not due again, and an event that comes again reads nothing.
    expect(await look()).toEqual([]);
    const verdictOf = () => readVerdict(store, parseArchiveId(night(1).id));
    const first = await verdictOf();
    await verify(stored(dueKey(ofDatabase, parseArchiveId(night(1).id))), context);
    expect(await verdictOf()).toEqual(first);
  });

  it('is lost with what is deleted, overwritten or cut, or loses its manifest: each is told once', async () => {
    await store.delete(keyOf(night(1)));
    const changed = await bytesOf(night(2));
    changed[10] = (changed[10] as number) ^ 1;
    await store.write(keyOf(night(2)), changed as never);
    await store.write(keyOf(night(3)), (await bytesOf(night(3))).subarray(0, 200) as never);
    await store.delete(keyOf(night(4)));
    await store.delete(archiveKeys(parseArchiveId(night(4).id)).manifest);
    expect(await look()).toEqual([1, 2, 3, 4].map((index) => night(index).id).sort());
    expect(await told()).toEqual(
      [
        `lost deleted: ${night(1).id}`,
        `lost overwritten: ${night(2).id}`,
        `lost overwritten: ${night(3).id}`,
        `lost deleted: ${night(4).id}`,
      ].sort(),
    );
    expect(await look()).toEqual([]);
    expect(await told()).toEqual([]);
    expect(await standings()).toMatchObject({
      [night(0).id]: 'intact',
      [night(1).id]: 'missing',
      [night(2).id]: 'damaged',
      [night(3).id]: 'damaged',
      [night(4).id]: 'missing',
    });
  });

  it('is asked for at once where an archive is written over; its first bytes, before their manifest, are no occasion', async () => {
    expect(await verify(stored(keyOf(night(5))), context)).toMatchObject({ verdict: 'intact', isNew: false });
    await store.write(keyOf(night(5)), 'something else');
    await verify(stored(keyOf(night(5))), context);
    const [mail] = await mails();
    expect(mail?.Subject).toBe(`[offsite] LOST archive, overwritten: ${night(5).id}`);
    expect(mail?.Message).toContain('==== Runbook: Archive lost');
    expect(await told()).toEqual([]);
    await verify(stored(keyOf(night(5))), context);
    expect(await look()).toEqual([]);
    expect(await told()).toEqual([]);
    const fresh = { ...night(5), id: 'bitagent-2026-01-01-000000Z' };
    expect(await verify(stored(keyOf(fresh)), context)).toEqual({ awaits: 'manifest' });
  });

  it('comes back with what is brought back, without a mail', async () => {
    const bytes = await bytesOf(night(0));
    await store.write(keyOf(night(1)), bytes as never);
    await store.write(
      archiveKeys(parseArchiveId(night(1).id)).manifest,
      JSON.stringify({ ...night(0), id: night(1).id, versionId: null }),
    );
    expect(await look()).toEqual([night(1).id]);
    expect(await standings()).toMatchObject({ [night(1).id]: 'intact' });
    expect(await subjects()).toEqual([]);
  });

  it('finds bytes that have changed under the same entity tag and version when they are read again', async () => {
    const rotting = night(6);
    const verdict = await readVerdict(store, parseArchiveId(rotting.id));
    const key = archiveKeys(parseArchiveId(rotting.id)).verdict;
    await store.write(key, JSON.stringify({ ...verdict, lastReadAt: new Date(Date.now() - 6 * dayMs) }));
    const rot = await rottingStore(moto.endpoint, keyOf(rotting));
    process.env.AWS_ENDPOINT_URL_S3 = rot.endpoint;
    try {
      expect(await look()).toEqual([rotting.id]);
      expect(await told()).toEqual([`lost rotten: ${rotting.id}`]);
      expect(await look()).toEqual([]);
      expect(await told()).toEqual([]);
    } finally {
      delete process.env.AWS_ENDPOINT_URL_S3;
      await rot.stop();
    }
  });
});

/** A store whose disk has flipped a bit of one object: everything else of the answer is as it was. */
async function rottingStore(upstream: string, key: string) {
  const server = createServer((request, response) => {
    const { method, headers, url = '' } = request;
    const onward = requestOf(`${upstream}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      const isRotten = method === 'GET' && url.includes(key);
      let at = 0;
      answer.on('data', (chunk: Buffer) => {
        if (isRotten && at <= 150 && at + chunk.length > 150)
          chunk[150 - at] = (chunk[150 - at] as number) ^ 4;
        at += chunk.length;
        response.write(chunk);
      });
      answer.on('end', () => response.end());
    });
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://localhost:${port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
