// Runs a function of the stack as Lambda would: the bundled code, in a process of its own, with the environment that
// the template gives it and nothing of ours, within its time and memory.

import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { LambdaFunction } from '../template/wiring.ts';
import type { Answer, Assignment, LambdaError } from './lambda-bootstrap.ts';

/** What is around every function. */
export type LambdaHost = {
  /** Where a function's bundle was synthesized to, by its key in the assets bucket. */
  readonly assetDirectory: (codeKey: string) => string;
  /** Region, credentials and endpoints of the local AWS. */
  readonly aws: Readonly<Record<string, string>>;
  /** Ends handlers that run. */
  readonly signal?: AbortSignal;
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

const bootstrap = fileURLToPath(new URL('lambda-bootstrap.ts', import.meta.url));

/**
 * Invokes a function once and waits for its answer.
 *
 * @remarks A handler that throws, exits, runs out of time or uses more memory than it has is a `failed` invocation,
 *   not a rejection. Nothing of it runs on afterwards.
 */
export async function invoke(host: LambdaHost, fn: LambdaFunction, event: unknown): Promise<Invocation> {
  const startedAt = Date.now();
  const requestId = randomUUID();
  const assignment: Assignment = { event, requestId, deadlineMs: startedAt + fn.timeoutMs };
  const root = host.assetDirectory(fn.codeKey);
  const child = await execa(process.execPath, ['--disable-warning=ExperimentalWarning', bootstrap], {
    cwd: root,
    extendEnv: false,
    env: environmentOf(host, fn, root),
    input: JSON.stringify(assignment),
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    all: true,
    timeout: fn.timeoutMs,
    killSignal: 'SIGKILL',
    reject: false,
    ...(host.signal && { cancelSignal: host.signal }),
  });
  const answer = parseAnswer(child.stdio[3]);
  const seen = {
    requestId,
    functionName: fn.name,
    durationMs: Date.now() - startedAt,
    peakMemoryMiB: answer?.peakMemoryMiB,
    logs: child.all,
  };
  const error = errorOf(fn, requestId, child, answer);
  if (error !== undefined) return { ...seen, outcome: 'failed', error };
  return { ...seen, outcome: 'returned', payload: (answer as { payload?: unknown }).payload };
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

function parseAnswer(text: unknown): Answer | undefined {
  return typeof text === 'string' && text !== '' ? (JSON.parse(text) as Answer) : undefined;
}

type Ending = { readonly timedOut: boolean; readonly exitCode?: number; readonly signal?: string };

function errorOf(
  fn: LambdaFunction,
  requestId: string,
  ending: Ending,
  answer: Answer | undefined,
): LambdaError | undefined {
  const about = `RequestId: ${requestId} Error:`;
  if (ending.timedOut) {
    const seconds = (fn.timeoutMs / 1000).toFixed(2);
    return {
      errorType: 'Sandbox.Timedout',
      errorMessage: `${about} Task timed out after ${seconds} seconds`,
    };
  }
  if (answer === undefined) {
    const cause = ending.signal === undefined ? `exit status ${ending.exitCode}` : `signal: ${ending.signal}`;
    return {
      errorType: 'Runtime.ExitError',
      errorMessage: `${about} Runtime exited with error: ${cause}`,
    };
  }
  if (answer.peakMemoryMiB > fn.memoryMiB) {
    const used = `${answer.peakMemoryMiB} MiB used of ${fn.memoryMiB}`;
    return {
      errorType: 'Runtime.OutOfMemory',
      errorMessage: `${about} Runtime exited with error: signal: killed (${used})`,
    };
  }
  return 'error' in answer ? answer.error : undefined;
}
