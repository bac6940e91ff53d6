// The commands of a guard as a timer, or an operator, runs them: at moto, with a real mail server and a real restore test.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeLock } from '../../lib/guard/lock.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { answerOf } from '../fixtures/answer.ts';
import { archiveOf, smallDump } from '../fixtures/archives.ts';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { type MailServer, startMailServer } from '../fixtures/mail-server.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { anotherClient } from '../fixtures/vault.ts';
import { type Receiver, startReceiver } from '../fixtures/web-receiver.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so no guard is run as a command');

describe.skipIf(!hasMoto)('a guard of its own', () => {
  const before = { ...process.env };
  /** Of the oldest server that tests run on. */
  const dump = smallDump(20).replaceAll(' 16.4', ' 15.4');
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
  let moto: Moto;
  let store: ArchiveStore;
  let smtp: MailServer;
  let web: Receiver;
  let folder: string;
  let env: Record<string, string>;
  const subjects = () => smtp.mails.splice(0).map(({ subject }) => subject);

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
    const CreateBucketConfiguration = { LocationConstraint: 'eu-central-1' } as const;
    await anotherClient().send(new CreateBucketCommand({ Bucket: 'vault', CreateBucketConfiguration }));
    store = createS3Store({ bucket: 'vault' });
    smtp = await startMailServer({ login: { user: 'guard', pass: 'secret-word' } });
    web = await startReceiver();
    folder = await mkdtemp(join(tmpdir(), 'offsite-guard-'));
    env = { ...moto.env, OFFSITE_BUCKET: 'vault', XDG_STATE_HOME: folder };
    for (const days of [30, 20, 0.01]) await archiveOf(store, 'bitagent', daysAgo(days), dump);
  });
  afterAll(async () => {
    process.env = before;
    await Promise.all([smtp.stop(), web.stop(), moto.stop(), rm(folder, { recursive: true })]);
  });

  it('verify new --record gives verdicts to what has none', async () => {
    const first = await offsite(['verify', 'new', '--record'], env);
    expect(first).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^(bitagent-\S+: intact\n?){3}$/),
    });
    expect(await offsiteHere(['verify', 'new', '--record'], env)).toMatchObject({
      stdout: '',
      stderr: expect.stringContaining('every archive has its verdict'),
    });
  });

  it('expire says what would go, and why', async () => {
    const args = ['expire', '--dry-run', '--keep-intact', '1', '--json'];
    const { exitCode, stdout } = await offsiteHere(args, env);
    expect(exitCode).toBe(0);
    const { dryRun, plans } = answerOf('expire', stdout);
    expect(dryRun).toBe(true);
    const [{ keep, expire }] = plans;
    expect(keep.length + expire.length).toBe(3);
    expect(expire.length).toBeGreaterThan(0);
    const read = await offsiteHere(['list', '--json'], env);
    expect(answerOf('list', read.stdout)).toHaveLength(3);
  });

  it('guard does all of it, mails by SMTP and pings; what it cannot tell it does not begin', async () => {
    expect(await offsiteHere(['guard'], env)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('nobody would hear of what the guard finds'),
    });
    expect(await offsiteHere(['guard'], { ...env, OFFSITE_SMTP_URL: smtp.url })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('it is not said where mails go'),
    });
    const config = join(folder, 'guard.yaml');
    await writeFile(
      config,
      `bucket: vault\npingUrl: ${web.url}/ping\nguard:\n  smtpUrl: ${smtp.url}\n  email: op@example.com\n  keepIntact: 1\n`,
    );
    const { exitCode, stdout, stderr } = await offsite(['guard', '--config', config], env);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stdout).toMatch(/archives? gone/);
    expect(stdout).toContain('restore test');
    expect(subjects()).toEqual([
      // It was stored today, and is dated weeks ago.
      '[offsite] NOT OF A BACK-UP: 1 strange object',
      '[offsite] RESTORE TEST FAILED: bitagent: the server did not take the dump',
    ]);
    expect(web.received.map(({ path }) => path)).toEqual(['/ping/start', '/ping']);
    expect(stdout + stderr).not.toContain('secret-word');
    // A second one, at once: it does nothing, and does not say of the first that it failed.
    const lock = await takeLock(
      store,
      () => new Date(),
      () => {},
    );
    web.received.length = 0;
    const second = await offsite(['guard', '--config', config, '--json'], env);
    expect(second).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/another guard looks after this vault now \[GUARD_RUNS\]/),
    });
    const nothing = { verdicts: [], plans: [], sightings: [], restoreTests: [] };
    expect(answerOf('guard', second.stdout)).toMatchObject({ ...nothing, failure: { code: 'GUARD_RUNS' } });
    await lock.release();
    expect([subjects(), web.received.map(({ path }) => path)]).toEqual([[], ['/ping/start']]);
    const checked = await offsite(['guard', '--check', '--json', '--config', config], env);
    const { ready, checks } = answerOf('guard --check', checked.stdout);
    expect(ready).toBe(true);
    expect(checks).toContainEqual({ name: 'mail', outcome: 'pass', found: 'the server lets us in' });
    expect(checked.stdout).toContain('turn versioning on');
  });

  it('watch tells of what is overdue, here where nobody else is told', async () => {
    const { exitCode, stdout, stderr } = await offsiteHere(['watch', '--freshness-hours', '0.1'], env);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('archive overdue');
    expect(stderr).toContain('[offsite] NO FRESH ARCHIVE: bitagent');
  });

  it('guard does not run where the archives are taken, unless that is wanted', async () => {
    await writeFile(join(folder, 'agent.json'), JSON.stringify({ bucket: 'vault', dump: { via: 'server' } }));
    const more = { ...env, OFFSITE_SMTP_URL: smtp.url, OFFSITE_EMAIL: 'op@example.com' };
    const args = ['guard', '--config', join(folder, 'agent.json')];
    expect(await offsiteHere(args, more)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('[GUARD_DEPENDENT]'),
    });
    expect(subjects()).toEqual(['[offsite] THE GUARD DOES NOT RUN']);
    await offsiteHere(args, more);
    expect(subjects()).toEqual([]);
    await archiveOf(store, 'bitagent', daysAgo(0), dump);
    const { exitCode, stdout, stderr } = await offsite([...args, '--beside-agent', '--json'], more);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('not independent'),
    });
    const { verdicts, sightings, failure } = answerOf('guard', stdout);
    expect(verdicts).toMatchObject([{ verdict: 'intact', isNew: true }]);
    expect([sightings.length, failure]).toEqual([1, null]);
  });
});
