// What goes wrong in one place ends nothing in another: a source that cannot be read beside two that can, and more to tell than a
// mail holds. The real handlers, a real store and topic; S3's refusal is played by a door before it.

import { createServer, request as requestOf, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { handler as expire } from '../../lambda/expire.ts';
import { handler as report } from '../../lambda/report.ts';
import { handler as verify } from '../../lambda/verify.ts';
import { handler as watch } from '../../lambda/watch.ts';
import { archiveIdAt, archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import type { OffsiteError } from '../../lib/base/errors.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import { throwFailures } from '../../lib/retention/sources.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveOf, verifiedArchive } from '../fixtures/archives.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { often } from '../fixtures/often.ts';

const context = { awsRequestId: 'r', functionName: 'f' } as Context;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);
/** Their lines are more than a mail holds. */
const orphans = often(4000, 5000);
/** SNS takes that much, other fields among it. */
const snsBytes = 256 * 1024;

let aws: LocalAws;
let store: ArchiveStore;
let told: number;
const mails = async (): Promise<Mail[]> => (await aws.mails()).slice(told);

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
});
beforeEach(async () => {
  told = (await aws.mails()).length;
});
afterAll(() => aws.stop());

describe('one of three sources cannot be read', () => {
  let door: Server;

  beforeAll(async () => {
    setHandlerSettings(aws.bucket, aws.topicArn, { OFFSITE_SOURCES: 'one,two,three' });
    for (const source of ['one', 'two', 'three']) {
      for (const days of [3, 4, 5, 20]) await verifiedArchive(store, source, hoursAgo(days * 24));
    }
    door = createServer((request, response) => {
      if (/(archives|verdicts)(\/|%2F)two/.test(request.url ?? '')) {
        response.writeHead(403, { 'content-type': 'application/xml' });
        response.end('<Error><Code>AccessDenied</Code><Message>no</Message></Error>');
        return;
      }
      const { method, headers, url } = request;
      const onward = requestOf(`${aws.endpoint}${url}`, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    process.env.AWS_ENDPOINT_URL_S3 = `http://127.0.0.1:${(door.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    delete process.env.AWS_ENDPOINT_URL_S3;
    door.close();
  });

  /** As Lambda hands a failure on. */
  const handOn = async (name: string, failed: Promise<unknown>) => {
    const error = await failed.then(
      () => undefined,
      (reason: OffsiteError) => reason,
    );
    expect(error).toMatchObject({ code: 'CREDENTIALS_REFUSED' });
    const requestContext = {
      requestId: `of-${name}`,
      functionArn: `arn:aws:lambda:r:1:function:${name}`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: 3,
    };
    const responsePayload = { errorType: error?.name, errorMessage: error?.message };
    const timestamp = hoursAgo(0).toISOString();
    await report({ timestamp, requestContext, requestPayload: {}, responsePayload }, context);
  };

  it('expire goes on with the others, watch tells of them, and a mail names the one', async () => {
    await handOn('expire', expire({}, context));
    const plans: string[] = [];
    for await (const { key } of store.list('plans/')) plans.push(key);
    expect(plans).toEqual([expect.stringContaining('one'), expect.stringContaining('three')]);
    await handOn('watch', watch({}, context));
    const found = await mails();
    const subjects = found.map(({ subject }) => subject);
    for (const source of ['one', 'three'])
      expect(subjects).toContainEqual(expect.stringContaining(`NO FRESH ARCHIVE: ${source}`));
    for (const name of ['expire', 'watch']) {
      const mail = found.find(({ subject }) => subject === `[offsite] ${name} FAILED`);
      expect(mail?.text).toMatch(/error {2}OffsiteError: two: /);
    }
  });
});

it.each([
  [new Map([['a', new Error('boom')]]), 'a: boom'],
  [
    new Map(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, new Error('boom')])),
    '7 sources could not be seen to: a, b, c, d, e, … 2 more',
  ],
])('whatever fails, the message names the source', (failures, message) => {
  expect(() => throwFailures(failures)).toThrow(message);
});

describe('there is more to tell than a mail holds', () => {
  it('thousands of archives without manifest are told of, and another source goes on', async () => {
    setHandlerSettings(aws.bucket, aws.topicArn, { OFFSITE_SOURCES: 'many,late' });
    const begun = hoursAgo(30 * 24).getTime();
    const put = async (index: number) => {
      const { archive } = archiveKeys(archiveIdAt('many', new Date(begun + index * 60_000)));
      const { ok } = await fetch(`${aws.endpoint}/${aws.bucket}/${archive}`, { method: 'PUT', body: 'x' });
      expect(ok).toBe(true);
    };
    for (let from = 0; from < orphans; from += 20)
      await Promise.all(Array.from({ length: 20 }, (_, index) => put(from + index)));
    await verifiedArchive(store, 'late', hoursAgo(30));
    await watch({}, context);
    const found = await mails();
    const mail = found.find(({ subject }) => subject.includes('Archive without manifest: many'));
    expect(mail?.text).toContain(`${orphans} archives of many never got a manifest`);
    expect(mail?.text).toMatch(/^… [\d,]+ more lines$/m);
    expect(mail?.text).toContain('What to do: ');
    expect(found.map(({ subject }) => subject)).toContainEqual(
      expect.stringContaining('NO FRESH ARCHIVE: late'),
    );
    for (const { text } of found) expect(Buffer.byteLength(text)).toBeLessThan(snsBytes);
    await watch({}, context);
    expect((await mails()).length).toBe(found.length);
  }, 300_000);

  it('an archive without 2,000 tables that it always had gets its verdict and a mail', async () => {
    setHandlerSettings(aws.bucket, aws.topicArn);
    for (const days of [4, 3, 2, 1]) await verifiedArchive(store, 'wide', hoursAgo(days * 24), dumpOf(2000));
    const { id } = await archiveOf(store, 'wide', hoursAgo(1), dumpOf(0));
    const { manifest, verdict } = archiveKeys(parseArchiveId(id));
    await verify(
      {
        'detail-type': 'Object Created',
        detail: { bucket: { name: aws.bucket }, object: { key: manifest } },
      },
      context,
    );
    const judged = JSON.parse((await store.readText(verdict))?.text ?? '{}');
    expect(judged.verdict).toBe('suspicious');
    const [mail, ...others] = await mails();
    expect(others).toEqual([]);
    expect(mail?.subject).toBe(`[offsite] SUSPICIOUS archive: ${id}`);
    expect(mail?.text.replaceAll(/\s+/g, ' ')).toMatch(/rows of 1,9\d\d further tables/);
    expect(mail?.text).toContain(`offsite accept ${id}`);
    expect(Buffer.byteLength(mail?.text ?? '')).toBeLessThan(snsBytes);
  });
});

/** Tables of a row each, of long names, and the torrents. */
function dumpOf(tables: number): string {
  const names = Array.from(
    { length: tables },
    (_, index) => `public.${'a_long_name_of_a_table_'.repeat(2)}${index}`,
  );
  const rows = (name: string, count: number) =>
    `COPY ${name} (id) FROM stdin;\n${Array.from({ length: count }, (_, row) => `${row}\n`).join('')}\\.\n\n`;
  return `--
-- PostgreSQL database dump
--

-- Dumped from database version 16.4
-- Dumped by pg_dump version 16.4

CREATE TABLE public.torrents (
    id integer NOT NULL
);

${names.map((name) => `CREATE TABLE ${name} (\n    id integer NOT NULL\n);\n\n`).join('')}
${rows('public.torrents', 20)}${names.map((name) => rows(name, 1)).join('')}
--
-- PostgreSQL database dump complete
--

`;
}
