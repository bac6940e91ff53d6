// Lambda, as far as somebody outside calls a function and waits for its answer.

import { json } from 'node:stream/consumers';
import type { Wiring } from '../template/wiring.ts';
import { type CallLog, signerOf } from './aws-calls.ts';
import { type JsonEndpoint, serveAnswers } from './json-endpoint.ts';
import { invoke, type LambdaHost } from './lambda-runtime.ts';

/** Serves it on a free loopback port. @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html */
export function startLambdaEndpoint(
  { functions }: Wiring,
  host: LambdaHost,
  callLog: CallLog,
): Promise<JsonEndpoint> {
  return serveAnswers('application/json', async (request) => {
    const [, named = ''] = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.url ?? '') ?? [];
    const fn = functions.find(({ name, arn }) => [name, arn].includes(decodeURIComponent(named)));
    if (fn === undefined)
      return { status: 404, headers: { 'x-amzn-errortype': 'ResourceNotFoundException' } };
    const principal = signerOf(request)?.principal ?? '';
    callLog.note({ principal, action: 'lambda:InvokeFunction', resource: fn.arn, context: {} });
    const invocation = await invoke(host, fn, await json(request));
    return invocation.outcome === 'returned'
      ? { status: 200, headers: {}, body: invocation.payload }
      : { status: 200, headers: { 'x-amz-function-error': 'Unhandled' }, body: invocation.error };
  });
}
