// BitAgent's answers over HTTP, good and bad, from real servers: each check has a limit, and says in words what it met.

import { execFileSync } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../lib/base/find-program.ts';
import {
  type App,
  askDht,
  checkCaps,
  checkDashboard,
  checkDht,
  checkHealth,
  type Limits,
} from '../../lib/recover/checks.ts';
import { bytesMax } from '../../lib/recover/http.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const caps = `<?xml version="1.0" encoding="UTF-8"?>
<caps><server title="BitAgent"/><limits max="100"/><searching/><categories><category id="2000"/></categories></caps>`;
const page = '<!DOCTYPE html>\n<html><body>BitAgent</body></html>';
const key = 'se?cr&et=1';
const quick: Limits = { answerWithinMs: 400, countWithinMs: 400 };
const patient: Limits = { answerWithinMs: 60_000, countWithinMs: 60_000 };
const never = new AbortController().signal;

const servers: ReturnType<typeof createTcpServer>[] = [];
const sockets = new Set<{ destroy(): void }>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** Signed by nobody. */
const certificate = findProgram('openssl') === undefined ? undefined : selfSigned();

function selfSigned() {
  const args =
    '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 -keyout - -out -';
  const pem = execFileSync('openssl', ['req', ...args.split(' ')], { stdio: ['ignore', 'pipe', 'ignore'] });
  return { key: pem, cert: pem };
}

async function serve(handler: Handler): Promise<URL> {
  const server = createServer(handler).on('connection', (socket) => sockets.add(socket));
  return listening(server);
}

async function listening(server: ReturnType<typeof createTcpServer>): Promise<URL> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function appAt(url: URL, more: Partial<App> = {}): App {
  return { url, dashboardUrl: url, apiKey: undefined, dashboardKey: undefined, ...more };
}

const answering =
  (status: number, text = '', headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    response.writeHead(status, headers).end(text);

/** What may answer in the place of BitAgent, and what each check must say of it. */
const strangers: [string, Handler, RegExp][] = [
  ['another status', answering(500, 'oops'), /the answer 500/],
  ['no such path', answering(404), /404: nothing there/],
  ['401', answering(401), /401: it asks for a key/],
  ['403', answering(403, page), /403: it asks for a key/],
  [
    'a redirect to a login elsewhere',
    answering(302, '', { location: 'https://login.example.com/in?token=abc' }),
    /302: it sends one on to https:\/\/login\.example\.com\/in$/,
  ],
  ['a redirect to nowhere', answering(301), /301: it sends one on$/],
  ['a connection that is closed', (request) => request.socket.destroy(), /was closed before the answer/],
  [
    'an answer that breaks off',
    (_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('<caps>');
      setImmediate(() => response.socket?.destroy());
    },
    /was closed before the answer ended/,
  ],
];

describe.each([
  ['healthz', checkHealth],
  ['torznab', checkCaps],
  ['dashboard', checkDashboard],
] as const)('%s', (name, check) => {
  it.each(strangers)('fails at %s, in words', async (_, handler, found) => {
    const at = await serve(handler);
    // Of no other address to ask.
    const result = await check(
      appAt(at, name === 'dashboard' ? {} : { dashboardUrl: undefined }),
      patient,
      never,
    );
    expect(result).toMatchObject({ name, outcome: 'fail', exitCode: 8 });
    expect(result.found).toMatch(found);
    expect(JSON.stringify(result)).not.toMatch(/token=abc/);
    expect(result.advice).toBeTruthy();
  });

  it('fails where nothing listens', async () => {
    const server = createTcpServer();
    const at = await listening(server);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect(await check(appAt(at), patient, never)).toMatchObject({
      outcome: 'fail',
      found: expect.stringContaining('nothing listens there'),
    });
  });

  it('says what to do of TLS that is not trusted here, or that is none', async () => {
    const plain = await serve(answering(200));
    const spoken = await check(appAt(new URL(`https:${plain.host}`)), patient, never);
    expect(spoken).toMatchObject({
      found: expect.stringContaining('speaks no TLS'),
      advice: expect.stringContaining('http://'),
    });
    if (certificate === undefined) return console.warn('SKIPPED: no openssl makes a certificate');
    const at = await listening(
      createTlsServer(certificate, (_, response) => response.end('ok')).on('connection', (socket) =>
        sockets.add(socket),
      ),
    );
    expect(await check(appAt(new URL(`https:${at.host}`)), patient, never)).toMatchObject({
      outcome: 'fail',
      found: expect.stringMatching(/certificate is not trusted here \(DEPTH_ZERO_SELF_SIGNED_CERT\)/),
      advice: expect.stringContaining('NODE_EXTRA_CA_CERTS=FILE'),
    });
  });

  it('fails at a program that does not speak HTTP', async () => {
    const at = await listening(
      createTcpServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2p1\r\n');
      }),
    );
    expect((await check(appAt(at), patient, never)).found).toMatch(/HTTP\/1\.1 protocol|closed/);
  });

  it.each<[string, Handler]>([
    ['is silent', () => undefined],
    ['gives a head and no end', (_, response) => void response.writeHead(200).write('<')],
    [
      'trickles',
      (_, response) => {
        response.writeHead(200);
        const drop = setInterval(() => response.write('<'), 20);
        response.on('close', () => clearInterval(drop));
      },
    ],
  ])('has a limit for a server that %s', async (_, handler) => {
    const result = await check(appAt(await serve(handler)), quick, never);
    expect(result).toMatchObject({ outcome: 'fail', found: expect.stringContaining('within 400 ms') });
  });

  it('reads no more of an endless answer than it needs', async () => {
    const { promise: isGone, resolve } = Promise.withResolvers<void>();
    const at = await serve((_, response) => {
      let isOpen = true;
      response.on('close', () => {
        isOpen = false;
        resolve();
      });
      const pour = () => {
        while (isOpen && response.write('x'.repeat(65536)));
        if (isOpen) response.once('drain', pour);
      };
      pour();
    });
    const result = await check(appAt(at), patient, never);
    // /healthz needs the status alone.
    expect(result.outcome).toBe(name === 'healthz' ? 'pass' : 'fail');
    await isGone;
  });

  it('ends at once when it is interrupted', async () => {
    const stop = new AbortController();
    const at = await serve(() => stop.abort(new Error('enough')));
    await expect(check(appAt(at), patient, stop.signal)).rejects.toThrow('enough');
  });
});

describe('healthz', () => {
  it('passes at 200', async () => {
    const at = await serve((request, response) =>
      answering(request.url === '/healthz' ? 200 : 404, 'ok')(request, response),
    );
    expect(await checkHealth(appAt(at), patient, never)).toEqual({
      name: 'healthz',
      outcome: 'pass',
      found: `${at.origin}/healthz: 200`,
    });
  });

  it('is asked of the dashboard where the API has none', async () => {
    const api = await serve(answering(404));
    const dashboard = await serve((request, response) =>
      answering(request.url === '/healthz' ? 200 : 404)(request, response),
    );
    expect(await checkHealth(appAt(api, { dashboardUrl: dashboard }), patient, never)).toMatchObject({
      outcome: 'pass',
      found: `${dashboard.origin}/healthz: 200`,
    });
  });

  it('does not take a web page for health', async () => {
    expect(await checkHealth(appAt(await serve(answering(200, page))), patient, never)).toMatchObject({
      outcome: 'fail',
      found: expect.stringContaining('another program'),
    });
  });
});

describe('torznab', () => {
  /** As BitAgent answers: 401 and an XML error without the key. */
  const guarded: Handler = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://here');
    if (pathname !== '/torznab/api' || searchParams.get('t') !== 'caps')
      return answering(404)(request, response);
    if (searchParams.get('apikey') === key) return answering(200, caps)(request, response);
    return answering(401, '<error code="100" description="Incorrect user credentials"/>')(request, response);
  };

  it('passes with the key, which is in no word of it', async () => {
    const result = await checkCaps(appAt(await serve(guarded), { apiKey: key }), patient, never);
    expect(result.outcome, result.found).toBe('pass');
    expect(JSON.stringify(result)).not.toContain('cr&et');
  });

  it.each([undefined, 'wrong-one'])('asks for the key in place of %s', async (apiKey) => {
    const result = await checkCaps(appAt(await serve(guarded), { apiKey }), patient, never);
    expect(result).toMatchObject({ outcome: 'fail', advice: expect.stringContaining('BITAGENT_API_KEY') });
    expect(JSON.stringify(result)).not.toContain('wrong-one');
  });

  it('is found below the path of a proxy, compressed or not', async () => {
    const at = await serve((request, response) =>
      request.url?.startsWith('/bitagent/torznab/api?')
        ? response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(caps))
        : answering(404)(request, response),
    );
    for (const base of ['bitagent', 'bitagent/', 'bitagent//?x=1#y'])
      expect(await checkCaps(appAt(new URL(base, at)), patient, never)).toMatchObject({ outcome: 'pass' });
  });

  it.each<[string, string, RegExp]>([
    ['a web page', page, /a web page in the place of XML/],
    ['nothing', '', /no valid XML/],
    ['JSON', '{"caps":{}}', /no valid XML/],
    ['XML that is cut', caps.slice(0, -3), /no valid XML/],
    ['tags that do not match', '<caps><server></caps>', /no valid XML/],
    ['an ampersand of its own', '<caps><server a="b"/><categories>a & b</categories></caps>', /no valid XML/],
    ['two roots', `${caps}<caps/>`, /no valid XML/],
    ['another root', '<rss><channel/></rss>', /its root is <rss>/],
    ['caps that say nothing', '<caps/>', /<caps> without <server> and <categories>/],
    ['caps without categories', '<caps><server/></caps>', /<caps> without <categories>/],
    ['an error of the API', '<error code="910" description="API disabled"/>', /the error 910: API disabled/],
    ['far too much', `<caps>${' '.repeat(bytesMax)}</caps>`, /far too long/],
  ])('fails at %s', async (_, text, found) => {
    const result = await checkCaps(appAt(await serve(answering(200, text))), patient, never);
    expect(result).toMatchObject({ outcome: 'fail', exitCode: 8, found: expect.stringMatching(found) });
  });
});

describe('dashboard', () => {
  it.each(['/', '/library'])('follows its own redirects to %s', async (place) => {
    const at = await serve((request, response) =>
      request.url === place
        ? answering(200, page)(request, response)
        : response.writeHead(307, { location: place }).end(),
    );
    expect(await checkDashboard(appAt(at), patient, never)).toMatchObject({ outcome: 'pass' });
  });

  it('gives its key to nobody else, and goes round no circle', async () => {
    const asked: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      asked.push(request.url);
      answering(200, page)(request, response);
    });
    const keys = new Set<unknown>();
    const at = await serve((request, response) => {
      keys.add(request.headers['x-api-key']);
      response.writeHead(302, { location: request.url === '/' ? '/away' : other.href }).end();
    });
    const result = await checkDashboard(appAt(at, { dashboardKey: key }), patient, never);
    expect(result).toMatchObject({ outcome: 'fail', found: expect.stringContaining('302') });
    expect([asked, [...keys]]).toEqual([[], [key]]);
    const round = await serve((_, response) => response.writeHead(302, { location: '/' }).end());
    expect(await checkDashboard(appAt(round), patient, never)).toMatchObject({ outcome: 'fail' });
  });

  it('fails at what is no page, and warns where there is none to look at', async () => {
    expect(await checkDashboard(appAt(await serve(answering(200, '{}'))), patient, never)).toMatchObject({
      outcome: 'fail',
      found: expect.stringContaining('no web page'),
    });
    const unknown = appAt(new URL('http://127.0.0.1'), { dashboardUrl: undefined });
    expect(await checkDashboard(unknown, patient, never)).toMatchObject({ outcome: 'warn' });
  });
});

describe('dht', () => {
  it.each([
    [200, '{"status":"up","details":{"dht":{"status":"up"},"postgres":{"status":"up"}}}', 'up', 'pass'],
    [503, '{"status":"down","details":{"dht":{"status":"down","error":"no response"}}}', 'down', 'warn'],
    [200, '{"status":"up","details":{"dht":{"status":"inactive"}}}', 'inactive', 'warn'],
    [200, '{"status":"up"}', 'unknown', 'warn'],
    [200, '{"details":{"dht":null}}', 'unknown', 'warn'],
    [200, 'null', 'unknown', 'warn'],
    [404, page, 'unknown', 'warn'],
  ])('%d %s is %s', async (status, text, dht, outcome) => {
    const app = appAt(await serve(answering(status, text)));
    expect(await askDht(app, patient, never)).toBe(dht);
    expect(await checkDht(app, patient, never)).toMatchObject({ outcome });
  });
});
