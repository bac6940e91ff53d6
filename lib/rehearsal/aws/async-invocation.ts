// Asynchronous invocation, as EventBridge, SNS and schedules use it: retried, and what fails for good is handed to the
// function's failure destination. Lambda waits minutes between attempts; here there is nobody to wait for.

import type { LambdaFunction } from '../template/wiring.ts';
import { type Invocation, invoke, type LambdaHost } from './lambda-runtime.ts';

/** What Lambda sends to a failure destination. */
export type FailureRecord = {
  readonly version: '1.0';
  readonly timestamp: string;
  readonly requestContext: {
    readonly requestId: string;
    readonly functionArn: string;
    readonly condition: 'RetriesExhausted';
    readonly approximateInvokeCount: number;
  };
  readonly requestPayload: unknown;
  readonly responseContext: {
    readonly statusCode: 200;
    readonly executedVersion: '$LATEST';
    readonly functionError: 'Unhandled';
  };
  readonly responsePayload: unknown;
};

/** The attempts, oldest first; the last one is what came of it. */
export type AsyncInvocation = {
  readonly attempts: readonly Invocation[];
  readonly last: Invocation;
  /** Given if all attempts failed, whether or not the function has a destination for it. */
  readonly failure: FailureRecord | undefined;
};

/** Invokes a function, again as often as its configuration says while it fails. */
export async function invokeAsync(
  host: LambdaHost,
  fn: LambdaFunction,
  event: unknown,
): Promise<AsyncInvocation> {
  const attempts: Invocation[] = [];
  for (;;) {
    const last = await invoke(host, fn, event);
    attempts.push(last);
    if (last.outcome === 'returned') return { attempts, last, failure: undefined };
    if (attempts.length > fn.retryAttempts) {
      return { attempts, last, failure: failureRecord(fn, event, attempts.length, last) };
    }
  }
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
function failureRecord(
  fn: LambdaFunction,
  event: unknown,
  invokeCount: number,
  last: Extract<Invocation, { outcome: 'failed' }>,
): FailureRecord {
  return {
    version: '1.0',
    timestamp: new Date().toISOString(),
    requestContext: {
      requestId: last.requestId,
      functionArn: `${fn.arn}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: invokeCount,
    },
    requestPayload: event,
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: last.error,
  };
}
