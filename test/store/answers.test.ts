import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { OffsiteError } from '../../lib/base/errors.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { content, inParts, key, mistyping, patience, streamOf, stubForEach } from '../fixtures/s3-faults.ts';

const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.close();
    (server as { closeAllConnections?: () => void }).closeAllConnections?.();
    await once(server, 'close');
  }
});

async function listen(server: Server): Promise<number> {
  open.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

async function answering(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<ArchiveStore> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(request, response));
  });
  return storeAt(`http://127.0.0.1:${await listen(server)}`);
}

function storeAt(endpoint: string, waits = patience): ArchiveStore {
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
  return createS3Store({
    bucket: 'vault',
    region: 'us-east-1',
    provider: 'aws',
    endpoint,
    credentials,
    patience: waits,
  });
}

const asks: Record<string, (store: ArchiveStore) => Promise<unknown>> = {
  list: (store) => Array.fromAsync(store.list('archives/')),
  folders: (store) => store.folders('archives/'),
  readText: (store) => store.readText('archives/bitagent/x.manifest.json'),
  openRange: (store) => store.openRange(key, { versionId: null, etag: 'x', from: 5 }),
  create: (store) => store.create('archives/bitagent/x.manifest.json', '{}'),
  'upload in one piece': (store) => store.upload(key, streamOf(content(10)), {}),
  'upload in parts': (store) => store.upload(key, streamOf(content(200_000)), inParts),
  delete: (store) => store.delete(key),
};

const html = { 'content-type': 'text/html; charset=utf-8' };

describe.each(Object.entries(asks))('%s, answered by what is no S3', (_, ask) => {
  it.each<[number, Record<string, string>, string, string]>([
    [
      302,
      { ...html, location: 'http://portal/' },
      '<html>moved</html>',
      '302 text/html, to http://portal/: moved',
    ],
    [
      403,
      html,
      '<html><head><style>b{}</style><title>Blocked</title></head>\n<br>by policy',
      '403 text/html: Blocked by policy',
    ],
    [405, html, '<h1>Not Allowed</h1><hr>nginx', '405 text/html: Not Allowed nginx'],
    [413, html, '<html>Request Entity Too Large</html>', '413 text/html: Request Entity Too Large'],
    [
      400,
      { 'content-type': 'text/plain' },
      'Client sent an HTTP request to an HTTPS server.\n',
      '400 text/plain: Client sent',
    ],
    [407, {}, '', '407, without a word'],
  ])('%i: told as what it is', async (status, headers, body, found) => {
    const store = await answering((__, response) => void response.writeHead(status, headers).end(body));
    const error = (await ask(store).catch((thrown) => thrown)) as OffsiteError;
    expect(error).toMatchObject({ code: 'STORE_FAILED', exitCode: 4, found: expect.stringContaining(found) });
    expect(JSON.stringify(error)).not.toMatch(/UnknownError|hidden field/);
    expect(error.hint).toContain('proxy');
  });

  it.each<[string, Record<string, string>, string]>([
    ['a page', html, '<!DOCTYPE html><html>log in</html>'],
    ['text', { 'content-type': 'text/plain' }, 'hello'],
    ['XML of something else', { 'content-type': 'application/xml' }, '<?xml version="1.0"?><Foo/>'],
    ['nothing', {}, ''],
  ])('200 with %s: never an acknowledgement', async (what, headers, body) => {
    const store = await answering((__, response) => void response.writeHead(200, headers).end(body));
    // Who deletes gets no proof from S3 either.
    if (ask === asks.delete && !['a page', 'text'].includes(what)) return;
    await expect(ask(store)).rejects.toMatchObject({ code: 'STORE_FAILED', exitCode: 4 });
  });
});

describe('an answer of S3 without its proof', () => {
  const bench = stubForEach();

  it.each(['begin', 'part'] as const)('%s: the upload fails and is aborted', async (kind) => {
    bench.stub.fail(kind, [1, 1e6], { emptyAnswer: true });
    await expect(
      bench.store().upload(key, streamOf(content(200_000)), { ...inParts, partsInFlight: 1 }),
    ).rejects.toMatchObject({
      code: 'STORE_FAILED',
      found: expect.stringMatching(/without an (upload id|entity tag)/),
    });
  });

  it('a version id, where the bucket has named one before', async () => {
    const store = bench.store();
    await store.create('archives/bitagent/x.manifest.json', '{}');
    const { namesNoVersions } = bench.stub.bucket.rules;
    Object.assign(bench.stub.bucket.rules, { namesNoVersions: true });
    await expect(store.create('archives/bitagent/y.manifest.json', '{}')).rejects.toMatchObject({
      found: expect.stringContaining('without a version id'),
    });
    Object.assign(bench.stub.bucket.rules, { namesNoVersions });
  });
});

describe('an endpoint that says', () => {
  it('https, where nobody speaks TLS', async () => {
    const port = await listen(createServer());
    await expect(storeAt(`https://127.0.0.1:${port}`).create('k.json', '{}')).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      hint: expect.stringContaining('http://'),
    });
  });

  it.each([
    ['closes', ''],
    ['answers by an alert', '\x15\x03\x01\x00\x02\x02\x16'],
  ])('http, where TLS is spoken and the server %s: told long before patience ends', async (_, alert) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(alert, 'latin1'));
    });
    const store = storeAt(`http://127.0.0.1:${await listen(server)}`, mistyping);
    await expect(store.create('k.json', '{}')).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      hint: expect.stringContaining('https://'),
    });
  });
});
