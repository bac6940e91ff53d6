import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { invokeAsync } from '../../../lib/rehearsal/aws/invocations.ts';
import { invoke, type LambdaHost } from '../../../lib/rehearsal/aws/lambda-runtime.ts';
import type { LambdaFunction } from '../../../lib/rehearsal/template/wiring.ts';

// A bundle as the stack makes it: CommonJS, and no package.json beside it.
const bundle = `
const { spawn } = require('node:child_process');
const { appendFileSync } = require('node:fs');
exports.echo = async (event, context) => {
  console.log('hello from stdout');
  console.error('hello from stderr');
  return { event, context, left: context.getRemainingTimeInMillis(), cwd: process.cwd() };
};
exports.environment = async () => ({ ...process.env });
exports.timeZone = async () => new Date(2026, 6, 1).toISOString();
let times = 0;
exports.times = async () => ({ pid: process.pid, times: ++times });
exports.nothing = async () => {};
exports.throws = async () => { throw new RangeError('too far'); };
exports.throwsText = async () => { throw 'plain text'; };
exports.exits = async () => process.exit(3);
exports.rejectsAside = async () => { Promise.reject(new Error('forgotten')); await new Promise((r) => setTimeout(r, 1000)); };
exports.hangs = async () => new Promise((resolve) => setTimeout(resolve, 60000));
exports.busy = async () => { for (;;); };
exports.hungry = async () => Buffer.alloc(400 * 1024 * 1024, 1).length;
exports.large = async () => 'x'.repeat(3 * 1024 * 1024);
exports.counted = async ({ file }) => { appendFileSync(file, '.'); throw new Error('again'); };
`;

let directory: string;
let host: LambdaHost;
const over = new AbortController();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'offsite-lambda-test-'));
  await writeFile(join(directory, 'index.js'), bundle);
  host = {
    assetDirectory: () => directory,
    aws: {
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    },
    signal: over.signal,
  };
});
afterAll(() => {
  over.abort();
  return rm(directory, { recursive: true });
});

function functionOf(handler: string, changes: Partial<LambdaFunction> = {}): LambdaFunction {
  return {
    logicalId: 'Verify',
    name: 'Offsite-Verify',
    arn: 'arn:aws:lambda:us-east-1:000000000000:function:Offsite-Verify',
    handler: `index.${handler}`,
    codeKey: 'abc.zip',
    environment: { OFFSITE_BUCKET: 'offsite' },
    timeoutMs: 10_000,
    memoryMiB: 256,
    retryAttempts: 2,
    onFailure: undefined,
    deadLetters: undefined,
    ...changes,
  };
}

describe('invoke', () => {
  test('hands over the event and the context, and gives the answer and the logs', async () => {
    const invocation = await invoke(host, functionOf('echo'), { detail: { key: 'ö\n"' } });
    expect(invocation).toMatchObject({
      outcome: 'returned',
      functionName: 'Offsite-Verify',
      payload: {
        event: { detail: { key: 'ö\n"' } },
        cwd: directory,
        context: {
          functionName: 'Offsite-Verify',
          functionVersion: '$LATEST',
          invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:Offsite-Verify',
          memoryLimitInMB: '256',
          awsRequestId: invocation.requestId,
        },
      },
    });
    const { left } = (invocation as unknown as { payload: { left: number } }).payload;
    expect(left).toBeGreaterThan(5_000);
    expect(left).toBeLessThanOrEqual(10_000);
    expect(invocation.logs).toContain('hello from stdout');
    expect(invocation.logs).toContain('hello from stderr');
    expect(invocation.peakMemoryMiB).toBeGreaterThan(20);
  });

  test("shows the handler the template's environment and Lambda's own, and nothing of ours", async () => {
    process.env.OFFSITE_TEST_LEAK = 'ours';
    const invocation = await invoke(host, functionOf('environment'), {});
    delete process.env.OFFSITE_TEST_LEAK;
    const { payload } = invocation as unknown as { payload: Record<string, string> };
    expect(payload).toMatchObject({
      OFFSITE_BUCKET: 'offsite',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_LAMBDA_FUNCTION_NAME: 'Offsite-Verify',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      TZ: ':UTC',
    });
    const foreign = Object.keys(payload).filter(
      (name) => !/^(AWS_|OFFSITE_BUCKET$|LAMBDA_|_HANDLER$|LANG$|PATH$|TZ$|REHEARSAL_)/.test(name),
    );
    expect(foreign).toEqual([]);
  });

  test('runs in UTC whatever the zone of this machine is', async () => {
    process.env.TZ = 'Asia/Tokyo';
    const invocation = await invoke(host, functionOf('timeZone'), {});
    delete process.env.TZ;
    expect(invocation).toMatchObject({ payload: '2026-07-01T00:00:00.000Z' });
  });

  test('gives null for a handler that returns nothing, and carries large answers whole', async () => {
    expect(await invoke(host, functionOf('nothing'), {})).toMatchObject({
      outcome: 'returned',
      payload: null,
    });
    const large = (await invoke(host, functionOf('large'), {})) as unknown as { payload: string };
    expect(large.payload).toHaveLength(3 * 1024 * 1024);
  });

  test.each([
    ['throws', { errorType: 'RangeError', errorMessage: 'too far' }],
    ['throwsText', { errorType: 'string', errorMessage: 'plain text' }],
    [
      'exits',
      {
        errorType: 'Runtime.ExitError',
        errorMessage: expect.stringContaining('Runtime exited with error: exit status 3'),
      },
    ],
    ['rejectsAside', { errorType: 'Runtime.UnhandledPromiseRejection', errorMessage: 'forgotten' }],
    ['absent', { errorType: 'Runtime.HandlerNotFound', errorMessage: expect.stringContaining('absent') }],
  ])('a handler that fails is a failed invocation: %s', async (handler, error) => {
    expect(await invoke(host, functionOf(handler), {})).toMatchObject({ outcome: 'failed', error });
  });

  test('a bundle that is not there is a failed invocation', async () => {
    const invocation = await invoke(host, functionOf('x', { handler: 'other.handler' }), {});
    expect(invocation).toMatchObject({
      outcome: 'failed',
      error: { errorType: 'Runtime.ImportModuleError' },
    });
  });

  test.each(['hangs', 'busy'])('ends a handler that does not end in time: %s', async (handler) => {
    const invocation = await invoke(host, functionOf(handler, { timeoutMs: 800 }), {});
    expect(invocation).toMatchObject({
      outcome: 'failed',
      error: {
        errorType: 'Sandbox.Timedout',
        errorMessage: expect.stringContaining('Task timed out after 0.80 seconds'),
      },
    });
    expect(invocation.durationMs).toBeGreaterThanOrEqual(790);
  });

  test('fails a handler that uses more memory than it has', async () => {
    const invocation = await invoke(host, functionOf('hungry', { memoryMiB: 256 }), {});
    expect(invocation).toMatchObject({ outcome: 'failed', error: { errorType: 'Runtime.OutOfMemory' } });
    expect(await invoke(host, functionOf('hungry', { memoryMiB: 1024 }), {})).toMatchObject({
      outcome: 'returned',
    });
  });
});

describe('a process that has handled an event', () => {
  const handled = async (fn: LambdaFunction, event: unknown = {}) =>
    (await invoke(host, fn, event)) as unknown as { payload: { pid: number; times: number }; logs: string };

  test('handles the next, but never two at once, nor what another function was called for', async () => {
    const fn = functionOf('times');
    const [first, second] = await Promise.all([handled(fn), handled(fn)]);
    expect(first?.payload.pid).not.toBe(second?.payload.pid);
    const third = await handled(fn);
    expect([first, second].map((one) => one?.payload.pid)).toContain(third.payload.pid);
    expect(third.payload.times).toBe(2);
    expect(await handled(functionOf('times', { environment: {} }))).toMatchObject({ payload: { times: 1 } });
  });

  test('gives each event the logs of its own', async () => {
    const fn = functionOf('echo');
    for (let turn = 0; turn < 2; turn += 1) {
      const { logs } = await handled(fn);
      expect(logs.match(/hello from std(out|err)/g)?.sort()).toEqual([
        'hello from stderr',
        'hello from stdout',
      ]);
      expect(logs).not.toContain('\0');
    }
  });
});

describe('invokeAsync', () => {
  test('does not repeat what succeeded', async () => {
    const { attempts, failure } = await invokeAsync(host, functionOf('nothing'), {});
    expect(attempts).toHaveLength(1);
    expect(failure).toBeUndefined();
  });

  test('repeats what fails as often as configured, then makes the record of a failure', async () => {
    const file = join(directory, 'calls');
    await writeFile(file, '');
    const fn = functionOf('counted', { retryAttempts: 1 });
    const { attempts, last, failure } = await invokeAsync(host, fn, { file });
    expect(attempts).toHaveLength(2);
    expect(last).toBe(attempts[1]);
    expect(failure).toMatchObject({
      version: '1.0',
      requestContext: {
        requestId: last.requestId,
        functionArn: `${fn.arn}:$LATEST`,
        condition: 'RetriesExhausted',
        approximateInvokeCount: 2,
      },
      requestPayload: { file },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      responsePayload: { errorType: 'Error', errorMessage: 'again' },
    });
  });
});
