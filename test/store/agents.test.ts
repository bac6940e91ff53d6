import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { agentsOf } from '../../lib/store/agents.ts';
import { storeError } from '../../lib/store/errors.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
import { type ForwardProxy, startProxy } from '../fixtures/proxy.ts';
import { content, inParts, key, mistyping, patience, streamOf, stubForEach } from '../fixtures/s3-faults.ts';

const bytes = content(200_000);
const names = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'AWS_CA_BUNDLE',
];

let proxy: ForwardProxy;
beforeEach(async () => {
  for (const name of names) vi.stubEnv(name, undefined);
  proxy = await startProxy();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await proxy.stop();
});

describe('a store behind a proxy', () => {
  const bench = stubForEach();
  const upload = (waits = patience) => bench.store({ patience: waits }).upload(key, streamOf(bytes), inParts);
  const isWhole = () => bench.stub.bucket.objects.get(key)?.bytes.equals(bytes);

  it.each(['HTTP_PROXY', 'http_proxy'])('%s: everything goes through it', async (name) => {
    vi.stubEnv(name, proxy.url);
    await upload();
    expect(isWhole()).toBe(true);
    expect(proxy.asked.length).toBe(bench.stub.requests.length);
    expect(proxy.asked[0]).toContain(`POST ${bench.stub.endpoint}/vault/${key}?uploads`);
  });

  it('NO_PROXY: nothing does', async () => {
    vi.stubEnv('HTTP_PROXY', proxy.url);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    await upload();
    expect(isWhole()).toBe(true);
    expect(proxy.asked).toEqual([]);
  });

  it('a part that fails is asked for first when it is sent again, through the proxy as well', async () => {
    vi.stubEnv('HTTP_PROXY', proxy.url);
    bench.stub.fail('part', 2, { refuse: [503, 'SlowDown'] });
    await upload();
    expect(isWhole()).toBe(true);
    expect(proxy.asked.length).toBe(bench.stub.requests.length);
  });

  it('one that wants to know who we are is told, or named as what refused', async () => {
    const authorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
    const strict = await startProxy(authorization);
    try {
      vi.stubEnv('HTTP_PROXY', strict.url.replace('//', '//ann:secret@'));
      await upload();
      expect(isWhole()).toBe(true);
      vi.stubEnv('HTTP_PROXY', strict.url);
      await expect(bench.store().readText(key)).rejects.toMatchObject({
        code: 'STORE_FAILED',
        found: '407 text/html: Who are you?',
      });
    } finally {
      await strict.stop();
    }
  });

  it('one without a scheme is one of HTTP, as for curl and aws', async () => {
    vi.stubEnv('HTTP_PROXY', proxy.url.replace('http://', ''));
    await upload();
    expect(proxy.asked.length).toBe(bench.stub.requests.length);
  });

  it.each(['socks5://127.0.0.1:1', 'http://', 'http://127.0.0.1:99999', ':::', 'https://'])(
    '%s is refused, and nothing goes straight',
    async (url) => {
      vi.stubEnv('HTTP_PROXY', url);
      await expect(upload()).rejects.toMatchObject({ code: 'CONFIG_INVALID', exitCode: 2 });
      expect(bench.stub.requests).toEqual([]);
    },
  );

  it('a Node that knows no proxies refuses one, rather than to go straight', () => {
    const environment = { https_proxy: proxy.url };
    expect(() => agentsOf(environment, undefined, false)).toThrow('https_proxy names one');
    expect(agentsOf({}, undefined, false)).toEqual({});
  });

  it('a proxy that is not there is said to be unreachable', async () => {
    await proxy.stop();
    vi.stubEnv('HTTP_PROXY', proxy.url);
    await expect(upload(mistyping)).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      found: expect.stringContaining('the proxy of HTTP_PROXY does not answer (connect ECONNREFUSED'),
      hint: "mend or unset HTTP_PROXY, or name the store's host in NO_PROXY",
    });
    // What is not at the proxy's address is no fault of it.
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    const nowhere = bench.store({ endpoint: 'http://127.0.0.1:1', patience: mistyping }).readText(key);
    await expect(nowhere).rejects.toMatchObject({ found: 'ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:1' });
    proxy = await startProxy();
  });
});

describe.skipIf(!hasProgram('openssl'))('a store with TLS', () => {
  const bench = stubForEach();
  let folder: string;
  let certificate: string;
  let server: Server;
  const store = () =>
    bench.store({ endpoint: `https://localhost:${(server.address() as AddressInfo).port}` });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'offsite-tls-'));
    certificate = join(folder, 'cert.pem');
    const keyFile = join(folder, 'key.pem');
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-keyout',
        keyFile,
        '-out',
        certificate,
        '-days',
        '2',
        ...subject,
      ],
      { stdio: 'ignore' },
    );
    const identity = { key: readFileSync(keyFile), cert: readFileSync(certificate) };
    server = createServer(identity, (socket) => {
      const { hostname, port } = new URL(bench.stub.endpoint);
      const onward = connect(Number(port), hostname);
      socket.on('error', () => onward.destroy()).on('close', () => onward.destroy());
      onward.on('error', () => socket.destroy());
      onward.pipe(socket).pipe(onward);
    });
    server.on('tlsClientError', () => undefined);
    await once(server.listen(0), 'listening');
    return async () => {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    };
  });

  it('AWS_CA_BUNDLE: is trusted, and reached by CONNECT where HTTPS_PROXY says so', async () => {
    vi.stubEnv('AWS_CA_BUNDLE', certificate);
    await store().create('k.json', '{}');
    expect(proxy.asked).toEqual([]);
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    expect((await store().readText('k.json'))?.text).toBe('{}');
    expect(proxy.asked).toEqual([`CONNECT localhost:${(server.address() as AddressInfo).port}`]);
  });

  it('a proxy that refuses the tunnel is named, without its password', async () => {
    const strict = await startProxy('Basic nobody');
    try {
      vi.stubEnv('AWS_CA_BUNDLE', certificate);
      vi.stubEnv('HTTPS_PROXY', strict.url.replace('//', '//ann:hunter2@'));
      const error = await store()
        .readText('k.json')
        .catch((thrown) => thrown);
      expect(error).toMatchObject({
        code: 'STORE_UNREACHABLE',
        found: expect.stringContaining('407'),
        hint: expect.stringContaining('HTTPS_PROXY'),
      });
      expect(error.found).not.toContain('hunter2');
    } finally {
      await strict.stop();
    }
  });

  it('is not trusted otherwise, and what to do is said', async () => {
    await expect(store().create('k.json', '{}')).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      // Without Node's own advice, which is for who writes programs.
      found: expect.stringMatching(/self-signed certificate$/),
      hint: expect.stringContaining('--ca-bundle FILE (PEM), or caBundle'),
    });
  });

  it('under a name that its certificate does not have is told so: no authority mends that', async () => {
    vi.stubEnv('AWS_CA_BUNDLE', certificate);
    const { port } = server.address() as AddressInfo;
    const elsewhere = bench.store({ endpoint: `https://127.0.0.1:${port}` });
    await expect(elsewhere.create('k.json', '{}')).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      found: expect.stringContaining('IP: 127.0.0.1 is not'),
      hint: expect.stringContaining('as its certificate does'),
    });
  });

  it.each(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])('%s: the clocks, and no authority', (code) => {
    const trouble = Object.assign(new Error('of another time'), { code });
    expect(storeError(trouble, 'listing')).toMatchObject({
      code: 'STORE_UNREACHABLE',
      hint: expect.stringMatching(/renew .* clock/),
    });
  });

  it('an AWS_CA_BUNDLE that cannot be read is named', async () => {
    for (const path of [join(folder, 'nothing.pem'), folder, '/dev/null', import.meta.filename]) {
      vi.stubEnv('AWS_CA_BUNDLE', path);
      await expect(store().create('k.json', '{}')).rejects.toMatchObject({
        code: 'CONFIG_UNREADABLE',
        exitCode: 2,
      });
    }
  });
});
