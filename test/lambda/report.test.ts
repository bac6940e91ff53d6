// The report handler over a real topic: one mail for each restore test that could not tell of itself, whichever way it
// was lost, and however often AWS says so.

import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { handler } from '../../lambda/report.ts';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let before: number;
let tasks = 0;

const context = { awsRequestId: 'r', functionName: 'f' } as Context;
const mails = async () => (await aws.mails()).slice(before);
const essential = {
  stopCode: 'EssentialContainerExited',
  stoppedReason: 'Essential container in task exited',
};

beforeAll(async () => {
  aws = await startLocalAws();
  setHandlerSettings(aws.bucket, aws.topicArn);
});
beforeEach(async () => {
  before = (await aws.mails()).length;
});
afterAll(() => aws.stop());

/** A task of its own that stopped in some way. */
function stopped(container: object, detail: object) {
  tasks += 1;
  return {
    'detail-type': 'ECS Task State Change',
    source: 'aws.ecs',
    time: '2026-11-23T07:10:00Z',
    detail: {
      lastStatus: 'STOPPED',
      taskArn: `arn:aws:ecs:eu-central-1:1:task/c/${tasks}`,
      containers: [{ name: 'restore-test', ...container }],
      overrides: {
        containerOverrides: [
          { environment: [{ name: 'OFFSITE_ARCHIVE_ID', value: 'bitagent-2026-11-23-031500Z' }] },
        ],
      },
      ...detail,
    },
  };
}

it.each([
  [
    'AWS had no capacity for it',
    {},
    {
      stopCode: 'TaskFailedToStart',
      stoppedReason: 'Capacity is unavailable at this time. Please try again later',
    },
  ],
  [
    'its image could not be pulled',
    {},
    { stopCode: 'TaskFailedToStart', stoppedReason: 'CannotPullContainerError: manifest unknown' },
  ],
  [
    'it ran out of memory',
    { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' },
    essential,
  ],
  ['its disk was full', { exitCode: 1000, reason: 'write: no space left on device' }, essential],
  ['it was killed', { exitCode: 137 }, essential],
  ['it could not send its own mail', { exitCode: 2 }, essential],
  [
    'somebody stopped it',
    { exitCode: 143 },
    { stopCode: 'UserInitiated', stoppedReason: 'Task stopped by user' },
  ],
])('mails once that %s, with its section of the runbook', async (what, container, detail) => {
  const notice = stopped(container, detail);
  for (let delivery = 0; delivery < 3; delivery += 1) await handler(notice, context);
  expect((await mails()).map(({ subject }) => subject)).toEqual([
    `[offsite] RESTORE TEST FAILED: bitagent, ${what}`,
  ]);
  expect((await mails())[0]?.text).toMatch(/\n==== Runbook: Restore test lost ====\n/);
});

it('mails once of a task that did not start: as it is taken down, though it may never stop', async () => {
  const detail = { stopCode: 'TaskFailedToStart', stoppedReason: 'Task failed to start' };
  const attachments = [
    {
      type: 'AmazonElasticBlockStorage',
      status: 'FAILED',
      details: [{ name: 'statusReason', value: 'ECS was unable to assume the ECS Infrastructure Role' }],
    },
  ];
  const notice = stopped({}, { ...detail, attachments });
  const during = { ...notice, detail: { ...notice.detail, lastStatus: 'DEPROVISIONING' } };
  for (const one of [during, notice, during]) await handler(one, context);
  expect((await mails()).map(({ subject }) => subject)).toEqual([
    '[offsite] RESTORE TEST FAILED: bitagent, its volume could not be made',
  ]);
});

it('is quiet about a test whose own mail is out', async () => {
  await handler(stopped({ exitCode: 0 }, essential), context);
  await handler(stopped({ exitCode: 20 }, essential), context);
  expect(await mails()).toEqual([]);
});

it('mails again for another task, and for what it does not know', async () => {
  await handler(stopped({ exitCode: 137 }, essential), context);
  await handler(stopped({ exitCode: 137 }, essential), context);
  await handler({ surprise: 1 }, context);
  await handler({ surprise: 1 }, context);
  await handler({ surprise: 2 }, context);
  expect(await mails()).toHaveLength(4);
});

it('mails of a function that failed for good, once', async () => {
  const failed = (requestId: string) => ({
    timestamp: '2026-11-23T03:20:00.000Z',
    requestContext: {
      requestId,
      functionArn: 'arn:aws:lambda:eu-central-1:1:function:launch-restore-test:$LATEST',
      condition: 'RetriesExhausted',
      approximateInvokeCount: 3,
    },
    requestPayload: {},
  });
  await handler(failed('a'), context);
  await handler(failed('a'), context);
  await handler(failed('b'), context);
  expect((await mails()).map(({ subject }) => subject)).toEqual([
    '[offsite] launch-restore-test FAILED',
    '[offsite] launch-restore-test FAILED',
  ]);
});

it('mails though it cannot look at what was told', async () => {
  process.env.OFFSITE_BUCKET = 'no-such-bucket';
  try {
    await handler(stopped({ exitCode: 137 }, essential), context);
    expect(await mails()).toHaveLength(1);
  } finally {
    process.env.OFFSITE_BUCKET = aws.bucket;
  }
});
