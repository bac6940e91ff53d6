// doctor against real servers: what it finds right, and each fault that it has to find before the night does. The
// store is moto, which can be told to enforce IAM, so that a refusal is one.

import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anyIdOf, archiveKeys } from '../../lib/archive/names.ts';
import type { Check } from '../../lib/doctor/diagnosis.ts';
import { doctor } from '../../lib/doctor/doctor.ts';
import { createVaultProbe, type VaultProbe } from '../../lib/doctor/probe.ts';
import { examineVault } from '../../lib/doctor/vault.ts';
import type { RecipientsNote } from '../../lib/mail/recipients.ts';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import type { DumpSettings } from '../../lib/settings/config.ts';
import { standBefore } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { keysIn, offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { startNewerServer } from '../fixtures/newer-server.ts';
import { commandLines, corpus } from '../fixtures/postgres.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so doctor meets no store that refuses');

const now = () => new Date();
/** No other test sleeps for so long. */
const nap = `67.${process.pid}`;
const find = (checks: readonly Check[], name: string) => checks.find((check) => check.name === name);
const outcomes = (checks: readonly Check[]) =>
  Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome]));

const whereIs = (program: string) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file)) ?? '';

describe('the vault, as a stand-in answers', () => {
  const refused = async () => ({ outcome: 'refused', error: undefined as never }) as const;
  const harmless: VaultProbe = {
    identity: async () => ({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', expiresAt: undefined }),
    write: async () => ({ outcome: 'done', value: { aborted: true, comparesChecksums: true } }),
    list: refused,
    read: refused,
    delete: refused,
    recipients: refused,
    versioning: refused,
    objectLock: refused,
    lockRule: refused,
    lifecycle: refused,
    publicAccessBlocked: refused,
    clockAheadMs: () => 300,
    principal: () => 'arn:aws:iam::123456789012:user/agent',
  };
  const look = (change: Partial<VaultProbe>, lastId?: string) =>
    examineVault({ vault: { ...harmless, ...change }, lastId, lastArchiveId: lastId, now });

  it('is content with an agent that can create and nothing else', async () => {
    const checks = await look({}, 'bitagent-2026-01-01-000000Z');
    expect(new Set(checks.map(({ outcome }) => outcome))).toEqual(new Set(['pass']));
    expect(find(checks, 'credentials')?.found).toBe('AKIA…MPLE, arn:aws:iam::123456789012:user/agent');
    expect(find(checks, 'read')?.found).toBe('refused, as it should be');
  });

  it('warns of credentials that end soon', async () => {
    const expiresAt = new Date(Date.now() + 600_000);
    const checks = await look({ identity: async () => ({ accessKeyId: 'ASIAIOSFODNN7EXAMPLE', expiresAt }) });
    expect(find(checks, 'credentials')).toMatchObject({ outcome: 'warn' });
  });

  it('warns of parts that would stay, and of what it could not find out', async () => {
    const checks = await look({
      write: async () => ({ outcome: 'done', value: { aborted: false, comparesChecksums: true } }),
      list: async () => ({ outcome: 'failed', error: new Error('a hiccup') }),
    });
    expect(find(checks, 'write')?.advice).toContain('s3:AbortMultipartUpload');
    expect(find(checks, 'list')).toMatchObject({ outcome: 'warn', found: 'not found out: a hiccup' });
  });

  it('tells of settings that matter, in any mixture of what may be read', async () => {
    const done = <Value>(value: Value) => ({ outcome: 'done', value }) as const;
    const well = await look({
      versioning: async () => done('Enabled'),
      objectLock: async () => done('Enabled'),
      lifecycle: async () => done({ endsUploads: true, removesVersions: true }),
      publicAccessBlocked: async () => done(true),
    });
    expect(find(well, 'bucket')).toEqual({
      name: 'bucket',
      outcome: 'pass',
      found: 'versioning Enabled, Object Lock Enabled, lifecycle on, public access blocked',
    });
    const open = await look({
      versioning: async () => done('Suspended'),
      publicAccessBlocked: async () => ({ outcome: 'unset' }),
    });
    expect(find(open, 'bucket')).toMatchObject({
      outcome: 'warn',
      found: 'versioning Suspended, Object Lock unknown, lifecycle unknown, public access not blocked',
    });
    expect(find(open, 'bucket')?.advice).toContain('turn versioning on');
    const bare = await look({
      versioning: async () => done('Enabled'),
      objectLock: async () => ({ outcome: 'unset' }),
      lifecycle: async () => ({ outcome: 'unset' }),
      publicAccessBlocked: async () => done(true),
    });
    expect(find(bare, 'bucket')).toMatchObject({
      outcome: 'pass',
      advice: expect.stringMatching(/Object Lock.*abort uploads.*noncurrent versions/),
    });
  });

  it.each([
    [-61_000, 'warn', '1 min 1 s behind'],
    [3_600_000, 'warn', '1 h 0 min ahead of'],
    [-20_000, 'pass', 'within a minute'],
  ])('a clock that is %i ms ahead: %s', async (aheadMs, outcome, said) => {
    const clock = find(await look({ clockAheadMs: () => aheadMs }), 'clock');
    expect(clock).toMatchObject({ outcome, found: expect.stringContaining(said) });
  });

  it('says who hears of faults, where that may be read, and warns where nobody does', async () => {
    const mails = async (confirmed: string[], missing: RecipientsNote['missing'] = []) => {
      const value = {
        format: 1,
        lookedAt: now().toISOString(),
        reportArn: 'arn',
        confirmed,
        missing,
      } as const;
      return find(await look({ recipients: async () => ({ outcome: 'done', value }) }), 'mails');
    };
    const me = { name: 'me@example.com', why: 'not confirmed' } as const;
    expect(await mails(['me@example.com'])).toMatchObject({ outcome: 'pass' });
    expect(await mails([], [me])).toMatchObject({
      outcome: 'warn',
      found: 'NOBODY gets the mails about faults: me@example.com (not confirmed)',
    });
    expect(await mails(['pager'], [me])).toMatchObject({
      outcome: 'warn',
      found: 'the mails do not reach me@example.com (not confirmed)',
    });
    expect(find(await look({ recipients: async () => ({ outcome: 'unset' }) }), 'mails')).toBeUndefined();
  });

  it('notices an archive that was dated by a clock that was wrong', async () => {
    const clock = find(await look({}, 'bitagent-2099-01-01-000000Z'), 'clock');
    expect(clock).toMatchObject({ outcome: 'warn', found: expect.stringContaining('in the future') });
  });
});

describe.skipIf(!hasMoto)('everything, against real servers', () => {
  let moto: Moto;
  let postgres: ThrowawayPostgres;
  let database: Record<string, string>;
  /** May create archives of bitagent, as AgentPolicyArn says. */
  let agent: Record<string, string>;
  /** May look at everything, to see what remains. */
  let witness: S3Client;
  let bin: string;

  beforeAll(async () => {
    bin = mkdtempSync(join(tmpdir(), 'offsite-bin-'));
    for (const program of ['sh', 'readlink', 'dirname', 'find', 'psql'])
      symlinkSync(whereIs(program), join(bin, program));
    moto = await startMoto();
    postgres = await startThrowawayPostgres({ tuned: true });
    const owner = await loadCorpus(postgres.connection, corpus);
    if (owner.via !== 'server') throw new Error('unreachable');
    database = { ...owner.env };
    await s3().send(new CreateBucketCommand({ Bucket: 'vault' }));
    // As in the template, but for its question marks, which moto takes for a regular expression's.
    const arn = `arn:aws:s3:::vault/${archiveKeys(anyIdOf('bitagent')).archive.replaceAll('?', '*')}`;
    agent = await userWho('agent', ['s3:PutObject', 's3:AbortMultipartUpload'], arn);
    const admin = await userWho('admin', ['*'], '*');
    witness = s3(admin.AWS_ACCESS_KEY_ID, admin.AWS_SECRET_ACCESS_KEY);
    await fetch(`${moto.endpoint}/moto-api/reset-auth`, { method: 'POST', body: '0' });
  });
  afterAll(async () => {
    await postgres?.stop();
    await moto?.stop();
    rmSync(bin, { recursive: true });
  });

  const environment = (who: Record<string, string>): Record<string, string> => ({
    ...moto.env,
    ...who,
    ...database,
    OFFSITE_BUCKET: 'vault',
  });

  function s3(accessKeyId = 'testing', secretAccessKey = 'testing'): S3Client {
    const credentials = { accessKeyId, secretAccessKey };
    return new S3Client({ endpoint: moto.endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  }

  /** moto's IAM by its query API, as long as it enforces nothing: no client of its own for four calls. */
  async function userWho(name: string, actions: string[], resource: string): Promise<Record<string, string>> {
    const scope = 'Credential=testing/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0';
    const call = async (parameters: Record<string, string>) => {
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `AWS4-HMAC-SHA256 ${scope}`,
      };
      const body = new URLSearchParams({ Version: '2010-05-08', UserName: name, ...parameters });
      return (await fetch(`${moto.endpoint}/`, { method: 'POST', headers, body })).text();
    };
    const Statement = [{ Effect: 'Allow', Action: actions, Resource: resource }];
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    await call({ Action: 'CreateUser' });
    await call({ Action: 'PutUserPolicy', PolicyName: 'policy', PolicyDocument });
    const key = await call({ Action: 'CreateAccessKey' });
    const [, id = ''] = /<AccessKeyId>(.*?)</.exec(key) ?? [];
    const [, secret = ''] = /<SecretAccessKey>(.*?)</.exec(key) ?? [];
    return { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret };
  }

  const examine = async (args: readonly string[], env: Record<string, string>) => {
    const result = await offsiteHere(['doctor', '--json', ...args], env);
    return { ...result, checks: (result.stdout ? answerOf('doctor', result.stdout).checks : []) as Check[] };
  };

  it('finds everything right, and leaves nothing in the vault', async () => {
    const { exitCode, checks, stderr } = await examine([], environment(agent));
    expect(stderr).toBe('');
    expect(outcomes(checks)).toEqual({
      pg_dump: 'pass',
      database: 'pass',
      rights: 'pass',
      dump: 'pass',
      credentials: 'pass',
      write: 'pass',
      // moto takes the signature of a prefix with a slash for wrong, as soon as it looks at signatures.
      list: 'warn',
      read: 'pass',
      delete: 'pass',
      bucket: 'pass',
      mails: 'pass',
      clock: 'pass',
      compressor: expect.stringMatching(/pass|warn/),
      state: 'pass',
    });
    expect(exitCode).toBe(0);
    const { Uploads } = await witness.send(new ListMultipartUploadsCommand({ Bucket: 'vault' }));
    expect(Uploads).toBeUndefined();
  });

  it('prints lines that fit a terminal, and no secret', async () => {
    const env = environment(agent);
    const { stdout, stderr, exitCode } = await offsite(['doctor'], env);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/^offsite \S+: bitagent to vault\n\nok {4}pg_dump {6}pg_dump \d+/);
    expect(stdout).toMatch(/\n\d+ checks, none failed.*: ready to back up\.\n?$/);
    for (const secret of [env.AWS_SECRET_ACCESS_KEY, env.AWS_ACCESS_KEY_ID, env.PGPASSWORD]) {
      expect(stdout).not.toContain(secret);
    }
  });

  it('warns of credentials that can do more than create, and deletes nothing by it', async () => {
    const aws = await startLocalAws();
    try {
      const env = { ...aws.env, ...database, OFFSITE_BUCKET: aws.bucket };
      const { id } = answerOf('backup', (await offsiteHere(['backup', '--json'], env)).stdout);
      const { exitCode, checks } = await examine([], env);
      expect(exitCode).toBe(0);
      expect(outcomes(checks)).toMatchObject({ write: 'pass', list: 'warn', read: 'warn', delete: 'warn' });
      expect(find(checks, 'delete')?.found).toContain('who breaks into this host deletes the archives');
      expect(find(checks, 'bucket')).toMatchObject({
        outcome: 'warn',
        found: 'versioning off, Object Lock off, lifecycle off, public access not blocked',
      });
      expect(await keysIn(aws.endpoint, aws.bucket)).toEqual([
        `archives/bitagent/${id}.manifest.json`,
        `archives/bitagent/${id}.sql.gz`,
      ]);
    } finally {
      await aws.stop();
    }
  });

  it.each<[string, string[], () => Record<string, string>, number, string, string]>([
    [
      'a source of others',
      ['--source', 'other'],
      () => ({}),
      4,
      'write',
      "policy of the key or of the bucket ('Set up' in",
    ],
    [
      'a key that is unknown',
      [],
      () => ({ AWS_ACCESS_KEY_ID: 'AKIAWRONGWRONGWRONG1' }),
      4,
      'write',
      'AWS_PROFILE',
    ],
    ['no credentials', [], () => ({ AWS_ACCESS_KEY_ID: '' }), 4, 'credentials', 'AWS_PROFILE'],
    [
      'a store that is not there',
      [],
      () => ({ AWS_ENDPOINT_URL: 'http://127.0.0.1:9' }),
      4,
      'write',
      'network',
    ],
    ['a database that is not there', [], () => ({ PGPORT: '1' }), 3, 'database', 'see whether it runs'],
    ['a wrong password', [], () => ({ PGPASSWORD: 'wrong' }), 3, 'database', 'check user and password'],
    ['no pg_dump', [], () => ({ PATH: bin }), 3, 'pg_dump', 'postgresql-client'],
    [
      hasProgram('docker')
        ? 'a container where there is no Docker'
        : 'a container where docker is not installed',
      ['--container', 'nix'],
      () => ({ DOCKER_HOST: 'unix:///nonexistent' }),
      3,
      'container',
      hasProgram('docker') ? 'docker ps' : 'install Docker',
    ],
    [
      'a command that is no dump',
      ['--', 'echo', 'hello'],
      () => ({}),
      3,
      'dump',
      'only the dump belongs on stdout',
    ],
    ['a command that fails', ['--', 'false'], () => ({}), 3, 'dump', 'own word'],
    ['a command that writes nothing', ['--', 'true'], () => ({}), 3, 'dump', 'by hand'],
  ])('finds %s', async (_, args, change, code, name, advice) => {
    const { exitCode, checks } = await examine(args, { ...environment(agent), ...change() });
    expect(checks.some(({ outcome }) => outcome === 'fail')).toBe(true);
    expect(find(checks, name)).toMatchObject({ outcome: 'fail', advice: expect.stringContaining(advice) });
    expect(exitCode).toBe(code);
  });

  it('finds a pg_dump that is older than the server', async () => {
    const proxy = await startNewerServer(postgres.port);
    try {
      const change = { PGHOST: '127.0.0.1', PGPORT: String(proxy.port), PGSSLMODE: 'disable' };
      // The proxy changes what a server says of itself when it is greeted, which is what pg_dump looks at.
      const { checks, exitCode } = await examine([], { ...environment(agent), ...change });
      expect(checks.filter(({ outcome }) => outcome === 'fail')).toMatchObject([
        { found: expect.stringContaining('pg_dump is older than the server') },
      ]);
      expect(exitCode).toBe(3);
    } finally {
      await proxy.stop();
    }
  });

  it('says that a newer pg_dump sets what older servers refuse', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'offsite-newer-'));
    try {
      const script = `case "$*" in *--version*) echo 'pg_dump (PostgreSQL) 17.2' ;; *) exec "$REAL" "$@" ;; esac`;
      standBefore('pg_dump', folder, script);
      const server = await query(postgres.connection, 'SHOW server_version_num');
      const found = find(
        (await examine([], { ...environment(agent), PATH: `${folder}:${process.env.PATH}` })).checks,
        'pg_dump',
      );
      if (Number(server[0]?.[0]) < 170_000) {
        expect(found).toMatchObject({
          outcome: 'warn',
          found: expect.stringContaining('transaction_timeout'),
        });
        expect(found?.advice).toContain('17 or newer');
      } else expect(found?.outcome).not.toBe('warn');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('finds tables that may not be read, by name', async () => {
    await query(
      postgres.connection,
      `CREATE ROLE reader LOGIN PASSWORD 'secret'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader`,
      { database: 'bitmagnet' },
    );
    const env = { ...environment(agent), PGUSER: 'reader', PGPASSWORD: 'secret' };
    const few = find((await examine([], env)).checks, 'rights');
    expect(few).toMatchObject({ outcome: 'fail' });
    await query(postgres.connection, 'GRANT pg_read_all_data TO reader');
    expect(outcomes((await examine([], env)).checks)).toMatchObject({ rights: 'pass', dump: 'pass' });
    await query(
      postgres.connection,
      'CREATE TABLE hidden (x int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; GRANT SELECT ON hidden TO reader',
      { database: 'bitmagnet' },
    );
    const hidden = find((await examine([], env)).checks, 'rights');
    expect(hidden?.found).toContain('public.hidden');
    await query(postgres.connection, 'DROP TABLE hidden', { database: 'bitmagnet' });
  });

  it('lets a command be the dump, and ends it', async () => {
    const command = ['--', 'sh', '-c', `pg_dump; sleep ${nap}`];
    const { exitCode, checks } = await examine(command, environment(agent));
    expect(exitCode).toBe(0);
    expect(find(checks, 'dump')?.found).toMatch(/^a plain dump by pg_dump \d/);
    expect(commandLines().filter((line) => line.includes(nap))).toEqual([]);
  });

  it('tells of a state that cannot be written', async () => {
    const { exitCode, checks } = await examine([], { ...environment(agent), XDG_STATE_HOME: '/dev/null' });
    expect(find(checks, 'state')).toMatchObject({ outcome: 'warn' });
    expect(exitCode).toBe(0);
  });

  it('says what a compressor would give', async () => {
    const before = { ...process.env };
    Object.assign(process.env, environment(agent));
    try {
      const settings: DumpSettings = { via: 'command', command: ['pg_dump'] };
      const vault = createVaultProbe({ bucket: 'vault' }, 'bitagent');
      const state = { path: '/x', warning: undefined };
      const look = async (compressor: string) =>
        find(await doctor({ dump: settings, vault, compressor, state, now }), 'compressor');
      expect(await look('igzip-1')).toEqual({
        name: 'compressor',
        outcome: 'pass',
        found: 'igzip: as fast as pg_dump itself',
      });
      expect(await look('pigz-1')).toMatchObject({
        outcome: 'pass',
        advice: expect.stringContaining('isal'),
      });
      expect(await look('node-zlib-1')).toMatchObject({
        outcome: 'warn',
        advice: expect.stringContaining('isal'),
      });
    } finally {
      process.env = before;
    }
  });

  it('leaves nothing in the vault, whatever it found', async () => {
    const { Versions, DeleteMarkers } = await witness.send(
      new ListObjectVersionsCommand({ Bucket: 'vault' }),
    );
    expect([Versions, DeleteMarkers]).toEqual([undefined, undefined]);
  });
});
