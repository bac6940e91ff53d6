// What a queue hands to a function, and when it does so again. It hides a message for six times what its function may take,
// 90 minutes for `verify`: of one that has failed it is told itself when to hand it out.

import { ChangeMessageVisibilityCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';

/** @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export const messageSchema = z.object({
  messageId: z.string(),
  receiptHandle: z.string(),
  body: z.string(),
  eventSource: z.literal('aws:sqs'),
  eventSourceARN: z.string(),
  attributes: z.object({ ApproximateReceiveCount: z.string() }),
});

export type QueuedMessage = z.output<typeof messageSchema>;

/** After the first attempt, and after the second: a fault of the store's is over in a minute, or takes some. */
const usualPauses = [60, 600];

/**
 * Has a message handed out again.
 *
 * @param pauses - Seconds after each attempt.
 * @throws What SQS fails with; the message comes later then.
 */
export async function handOutSoon(
  message: QueuedMessage,
  pauses: readonly number[] = usualPauses,
): Promise<void> {
  const { receiptHandle, eventSourceARN, attributes } = message;
  const [, , , region = '', account, queue] = eventSourceARN.split(':');
  const client = new SQSClient({ region, useQueueUrlAsEndpoint: false });
  const attempt = Number(attributes.ApproximateReceiveCount);
  await client.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl: `https://sqs.${region}.amazonaws.com/${account}/${queue}`,
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: pauses[Math.min(attempt, pauses.length) - 1] ?? 0,
    }),
  );
}
