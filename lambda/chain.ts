// The one chain that every handler runs in: structured logs, a parsed event, and errors that say what to do.

import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { ChangeMessageVisibilityCommand, SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import * as z from 'zod';
import { OffsiteError } from '../lib/base/errors.ts';

export const logger = new Logger({ serviceName: 'offsite' });

/**
 * Makes a handler.
 *
 * @param schema - Of the event; any other event is refused with `EVENT_INVALID`.
 * @param handle - Answers the parsed event; what it throws fails the invocation, so that Lambda tries again and then
 *   hands the event to `report`.
 */
export function chain<Schema extends z.ZodType, Result>(
  schema: Schema,
  handle: (event: z.output<Schema>) => Promise<Result>,
) {
  return middy<unknown, Result>()
    .use(injectLambdaContext(logger))
    .onError(({ error }) => logError(error))
    .handler(async (event) => handle(parseEvent(schema, event)));
}

/** What Lambda is told of a batch: which messages stay in the queue. */
export type BatchAnswer = { readonly batchItemFailures: readonly { readonly itemIdentifier: string }[] };

/**
 * Makes a handler for events that come by a queue, or one by itself when an operator hands it in again.
 *
 * @param schema - Of each event.
 * @param handle - What it throws leaves the event in the queue, and the others of the batch are none the worse for it.
 * @param again - Is given what failed.
 */
export function queueChain<Schema extends z.ZodType, Result>(
  schema: Schema,
  handle: (event: z.output<Schema>) => Promise<Result>,
  again: (message: QueuedMessage) => Promise<void> = handOutSoon,
) {
  const batchSchema = z.object({ Records: z.array(messageSchema).min(1) });
  return chain(z.unknown(), async (event): Promise<Result | BatchAnswer> => {
    const batch = batchSchema.safeParse(event);
    if (!batch.success) return handle(parseEvent(schema, event));
    const batchItemFailures: { itemIdentifier: string }[] = [];
    for (const message of batch.data.Records) {
      try {
        await handle(parseEvent(schema, JSON.parse(message.body)));
      } catch (error) {
        logError(error);
        batchItemFailures.push({ itemIdentifier: message.messageId });
        await again(message).catch(logError);
      }
    }
    return { batchItemFailures };
  });
}

function logError(error: unknown): void {
  const { code, expected, found, hint } = error as Partial<OffsiteError>;
  logger.error((error as Error).message, { error: error as Error, code, expected, found, hint });
}

function parseEvent<Schema extends z.ZodType>(schema: Schema, event: unknown): z.output<Schema> {
  const parsed = schema.safeParse(event);
  if (parsed.success) return parsed.data;
  throw new OffsiteError('EVENT_INVALID', 'the event is not of the form that this handler answers', {
    expected: 'an event as its rule delivers it',
    found: z.prettifyError(parsed.error),
    hint: 'nothing was read or written; compare the event with docs/format.md',
  });
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
const messageSchema = z.object({
  messageId: z.string(),
  receiptHandle: z.string(),
  body: z.string(),
  eventSource: z.literal('aws:sqs'),
  eventSourceARN: z.string(),
  attributes: z.object({ ApproximateReceiveCount: z.string() }),
});

type QueuedMessage = z.output<typeof messageSchema>;

/**
 * After the first attempt, and after the second: the queue hides a message for six times what its function may take, 90 minutes for
 * `verify`. A fault of the store's is over in a minute, or takes some.
 */
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
