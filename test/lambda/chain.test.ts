// A message that failed, at a real queue: it is handed out again when the handler says, and not when it would be by itself.

import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { handOutSoon, queueChain } from '../../lambda/chain.ts';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';

let aws: LocalAws;
let sqs: SQSClient;
let url: string;
let arn: string;

beforeAll(async () => {
  aws = await startLocalAws();
  sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
  const Attributes = { VisibilityTimeout: '5400' };
  url = (await sqs.send(new CreateQueueCommand({ QueueName: 'committed', Attributes }))).QueueUrl ?? '';
  const asked = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] }),
  );
  arn = asked.Attributes?.QueueArn ?? '';
});
afterAll(async () => {
  sqs.destroy();
  await aws.stop();
});

const receive = async (WaitTimeSeconds: number): Promise<Message | undefined> => {
  const asked = { QueueUrl: url, WaitTimeSeconds, MessageSystemAttributeNames: ['All' as const] };
  return (await sqs.send(new ReceiveMessageCommand(asked))).Messages?.[0];
};

it('comes again soon at first, and later the next time', async () => {
  const failing = queueChain(
    z.unknown(),
    () => Promise.reject(new Error('the store does not answer')),
    (message) => handOutSoon(message, [0, 600]),
  );
  const handle = (message: Message | undefined) =>
    failing(
      {
        Records: [
          {
            messageId: message?.MessageId,
            receiptHandle: message?.ReceiptHandle,
            body: message?.Body,
            eventSource: 'aws:sqs',
            eventSourceARN: arn,
            attributes: message?.Attributes,
          },
        ],
      },
      { awsRequestId: 'r', functionName: 'verify' } as Context,
    );
  await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '{}' }));
  const first = await receive(20);
  expect(await handle(first)).toEqual({ batchItemFailures: [{ itemIdentifier: first?.MessageId }] });
  const second = await receive(20);
  expect(second).toMatchObject({ MessageId: first?.MessageId, Attributes: { ApproximateReceiveCount: '2' } });
  await handle(second);
  expect(await receive(0)).toBeUndefined();
});

it('fails no worse where the queue cannot be told', async () => {
  const failing = queueChain(z.unknown(), () => Promise.reject(new Error('no')));
  const record = {
    messageId: 'm',
    receiptHandle: 'of nothing',
    body: '{}',
    eventSource: 'aws:sqs',
    eventSourceARN: `${arn}-gone`,
    attributes: { ApproximateReceiveCount: '1' },
  };
  expect(await failing({ Records: [record] }, {} as Context)).toEqual({
    batchItemFailures: [{ itemIdentifier: 'm' }],
  });
});
