// Who is told of a back-up, by the program itself: in order, with its exit code, and never at its cost.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { parseMetrics } from '../../lib/nightly/metrics.ts';
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { until } from '../fixtures/events.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';
import { type Receiver, startReceiver } from '../fixtures/web-receiver.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-told-'));
const dump = join(folder, 'dump.sql');
const metricsFile = join(folder, 'offsite.prom');
let stub: S3Stub;
let receiver: Receiver;

beforeAll(() => writeFileSync(dump, smallDump(20)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  stub = await startS3Stub();
  receiver = await startReceiver();
});
afterEach(async () => {
  await stub.stop();
  await receiver.stop();
});

const start = (command: readonly string[], flags: readonly string[] = []) =>
  execa(bin, ['backup', ...flags, '--', ...command], {
    env: {
      ...storeEnvironment(stub),
      XDG_STATE_HOME: join(folder, 'state'),
      OFFSITE_PING_URL: `${receiver.url}/ping/secret`,
      OFFSITE_NTFY_URL: `${receiver.url}/topic`,
    },
    extendEnv: false,
    reject: false,
    // Else execa sends SIGKILL after 5 s, which a machine with much to do may need.
    forceKillAfterDelay: false,
  });
const paths = () => receiver.received.map(({ path }) => path);
const metrics = () => parseMetrics(readFileSync(metricsFile, 'utf8')).get('bitagent');

it('a night that stores its archive, and one that fails, say so, with the last lines of their logs', async () => {
  const flags = ['--metrics-file', metricsFile];
  const stored = await start(['cat', dump], flags);
  expect(stored).toMatchObject({ exitCode: 0, stderr: '' });
  expect(paths()).toEqual(['/ping/secret/start', '/ping/secret']);
  expect(receiver.received[1]?.body).toMatch(/^bitagent-\S+ .* stored/);
  const before = metrics();
  expect(before).toMatchObject({ last_run_success: 1, last_run_exit_code: 0 });

  const failed = await start(['sh', '-c', 'echo no space >&2; exit 1'], flags);
  expect(failed.exitCode).toBe(3);
  expect(paths().slice(2)).toEqual(['/ping/secret/start', '/ping/secret/3', '/topic']);
  for (const { body } of receiver.received.slice(3)) expect(body).toContain('no space');
  const { last_success_timestamp_seconds } = before ?? {};
  expect(metrics()).toMatchObject({
    last_run_success: 0,
    last_run_exit_code: 3,
    last_success_timestamp_seconds,
  });
});

it('one that is interrupted says so before it ends', async () => {
  const agent = start(['sleep', '79']);
  await until('the beginning is told of', () => receiver.received.length > 0, agent);
  agent.kill('SIGTERM');
  expect((await agent).exitCode).toBe(143);
  expect(paths()).toContain('/ping/secret/143');
});

it('nobody who is told holds up the dump, or fails it', async () => {
  receiver.answer('silence');
  const agent = start(['cat', dump]);
  await until(
    'the archive is stored, though nobody has taken word of its beginning',
    () => committed(stub).length > 0,
    agent,
  );
  receiver.answer(500, 404);
  const { exitCode, stderr } = await agent;
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(
    /^offsite: warning: http:\/\/127.0.0.1:\d+\/… did not take word of this run: HTTP 404$/,
  );
});

it('settings that cannot be used are told of, too', async () => {
  const { exitCode } = await start(['cat', dump], ['--bucket', 's3://vault', '--metrics-file', metricsFile]);
  expect(exitCode).toBe(2);
  expect(paths()).toEqual(['/ping/secret/2', '/topic']);
  expect(receiver.received[0]?.body).toContain('[CONFIG_INVALID]');
  expect(metrics()).toMatchObject({ last_run_exit_code: 2, last_run_success: 0 });
});

it('a URL that is none is a slip: nothing begins', async () => {
  const { exitCode, stderr } = await start(['cat', dump], ['--ping-url', 'hc.example/uuid']);
  expect(stderr).toContain('pingUrl (--ping-url): wanted is a URL that begins with https:// or http://');
  expect(exitCode).toBe(2);
  expect(stub.requests).toEqual([]);
});
