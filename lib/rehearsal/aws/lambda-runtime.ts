// Runs a function of the stack as Lambda would: the bundled code, in a process of its own, with the environment that
// the template gives it and nothing of ours, within its time and memory.

import { randomUUID } from 'node:crypto';
import type { LambdaFunction } from '../template/wiring.ts';
import type { LambdaError } from './lambda-bootstrap.ts';
import { type Ending, handle } from './lambda-process.ts';

/** What is around every function. */
export type LambdaHost = {
  /** Where a function's bundle was synthesized to, by its key in the assets bucket. */
  readonly assetDirectory: (codeKey: string) => string;
  /** Region, credentials and endpoints of the local AWS. */
  readonly aws: Readonly<Record<string, string>>;
  /** Ends handlers that run, and the processes that wait for the next event. */
  readonly signal: AbortSignal;
};

export type Invocation = {
  readonly requestId: string;
  readonly functionName: string;
  readonly durationMs: number;
  /** `undefined` if the process died before it could say. */
  readonly peakMemoryMiB: number | undefined;
  /** All that the handler wrote to stdout and stderr. */
  readonly logs: string;
} & (
  | { readonly outcome: 'returned'; readonly payload: unknown }
  | { readonly outcome: 'failed'; readonly error: LambdaError }
);

/** A function that failed for good; `logs` are its own last words, which the story shows. */
export class HandlerFailure extends Error {
  readonly logs: string;

  constructor(message: string, logs: string) {
    super(message);
    this.name = 'HandlerFailure';
    this.logs = logs;
  }
}

/**
 * Invokes a function once and waits for its answer.
 *
 * @remarks A handler that throws, exits, runs out of time or uses more memory than it has is a `failed` invocation,
 *   not a rejection. What runs out of time or memory does not run on.
 */
export async function invoke(host: LambdaHost, fn: LambdaFunction, event: unknown): Promise<Invocation> {
  const startedAt = Date.now();
  const requestId = randomUUID();
  const folder = host.assetDirectory(fn.codeKey);
  const ending = await handle(
    { folder, env: environmentOf(host, fn, folder), memoryMiB: fn.memoryMiB, signal: host.signal },
    { event, requestId, deadlineMs: startedAt + fn.timeoutMs, mark: `\0${requestId}\n` },
  );
  const seen = {
    requestId,
    functionName: fn.name,
    durationMs: Date.now() - startedAt,
    peakMemoryMiB: ending.answer?.peakMemoryMiB,
    logs: ending.logs,
  };
  const error = errorOf(fn, requestId, ending);
  if (error !== undefined) return { ...seen, outcome: 'failed', error };
  return { ...seen, outcome: 'returned', payload: (ending.answer as { payload?: unknown }).payload };
}

/**
 * The variables that a function sees.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
function environmentOf(host: LambdaHost, fn: LambdaFunction, root: string): Record<string, string> {
  const { NODE_COMPILE_CACHE } = process.env;
  return {
    ...fn.environment,
    // The child takes it away before the handler looks.
    ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }),
    ...host.aws,
    // As its role would have keys of its own: this is how requests say whose they are.
    AWS_ACCESS_KEY_ID: fn.logicalId,
    _HANDLER: fn.handler,
    AWS_DEFAULT_REGION: host.aws.AWS_REGION ?? '',
    AWS_EXECUTION_ENV: `AWS_Lambda_nodejs${process.versions.node.split('.')[0]}.x`,
    AWS_LAMBDA_FUNCTION_NAME: fn.name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memoryMiB),
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${fn.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'rehearsal',
    LAMBDA_TASK_ROOT: root,
    LANG: 'en_US.UTF-8',
    PATH: '/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin',
    TZ: ':UTC',
    REHEARSAL_FUNCTION_ARN: fn.arn,
  };
}

function errorOf(fn: LambdaFunction, requestId: string, ending: Ending): LambdaError | undefined {
  const { answer } = ending;
  const error = (errorType: string, words: string) => ({
    errorType,
    errorMessage: `RequestId: ${requestId} Error: ${words}`,
  });
  const seconds = (fn.timeoutMs / 1000).toFixed(2);
  if (ending.timedOut) return error('Sandbox.Timedout', `Task timed out after ${seconds} seconds`);
  if (answer === undefined) return error('Runtime.ExitError', `Runtime exited with error: ${ending.death}`);
  if (answer.peakMemoryMiB > fn.memoryMiB) {
    const used = `${answer.peakMemoryMiB} MiB used of ${fn.memoryMiB}`;
    return error('Runtime.OutOfMemory', `Runtime exited with error: signal: killed (${used})`);
  }
  return 'error' in answer ? answer.error : undefined;
}
