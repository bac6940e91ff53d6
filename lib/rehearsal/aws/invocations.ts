// Invocations that nobody waits for: by EventBridge, SNS and schedules, and by a queue's event source mapping. They are tried
// again; what fails for good goes to the function's failure destination, or to the queue's dead letters. AWS waits between
// attempts; here there is nobody to wait for.

import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { LambdaFunction, Queue } from '../template/wiring.ts';
import { type Invocation, invoke, type LambdaHost } from './lambda-runtime.ts';

/** The attempts, oldest first; the last one is what came of it. */
export type Invocations = { readonly attempts: readonly Invocation[]; readonly last: Invocation };

/**
 * Invokes a function, again as often as its configuration says while it fails.
 *
 * @returns With a failure if all attempts failed, whether or not the function has a destination for it.
 */
export async function invokeAsync(
  host: LambdaHost,
  fn: LambdaFunction,
  event: unknown,
): Promise<Invocations & { readonly failure: ReturnType<typeof failureRecord> | undefined }> {
  const { attempts, last } = await tryInvoking(fn.retryAttempts + 1, () => invoke(host, fn, event));
  const failure = last.outcome === 'failed' ? failureRecord(fn, event, attempts.length, last) : undefined;
  return { attempts, last, failure };
}

/** Gives a function that waits until one of those that may work on a queue at once has ended, then hands out a message. */
export function createQueues(host: LambdaHost, region: string) {
  const lanesOf = new Map<Queue, Promise<unknown>[]>();
  return (queue: Queue, fn: LambdaFunction, event: unknown): Promise<Invocations> => {
    const lanes = lanesOf.get(queue) ?? Array.from({ length: queue.atOnce }, () => Promise.resolve());
    lanesOf.set(queue, lanes);
    const before = lanes.shift() ?? Promise.resolve();
    const messageId = randomUUID();
    const invocation = before.then(() =>
      tryInvoking(queue.attempts, async (attempt) => {
        const record = messageOf(queue, { region, event, messageId, attempt });
        return judged(await invoke(host, fn, { Records: [record] }), messageId);
      }),
    );
    lanes.push(invocation.catch(() => undefined));
    return invocation;
  };
}

async function tryInvoking(
  most: number,
  tryOnce: (attempt: number) => Promise<Invocation>,
): Promise<Invocations> {
  const attempts: Invocation[] = [];
  for (;;) {
    const last = await tryOnce(attempts.length + 1);
    attempts.push(last);
    if (last.outcome === 'returned' || attempts.length >= most) return { attempts, last };
  }
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
function failureRecord(
  fn: LambdaFunction,
  event: unknown,
  invokeCount: number,
  { requestId, error }: Extract<Invocation, { outcome: 'failed' }>,
) {
  return {
    version: '1.0',
    timestamp: new Date().toISOString(),
    requestContext: {
      requestId,
      functionArn: `${fn.arn}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: invokeCount,
    },
    requestPayload: event,
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: error,
  };
}

type Message = {
  readonly region: string;
  readonly event: unknown;
  readonly messageId: string;
  readonly attempt: number;
};

function messageOf(queue: Queue, { region, event, messageId, attempt }: Message) {
  const now = String(Date.now());
  return {
    messageId,
    receiptHandle: randomUUID(),
    body: JSON.stringify(event),
    attributes: {
      ApproximateReceiveCount: String(attempt),
      SentTimestamp: now,
      SenderId: 'AIDAREHEARSAL',
      ApproximateFirstReceiveTimestamp: now,
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: queue.arn,
    awsRegion: region,
  };
}

const answerSchema = z.strictObject({
  batchItemFailures: z.array(z.strictObject({ itemIdentifier: z.string() })),
});

/** The invocation as a failed one, if its answer leaves the message in the queue. */
function judged(invocation: Invocation, messageId: string): Invocation {
  if (invocation.outcome === 'failed') return invocation;
  const { payload, ...seen } = invocation;
  const answer = answerSchema.safeParse(payload);
  // Anything else leaves all of the batch in the queue, too.
  if (answer.success && !answer.data.batchItemFailures.some((one) => one.itemIdentifier === messageId))
    return invocation;
  const errorMessage = `the message was left in the queue: ${JSON.stringify(payload)}`;
  return { ...seen, outcome: 'failed', error: { errorType: 'BatchItemFailure', errorMessage } };
}
