// The local S3 cannot list unfinished multipart uploads. So whoever wants to know whether one was left behind puts this
// between the agent and the store: it passes everything on, and counts uploads that begin and end.

import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';

export type UploadWatch = {
  readonly endpoint: string;
  readonly counts: {
    readonly begun: number;
    readonly parts: number;
    readonly completed: number;
    readonly aborted: number;
  };
  stop(): Promise<void>;
};

/** Starts the watch in front of an S3 endpoint, on a free loopback port. */
export async function watchUploads(endpoint: string): Promise<UploadWatch> {
  const counts = { begun: 0, parts: 0, completed: 0, aborted: 0 };
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url = '/' } = incoming;
    const onward = request(new URL(url, endpoint), { method, headers }, (answer) => {
      const kind = kindOf(incoming);
      if (kind !== undefined && (answer.statusCode ?? 500) < 300) counts[kind] += 1;
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, outgoing, () => undefined);
    });
    onward.on('error', () => outgoing.destroy());
    pipeline(incoming, onward, () => undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function kindOf({ method, url = '/' }: IncomingMessage): keyof UploadWatch['counts'] | undefined {
  const query = new URL(url, 'http://localhost').searchParams;
  if (method === 'POST' && query.has('uploads')) return 'begun';
  if (!query.has('uploadId')) return undefined;
  if (method === 'PUT') return 'parts';
  if (method === 'POST') return 'completed';
  return method === 'DELETE' ? 'aborted' : undefined;
}
