// `offsite backup --before-upgrade`: what an upgrade script may rely on is the exit code. The verdicts are the verifier's own, given
// while the program waits.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { smallDump, verifiedHere } from '../fixtures/archives.ts';
import { until } from '../fixtures/events.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-upgrade-'));
const begun = join(folder, 'begun');
let stub: S3Stub;

beforeAll(() => {
  writeFileSync(join(folder, 'dump.sql'), smallDump(20));
  writeFileSync(join(folder, 'empty.sql'), smallDump(0));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  rmSync(begun, { force: true });
  stub = await startS3Stub();
});
afterEach(() => stub.stop());

function start(versions: readonly string[], flags: readonly string[] = [], dump = 'dump.sql') {
  const command = ['sh', '-c', `touch ${begun}; cat ${join(folder, dump)}`];
  return execa(bin, ['backup', '--before-upgrade', ...versions, ...flags, '--', ...command], {
    env: { ...storeEnvironment(stub), XDG_STATE_HOME: join(folder, 'state') },
    extendEnv: false,
    reject: false,
  });
}

/** As the cloud does, once the manifest is there. */
async function judge(): Promise<string> {
  const [manifest] = await until('the archive is stored', () => {
    const all = committed(stub);
    return all.length > 0 && all;
  });
  const id = manifest?.id ?? '';
  const credentials = { accessKeyId: 'cloud', secretAccessKey: 'secret' };
  const store = createS3Store({ bucket: 'vault', endpoint: stub.endpoint, region: 'us-east-1', credentials });
  await verifiedHere({
    store,
    id: parseArchiveId(id),
    now: () => new Date(),
    sendMail: async () => undefined,
  });
  return id;
}

function holdOf(id: string): { until: string } {
  return JSON.parse(stub.bucket.objects.get(`holds/bitagent/${id}.json`)?.bytes.toString() ?? '{}');
}

it('a MINOR step has an archive taken, proven and held; a PATCH step after it needs no other', async () => {
  const running = start(['v1.4.2', 'v1.5.0']);
  const id = await judge();
  const { exitCode, stdout, stderr } = await running;
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain('v1.4.2 to v1.5.0 is a MINOR step');
  expect(stdout).toContain(`${id} is intact, and held until `);
  expect(Date.parse(holdOf(id).until) - Date.now()).toBeGreaterThan(89.9 * 86_400_000);

  const enough = await start(['1.5.0', '1.5.1']);
  expect(enough.exitCode).toBe(0);
  expect(enough.stdout).toContain(`1.5.0 to 1.5.1 is a PATCH step: ${id}, intact and 0 min old, is enough`);
  const json = answerOf('backup --before-upgrade', (await start(['1.5.0', '1.5.1'], ['--json'])).stdout);
  expect(json).toMatchObject({ id, step: 'PATCH', taken: false, verdict: 'intact' });
  expect(committed(stub)).toHaveLength(1);
});

it('a PATCH step without an archive takes one, and says all of it in one line of JSON', async () => {
  const running = start(['1.5.0', '1.5.1'], ['--json']);
  const id = await judge();
  const { exitCode, stdout } = await running;
  expect(exitCode).toBe(0);
  expect(answerOf('backup', stdout)).toMatchObject({ id, verdict: 'intact', heldUntil: holdOf(id).until });
});

it('an archive that is not intact is no ground to stand on', async () => {
  const running = start(['1.4.2', '1.5.0'], [], 'empty.sql');
  const id = await judge();
  const { exitCode, stderr } = await running;
  expect(stderr).toContain(`${id} is suspicious: do not upgrade on it [ARCHIVE_NOT_INTACT]`);
  expect(exitCode).toBe(5);
});

it('nor is one that nobody has judged in time', async () => {
  const { exitCode, stderr } = await start(['1.4.2', '1.5.0'], ['--verdict-timeout', '1s']);
  expect(stderr).toContain('nobody has judged it yet: do not upgrade on it [NOTHING_INTACT]');
  expect(exitCode).toBe(6);
});

it('who is interrupted while he waits does not upgrade; the archive is stored, and held', async () => {
  const running = start(['1.4.2', '1.5.0']);
  const asked = () => stub.requests.filter(({ kind }) => kind === 'get').length > 1;
  await until('it waits', () => committed(stub).length > 0 && asked(), running);
  running.kill('SIGINT');
  expect((await running).exitCode).toBe(130);
  const [manifest] = committed(stub);
  expect(holdOf(manifest?.id ?? '').until).toBeDefined();
});

describe('before the dump begins', () => {
  it.each<[string, () => void]>([
    ['read', () => stub.fail('list', [1, 1e6], { refuse: [403, 'AccessDenied'] })],
    ['hold', () => stub.fail('put', 1, { refuse: [403, 'AccessDenied'] })],
  ])('credentials that may not %s are told whose are needed', async (what, refuse) => {
    refuse();
    const { exitCode, stderr } = await start(['1.4.2', '1.5.0']);
    expect(stderr).toContain(`these credentials may not ${what} archives`);
    expect(stderr).toContain('--operator-profile NAME');
    expect(exitCode).toBe(4);
    expect(existsSync(begun)).toBe(false);
  });

  it.each([
    [['1.5.0', '1.4.2'], 'no upgrade'],
    [['1.4.2', '1.4.2'], 'one version'],
    [['1.4.2'], 'two versions'],
    [['1.4.2', '1.5.0', '1.6.0'], 'two versions'],
    [['stable', '1.5.0'], 'no version'],
  ])('%j is refused in words', async (versions, said) => {
    const { exitCode, stderr } = await start(versions);
    expect(stderr).toContain(said);
    expect(exitCode).toBe(2);
    expect(stub.requests).toEqual([]);
  });
});
