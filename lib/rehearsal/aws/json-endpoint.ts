// A service of AWS that speaks JSON, as far as some operations of it go: what the stand-ins for ECS, Step Functions and Lambda share.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Refusal, signerOf } from './aws-calls.ts';

export type JsonEndpoint = {
  readonly endpoint: string;
  /** Idempotent. */
  close(): void;
};

/** A service that works on what was asked of it once it has answered. */
export type WorkingEndpoint<Ended> = {
  readonly endpoint: string;
  /** Waits until all that was started has ended and its event is delivered. */
  idle(): Promise<readonly Ended[]>;
  /** Idempotent. */
  stop(): Promise<void>;
};

/** @param underWay - All that was started, ended or not. @param end - Ends what runs still. */
export function working<Ended>(
  { endpoint, close }: JsonEndpoint,
  underWay: () => readonly Promise<Ended>[],
  end: () => void = () => undefined,
): WorkingEndpoint<Ended> {
  const idle = () => Promise.all(underWay());
  const stop = async () => {
    end();
    close();
    await idle().catch(() => undefined);
  };
  return { endpoint, idle, stop };
}

/** What its operations answer to whom, by their `x-amz-target`, and what else may be had with GET, by path. */
type Operations = {
  readonly answers: Readonly<Record<string, (request: unknown, principal: string) => object>>;
  readonly resources?: ReadonlyMap<string, object>;
};

/** Serves them on a free loopback port. */
export function serveJson({ answers, resources }: Operations): Promise<JsonEndpoint> {
  return serveAnswers('application/x-amz-json-1.1', async (request) => {
    const resource = request.method === 'GET' ? resources?.get(request.url ?? '') : undefined;
    if (resource !== undefined) return { status: 200, body: resource };
    try {
      const body = await text(request);
      const answer = answers[String(request.headers['x-amz-target'])];
      if (answer === undefined) {
        const known = Object.keys(answers).join(', ');
        throw new Refusal('UnknownOperationException', `this stands in for ${known} and nothing else`);
      }
      return { status: 200, body: answer(JSON.parse(body), signerOf(request)?.principal ?? '') };
    } catch (error) {
      if (!(error instanceof Refusal))
        return { status: 500, body: { __type: 'ServerException', message: String(error) } };
      return { status: 400, body: { __type: error.name, message: error.message } };
    }
  });
}

type Answer = {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: unknown;
};

/** Serves what is answered to each request on a free loopback port. */
export async function serveAnswers(
  contentType: string,
  answer: (request: IncomingMessage) => Promise<Answer>,
): Promise<JsonEndpoint> {
  const server = createServer(async (request, response) => {
    const { status, headers, body = {} } = await answer(request);
    response.writeHead(status, { 'content-type': contentType, ...headers }).end(JSON.stringify(body));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
