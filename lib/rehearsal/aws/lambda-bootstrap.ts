// Runs in the child process, in the place of Lambda's own runtime: loads the handler from the bundle, hands it the events that
// come by stdin, a line each, and writes what it returns or throws to file descriptor 3. stdout and stderr stay the handler's.

import { existsSync, readFileSync, writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** What the child is told on stdin. */
export type Assignment = {
  readonly event: unknown;
  readonly requestId: string;
  readonly deadlineMs: number;
  /** What the child writes after all that it writes of this event, on each of its ways out. */
  readonly mark: string;
};

export type LambdaError = {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
};

/** What the child answers on file descriptor 3. */
export type Answer = {
  readonly peakMemoryMiB: number;
  /** Whether the process ends itself: it is in no state for another event. */
  readonly isLast: boolean;
} & ({ readonly payload: unknown } | { readonly error: LambdaError });

type Handler = (event: unknown, context: object) => unknown;

const environment = process.env as Record<string, string>;
// It was for this process alone, which starts in half the time by it.
delete environment.NODE_COMPILE_CACHE;

async function loadHandler(): Promise<Handler> {
  const { LAMBDA_TASK_ROOT: root = '', _HANDLER: name = '' } = environment;
  const dot = name.lastIndexOf('.');
  const [file, exported] = [name.slice(0, dot), name.slice(dot + 1)];
  const path = ['.js', '.mjs', '.cjs'].map((suffix) => join(root, `${file}${suffix}`)).find(existsSync);
  if (path === undefined) throw runtimeError('Runtime.ImportModuleError', `Cannot find module '${file}'`);
  const loaded = await import(pathToFileURL(path).href);
  const handler = loaded[exported] ?? loaded.default?.[exported];
  if (typeof handler !== 'function') {
    throw runtimeError('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  }
  return handler;
}

function runtimeError(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

function contextOf({ requestId, deadlineMs }: Assignment): object {
  const name = environment.AWS_LAMBDA_FUNCTION_NAME;
  return {
    functionName: name,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: environment.REHEARSAL_FUNCTION_ARN,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: requestId,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  };
}

// Not getrusage: across fork and exec it starts from the parent's peak.
function peakMemoryMiB(): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Math.ceil(Number(kibibytes ?? process.resourceUsage().maxRSS) / 1024);
}

type Outcome = { readonly payload: unknown } | { readonly error: LambdaError };

let mark = '';

function answer(outcome: Outcome, isLast = false): void {
  const text = JSON.stringify({ ...outcome, isLast, peakMemoryMiB: peakMemoryMiB() } satisfies Answer);
  const bytes = Buffer.from(`${text}${mark}`);
  for (let written = 0; written < bytes.length; ) written += writeSync(3, bytes, written);
  // After what the handler wrote there.
  for (const stream of [process.stdout, process.stderr]) stream.write(mark);
  if (isLast) process.exit(0);
}

function describe(thrown: unknown, errorType?: string): LambdaError {
  if (!(thrown instanceof Error)) return { errorType: errorType ?? typeof thrown, errorMessage: `${thrown}` };
  const trace = (thrown.stack ?? '').split('\n');
  return { errorType: errorType ?? thrown.name, errorMessage: thrown.message, trace };
}

async function run(handler: Handler, assignment: Assignment): Promise<Outcome> {
  try {
    return { payload: (await handler(assignment.event, contextOf(assignment))) ?? null };
  } catch (error) {
    console.error(error);
    return { error: describe(error) };
  }
}

process.on('unhandledRejection', (reason) =>
  answer({ error: describe(reason, 'Runtime.UnhandledPromiseRejection') }, true),
);
let handler: Handler | undefined;
for await (const line of createInterface({ input: process.stdin })) {
  const assignment = JSON.parse(line) as Assignment;
  mark = assignment.mark;
  try {
    handler ??= await loadHandler();
    // A process that waits is ended by a signal, and writes nothing then.
    flushCompileCache();
  } catch (error) {
    console.error(error);
    answer({ error: describe(error) }, true);
    break;
  }
  answer(await run(handler, assignment));
}
process.exit(0);
