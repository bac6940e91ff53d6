// Does anybody hear? The real handlers and the real command, against a topic whose subscriptions come and go. Two things are
// stand-ins: that a subscription waits for its confirmation, which no local SNS knows, and Lambda's door for callers.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import {
  ListSubscriptionsByTopicCommand,
  SNSClient,
  SubscribeCommand,
  UnsubscribeCommand,
} from '@aws-sdk/client-sns';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handler as report } from '../../lambda/report.ts';
import { handler as watch } from '../../lambda/watch.ts';
import {
  nextNote,
  parseRecipientsNote,
  type Recipients,
  recipientsKey,
  recipientsOf,
} from '../../lib/mail/recipients.ts';
import { listSubscriptions } from '../../lib/mail/subscriptions.ts';
import { operatorAddress } from '../../lib/rehearsal/aws/local-aws.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { verifiedArchive } from '../fixtures/archives.ts';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { printedFigures } from '../fixtures/figures.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

const context = { awsRequestId: 'r', functionName: 'f' } as Context;
const at = (hour: number) => new Date(Date.UTC(2026, 10, 22, hour));

describe('who gets the mails', () => {
  const subscriptions = [
    { endpoint: 'Me@example.com', isConfirmed: true },
    { endpoint: 'other@example.com', isConfirmed: false },
    { endpoint: 'https://hooks.example.com/secret', isConfirmed: true },
  ];

  it('is compared with who was to, and the path of a webhook is told to nobody', () => {
    const expected = ['me@example.com', 'other@example.com', 'https://gone.example.com/secret'];
    const found = recipientsOf(expected, subscriptions);
    expect(found).toEqual({
      confirmed: ['Me@example.com', 'https://hooks.example.com/…'],
      missing: [
        { name: 'other@example.com', why: 'not confirmed' },
        { name: 'https://gone.example.com/…', why: 'not subscribed' },
      ],
    });
  });

  it('is told to the others at once, then daily, again where another one goes, and not where nobody hears', () => {
    const missing = (...names: string[]): Recipients => ({
      confirmed: ['pager'],
      missing: names.map((name) => ({ name, why: 'not subscribed' })),
    });
    const hours: [number, Recipients][] = [
      [0, missing()],
      [1, missing('a')],
      [2, missing('a')],
      [3, missing('a', 'b')],
      [4, missing('b')],
      [27, missing('b')],
      [28, missing()],
      [29, missing('b')],
      [30, { ...missing('a', 'b', 'c'), confirmed: [] }],
    ];
    let note: ReturnType<typeof nextNote>['note'] | undefined;
    const told = hours.flatMap(([hour, recipients]) => {
      const next = nextNote(recipients, note, { reportArn: 'arn', now: at(hour) });
      expect(parseRecipientsNote(JSON.stringify(next.note))).toEqual(JSON.parse(JSON.stringify(next.note)));
      note = next.note;
      return next.isNews ? [hour] : [];
    });
    expect(told).toEqual([1, 3, 27, 29]);
  });

  it('is written anew when it changes, and once a day', () => {
    const recipients = { confirmed: ['me'], missing: [] };
    const { note } = nextNote(recipients, undefined, { reportArn: 'arn', now: at(0) });
    const before = parseRecipientsNote(JSON.stringify(note));
    const isChanged = (hour: number, reportArn = 'arn') =>
      nextNote(recipients, before, { reportArn, now: at(hour) }).isChanged;
    expect([isChanged(1), isChanged(23), isChanged(24), isChanged(1, 'other')]).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(parseRecipientsNote('no JSON')).toBeUndefined();
  });
});

it('a subscription that waits for its confirmation, or was deleted, is none; pages are read to the last', async () => {
  const member = (endpoint: string, arn: string) =>
    `<member><Endpoint>${endpoint}</Endpoint><SubscriptionArn>${arn}</SubscriptionArn></member>`;
  const pages = [
    `<Subscriptions>${member('a', 'PendingConfirmation')}${member('b', 'Deleted')}</Subscriptions><NextToken>t</NextToken>`,
    `<Subscriptions>${member('c', 'arn:aws:sns:r:1:t:s')}</Subscriptions>`,
  ];
  const { server, endpoint } = await serve(
    async () =>
      `<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult>${pages.shift()}</ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>`,
  );
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_SNS: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 's',
  });
  try {
    expect(await listSubscriptions('arn:aws:sns:us-east-1:1:t')).toEqual([
      { endpoint: 'a', isConfirmed: false },
      { endpoint: 'b', isConfirmed: false },
      { endpoint: 'c', isConfirmed: true },
    ]);
  } finally {
    process.env = before;
    server.close();
  }
});

describe('as subscriptions go and come', () => {
  let aws: LocalAws;
  let store: ArchiveStore;
  let sns: SNSClient;
  let lambda: { server: Server; endpoint: string };
  const called: string[] = [];

  beforeAll(async () => {
    aws = await startLocalAws();
    store = aws.store;
    sns = new SNSClient({});
    setHandlerSettings(aws.bucket, aws.topicArn, { OFFSITE_MONITORING: 'full' });
    await verifiedArchive(store, 'bitagent', new Date());
    lambda = await serve(async (url, body) => {
      called.push(decodeURIComponent(url));
      return JSON.stringify(await report(body, context));
    });
  });
  afterAll(async () => {
    lambda.server.close();
    await aws.stop();
  });

  const unsubscribe = async (wanted: (protocol: string) => boolean) => {
    const { Subscriptions = [] } = await sns.send(
      new ListSubscriptionsByTopicCommand({ TopicArn: aws.topicArn }),
    );
    for (const { Protocol = '', SubscriptionArn } of Subscriptions)
      if (wanted(Protocol)) await sns.send(new UnsubscribeCommand({ SubscriptionArn }));
  };
  /** Where it asks a handler, it is started: that has the environment of this process. */
  const cli = (run: typeof offsite, ...args: string[]) =>
    run([...args, '--bucket', aws.bucket], { ...aws.env, AWS_ENDPOINT_URL_LAMBDA: lambda.endpoint });

  it('before anybody has looked, a test mail wants to know whom to ask', async () => {
    expect(await cli(offsiteHere, 'alert-test')).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('[ALERT_TEST_FAILED]'),
    });
  });

  it('all are there: nothing is told, and a test mail comes by the function that tells of faults', async () => {
    await watch({}, context);
    expect((await aws.mails()).map(({ subject }) => subject)).toEqual([]);
    const { exitCode, stdout } = await cli(offsite, 'alert-test');
    const [mail] = await aws.mails();
    expect(exitCode).toBe(0);
    expect(called).toEqual([`/2015-03-31/functions/${process.env.OFFSITE_REPORT_ARN}/invocations`]);
    expect(mail?.subject).toMatch(/^\[offsite\] Alert test of /);
    expect(stdout).toContain(mail?.subject);
    expect(stdout).toContain(operatorAddress);
  });

  it('one of them goes: the other hears of it, once', async () => {
    const before = (await aws.mails()).length;
    await unsubscribe((protocol) => protocol === 'email');
    await watch({}, context);
    await watch({}, context);
    const subjects = (await aws.mails()).slice(before).map(({ subject }) => subject);
    expect(subjects).toEqual([`[offsite] Mails do not reach ${operatorAddress}`]);
  });

  it('the last one goes: watch fails, a figure is 0, and list and the test mail say so', async () => {
    await unsubscribe(() => true);
    const figures = await printedFigures(async () => {
      await expect(watch({ time: '2026-11-22T13:00:00Z' }, context)).rejects.toMatchObject({
        code: 'NOBODY_HEARS',
      });
    });
    expect(figures).toContainEqual({
      name: 'RecipientsConfirmed',
      unit: 'Count',
      value: 0,
      dimensions: { service: 'offsite' },
    });
    const nobody = `NOBODY gets the mails about faults: ${operatorAddress} (not subscribed)`;
    const list = await cli(offsiteHere, 'list');
    const test = await cli(offsite, 'alert-test');
    expect(list).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(nobody) });
    expect(test).toMatchObject({ exitCode: 6, stdout: '', stderr: expect.stringContaining(nobody) });
  });

  it('somebody is there again, and all is well', async () => {
    await sns.send(
      new SubscribeCommand({ TopicArn: aws.topicArn, Protocol: 'email', Endpoint: operatorAddress }),
    );
    await watch({}, context);
    expect(parseRecipientsNote((await store.readText(recipientsKey))?.text)).toMatchObject({
      confirmed: [operatorAddress],
      missing: [],
    });
  });
});

/** What answers each request with a text. */
async function serve(
  answer: (url: string, body: unknown) => Promise<string>,
): Promise<{ server: Server; endpoint: string }> {
  const server = createServer(async (request, response) => {
    const body = await json(request).catch(() => undefined);
    response.end(await answer(request.url ?? '', body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
