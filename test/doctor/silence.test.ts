// What says nothing: a Docker that hangs, a server that takes a connection and is silent, a store likewise. doctor is what one
// asks then, so it must not hang itself.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answerWithinMs, doctor } from '../../lib/doctor/doctor.ts';
import { createVaultProbe } from '../../lib/doctor/probe.ts';
import { patienceOf } from '../../lib/store/session.ts';
import { smallDump } from '../fixtures/archives.ts';
import { commandLines } from '../fixtures/postgres.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-silence-'));
/** No other test sleeps for so long. */
const nap = `68.${process.pid}`;
const withinMs = 1000;
const { PATH } = process.env;
let silent: Server;
let stub: S3Stub;

beforeAll(async () => {
  writeFileSync(join(folder, 'docker'), `#!/bin/sh\nsleep ${nap}\n`, { mode: 0o755 });
  writeFileSync(join(folder, 'dump.sql'), smallDump(10));
  process.env.PATH = `${folder}:${PATH}`;
  silent = createServer((socket) => void socket.on('error', () => undefined));
  await once(silent.listen(0, '127.0.0.1'), 'listening');
  stub = await startS3Stub();
});
afterAll(async () => {
  process.env.PATH = PATH;
  silent.close();
  await stub.stop();
  rmSync(folder, { recursive: true, force: true });
});

const examine = (dump: Parameters<typeof doctor>[0]['dump']) =>
  doctor({
    dump,
    vault: createVaultProbe(
      {
        bucket: 'vault',
        endpoint: stub.endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
        patience: patienceOf(withinMs),
      },
      'bitagent',
    ),
    compressor: 'igzip-1',
    state: { path: '/x', warning: undefined },
    now: () => new Date(),
    withinMs,
  });

it('a Docker that hangs is told of, and nothing of it remains', async () => {
  const checks = await examine({ via: 'container', container: 'any' });
  expect(checks.find(({ name }) => name === 'container')).toMatchObject({
    outcome: 'fail',
    found: expect.stringContaining('there is no answer: silence'),
    advice: expect.stringContaining('docker exec any psql'),
  });
  expect(commandLines().filter((line) => line.includes(nap))).toEqual([]);
});

it('a server that takes the connection and says nothing is told of', async () => {
  const { port } = silent.address() as AddressInfo;
  const checks = await examine({
    via: 'server',
    url: `postgres://me@127.0.0.1:${port}/db?connect_timeout=0`,
  });
  expect(checks.find(({ name }) => name === 'database')).toMatchObject({
    outcome: 'fail',
    found: expect.stringContaining('there is no answer: silence'),
  });
});

it('a dump that gives nothing is told of, and ended', async () => {
  const [check] = await examine({ via: 'command', command: ['sleep', nap] });
  expect(check).toMatchObject({ name: 'dump', outcome: 'fail', found: expect.stringContaining('stalled') });
  expect(commandLines().filter((line) => line.includes(nap))).toEqual([]);
});

it.each(['begin', 'part', 'list', 'get', 'delete'] as const)(
  'a store that is silent about %s is told of',
  async (kind) => {
    stub.fail(kind, [stub.count(kind) + 1, 1000], { silence: true });
    const checks = await examine({ via: 'command', command: ['cat', join(folder, 'dump.sql')] });
    const told = checks.filter(({ found }) => /timed? ?out|TimeoutError|not answer/i.test(found));
    expect(told.map(({ outcome }) => outcome)).not.toEqual([]);
  },
);

it('what it waits for in earnest is a minute', () => {
  expect(answerWithinMs).toBe(60_000);
  const { silenceMs, readSilenceMs } = patienceOf(answerWithinMs);
  expect([silenceMs, readSilenceMs * 5]).toEqual([60_000, 60_000]);
});
