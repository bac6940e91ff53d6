// A message of a queue, as Lambda's event source mapping hands it to a function: again while it says that it failed, and
// then the queue's own dead letters have it. Between attempts it would be invisible for a time; here there is nobody to wait.

import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { LambdaFunction, Queue } from '../template/wiring.ts';
import type { AsyncInvocation } from './async-invocation.ts';
import { type Invocation, invoke, type LambdaHost } from './lambda-runtime.ts';

const answerSchema = z.strictObject({
  batchItemFailures: z.array(z.strictObject({ itemIdentifier: z.string() })),
});

type Message = { readonly queue: Queue; readonly region: string; readonly event: unknown };

/** Gives a function that waits until one of those that may work on a queue at once has ended, then hands out a message. */
export function createQueues(host: LambdaHost, region: string) {
  const lanesOf = new Map<Queue, Promise<unknown>[]>();
  return (queue: Queue, fn: LambdaFunction, event: unknown): Promise<AsyncInvocation> => {
    const lanes = lanesOf.get(queue) ?? Array.from({ length: queue.atOnce }, () => Promise.resolve());
    lanesOf.set(queue, lanes);
    const before = lanes.shift() ?? Promise.resolve();
    const invocation = before.then(() => invokeFromQueue(host, fn, { queue, region, event }));
    lanes.push(invocation.catch(() => undefined));
    return invocation;
  };
}

/** Invokes a function with one message, as often as the queue hands it out. */
async function invokeFromQueue(
  host: LambdaHost,
  fn: LambdaFunction,
  { queue, region, event }: Message,
): Promise<AsyncInvocation> {
  const messageId = randomUUID();
  const attempts: Invocation[] = [];
  for (;;) {
    const record = {
      messageId,
      receiptHandle: randomUUID(),
      body: JSON.stringify(event),
      attributes: {
        ApproximateReceiveCount: String(attempts.length + 1),
        SentTimestamp: String(Date.now()),
        SenderId: 'AIDAREHEARSAL',
        ApproximateFirstReceiveTimestamp: String(Date.now()),
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: queue.arn,
      awsRegion: region,
    };
    const last = judged(await invoke(host, fn, { Records: [record] }), messageId);
    attempts.push(last);
    if (last.outcome === 'returned' || attempts.length >= queue.attempts) {
      return { attempts, last, failure: undefined };
    }
  }
}

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
