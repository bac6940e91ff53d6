import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { taskStopped } from '../../../lib/rehearsal/aws/aws-events.ts';
import { type Bus, createBus, type Delivery } from '../../../lib/rehearsal/aws/bus.ts';
import { type LocalAws, startLocalAws } from '../../../lib/rehearsal/aws/local-aws.ts';
import type { LambdaFunction, Wiring } from '../../../lib/rehearsal/template/wiring.ts';

const arnOf = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;

const queueArn = 'arn:aws:sqs:us-east-1:000000000000:DeadLetters';
const queued = 'arn:aws:sqs:us-east-1:000000000000:Queued';
const failed = 'arn:aws:sqs:us-east-1:000000000000:Failed';

const functionCalled = (name: string, onFailure?: string): LambdaFunction => ({
  logicalId: name,
  name,
  arn: arnOf(name),
  handler: `index.${name.toLowerCase()}`,
  codeKey: 'x.zip',
  environment: {},
  timeoutMs: 10_000,
  memoryMiB: 256,
  retryAttempts: 1,
  onFailure,
  deadLetters: queueArn,
});

const ruleArn = 'arn:aws:events:us-east-1:000000000000:rule/Daily';
const wiring: Wiring = {
  region: 'us-east-1',
  account: '000000000000',
  bucketAnnounces: true,
  functions: [
    functionCalled('Verify', arnOf('Report')),
    functionCalled('Report'),
    functionCalled('Expire'),
    functionCalled('Queued'),
    functionCalled('Told'),
  ],
  rules: [
    {
      logicalId: 'Committed',
      arn: 'arn:aws:events:us-east-1:000000000000:rule/Committed',
      pattern: { source: ['aws.s3'], detail: { object: { key: [{ wildcard: '*.manifest.json' }] } } },
      schedule: undefined,
      targets: [{ arn: arnOf('Verify'), input: undefined }],
    },
    {
      logicalId: 'ToQueue',
      arn: 'arn:aws:events:us-east-1:000000000000:rule/ToQueue',
      pattern: { source: ['queue'] },
      schedule: undefined,
      targets: [{ arn: queued, input: undefined }],
    },
    {
      logicalId: 'Daily',
      arn: ruleArn,
      pattern: undefined,
      schedule: 'rate(1 day)',
      targets: [{ arn: arnOf('Expire'), input: undefined }],
    },
    {
      logicalId: 'TaskStopped',
      arn: 'arn:aws:events:us-east-1:000000000000:rule/TaskStopped',
      pattern: { source: ['aws.ecs'], detail: { lastStatus: ['STOPPED'] } },
      schedule: undefined,
      targets: [{ arn: arnOf('Report'), input: { fixed: true } }],
    },
  ],
  queues: [
    { arn: queued, attempts: 2, deadLetters: failed, functionName: 'Queued', atOnce: 2 },
    { arn: failed, attempts: 2, deadLetters: queueArn, functionName: 'Told', atOnce: 2 },
    { arn: queueArn, attempts: 9, deadLetters: undefined, functionName: undefined, atOnce: 0 },
  ],
  taskDefinitions: [],
  clusterArns: [],
  subnetIds: [],
  securityGroupIds: [],
  hasInternetGateway: true,
  hasNatGateway: false,
  endpointServices: [],
  roles: [],
  subscriptions: [],
};

let aws: LocalAws;
let s3: S3Client;
let directory: string;
let bus: Bus;
let run = 0;
let bucket: string;
const over = new AbortController();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'offsite-bus-test-'));
  await writeFile(
    join(directory, 'index.js'),
    `exports.verify = async (event) => {
       if (event.detail.object.key.includes('broken')) throw new TypeError('cannot');
       return event.detail.object;
     };
     exports.report = exports.expire = async (event) => event;
     exports.queued = exports.told = async ({ Records }) => ({
       batchItemFailures: Records.filter(({ body, eventSourceARN }) => body.includes(eventSourceARN.split(':')[5]))
         .map(({ messageId }) => ({ itemIdentifier: messageId })),
     });`,
  );
});
beforeEach(async () => {
  run += 1;
  bucket = `offsite-${run}`;
  aws = await startLocalAws({ bucket });
  s3 = new S3Client(aws.clientConfig);
  bus = createBus(
    wiring,
    { assetDirectory: () => directory, aws: { ...aws.env }, signal: over.signal },
    s3,
    bucket,
  );
  return async () => {
    s3.destroy();
    await aws.stop();
  };
});
afterAll(() => {
  over.abort();
  return rm(directory, { recursive: true });
});

const put = (key: string, body: string) =>
  s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
const payloads = (deliveries: readonly Delivery[]) =>
  deliveries.map(({ to, invocation: { last } }) => [
    to.name,
    last.outcome === 'returned' ? last.payload : last.error.errorMessage,
  ]);

describe('announceObjects', () => {
  test('tells of every new object once, in the shape of S3, to whom the rules say', async () => {
    await put('archives/x/x.sql.gz', 'data');
    await put('archives/x/x.manifest.json', '{}');
    const deliveries = await bus.announceObjects();
    expect(deliveries).toHaveLength(1);
    expect(deliveries[0]).toMatchObject({
      to: { name: 'Verify' },
      event: {
        version: '0',
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        source: 'aws.s3',
        'detail-type': 'Object Created',
        account: '000000000000',
        region: 'us-east-1',
        resources: [`arn:aws:s3:::${bucket}`],
        detail: {
          version: '0',
          bucket: { name: bucket },
          object: {
            key: 'archives/x/x.manifest.json',
            size: 2,
            etag: '99914b932bd37a50b983c5e7c90ae93b',
            sequencer: expect.stringMatching(/^[0-9A-F]{18}$/),
          },
          reason: 'PutObject',
        },
      },
      invocation: { last: { outcome: 'returned' } },
    });
    expect(await bus.announceObjects()).toEqual([]);
  });

  test('tells again of an object whose bytes have changed', async () => {
    await put('a.manifest.json', '{}');
    await bus.announceObjects();
    await put('a.manifest.json', '{"a":1}');
    expect(payloads(await bus.announceObjects())).toMatchObject([['Verify', { size: 7 }]]);
  });

  test('tells nobody anything if the bucket does not announce its objects', async () => {
    const silent = createBus(
      { ...wiring, bucketAnnounces: false },
      { assetDirectory: () => directory, aws: { ...aws.env }, signal: over.signal },
      s3,
      bucket,
    );
    await put('a.manifest.json', '{}');
    expect(await silent.announceObjects()).toEqual([]);
  });

  test('hands what failed for good to the failure destination, and keeps the event', async () => {
    await put('broken.manifest.json', '{}');
    const deliveries = await bus.announceObjects();
    expect(deliveries.map(({ to, invocation }) => [to.name, invocation.attempts.length])).toEqual([
      ['Verify', 2],
      ['Report', 1],
    ]);
    expect(deliveries[1]?.event).toMatchObject({
      requestContext: { functionArn: `${arnOf('Verify')}:$LATEST`, approximateInvokeCount: 2 },
      requestPayload: { detail: { object: { key: 'broken.manifest.json' } } },
      responsePayload: { errorType: 'TypeError', errorMessage: 'cannot' },
    });
    expect(bus.deliveries).toEqual(deliveries);
    expect(bus.deadLetters).toEqual([{ queueArn, event: deliveries[0]?.event }]);
  });
});

test('fireSchedule sends the scheduled event to the function of that role', async () => {
  const deliveries = await bus.fireSchedule('expire', new Date('2026-11-23T06:00:00.123Z'));
  expect(payloads(deliveries)).toMatchObject([
    [
      'Expire',
      {
        'detail-type': 'Scheduled Event',
        source: 'aws.events',
        time: '2026-11-23T06:00:00Z',
        resources: [ruleArn],
        detail: {},
      },
    ],
  ]);
  await expect(bus.fireSchedule('verify', new Date())).rejects.toThrow(/no schedule/);
});

test('emit hands over the fixed input of a target in the place of the event', async () => {
  const stopped = taskStopped(wiring, {
    taskArn: 'arn:aws:ecs:us-east-1:000000000000:task/c/1',
    clusterArn: 'arn:aws:ecs:us-east-1:000000000000:cluster/c',
    taskDefinitionArn: 'arn:aws:ecs:us-east-1:000000000000:task-definition/t:1',
    containerName: 'restore-test',
    exitCode: 0,
    cpu: '1024',
    memory: '2048',
    ephemeralStorageGib: 21,
    overrides: {},
    startedAt: new Date(),
    stoppedAt: new Date(),
  });
  expect(payloads(await bus.emit(stopped))).toEqual([['Report', { fixed: true }]]);
});

describe('a queue', () => {
  const event = (detail: object) =>
    ({ source: 'queue', 'detail-type': 'x', detail }) as unknown as Parameters<Bus['emit']>[0];

  test.each([
    ['none', {}, [['Queued', 1, 'returned']], 0],
    [
      'the first function',
      { fails: 'Queued' },
      [
        ['Queued', 2, 'failed'],
        ['Told', 1, 'returned'],
      ],
      0,
    ],
    [
      'both',
      { fails: 'Queued Failed' },
      [
        ['Queued', 2, 'failed'],
        ['Told', 2, 'failed'],
      ],
      1,
    ],
  ])('hands a message out again and then on, where %s leaves it', async (_, detail, expected, left) => {
    const deliveries = await bus.emit(event(detail));
    expect(
      deliveries.map(({ to, invocation: { attempts, last } }) => [to.name, attempts.length, last.outcome]),
    ).toEqual(expected);
    // Whoever gets it, it is the event that was sent.
    expect(deliveries.every((delivery) => delivery.event === deliveries[0]?.event)).toBe(true);
    expect(bus.deadLetters).toHaveLength(left);
  });
});
