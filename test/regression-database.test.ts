// The database that PostgreSQL's own regression tests leave: whatever a server can hold. Backed up, verified, restored and
// restore-tested, and compared with what psql makes of the same dump.

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchiveId, archiveKeys, parseArchiveId } from '../lib/archive/names.ts';
import { clientCommand, findPostgresPrograms, query } from '../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../lib/postgres/throwaway.ts';
import { tryRestore } from '../lib/restore-test/restore-test.ts';
import { verifyOnce } from '../lib/verify/verify.ts';
import { offsite } from './fixtures/cli.ts';
import { type LocalAws, startLocalAws } from './fixtures/local-aws.ts';
import { ownMajor } from './fixtures/majors.ts';
import { noChecks } from './fixtures/no-checks.ts';
import { dumpOf } from './fixtures/postgres.ts';
import { regressionSources } from './fixtures/regression-sources.ts';

const asked = process.env.SUITE_REGRESSION_DATABASE === '1';
const folder = asked ? mkdtempSync(join(tmpdir(), 'offsite-regress-')) : '';
if (asked) chmodSync(folder, 0o755);
const sources = asked
  ? await regressionSources(await ownMajor(), folder)
  : { missing: 'OFFSITE_REGRESSION_DATABASE=1 is not set' };
if ('missing' in sources) {
  console.warn(`SKIPPED: PostgreSQL's regression database: ${sources.missing}`);
  if (asked) rmSync(folder, { recursive: true });
}
const regress = 'regress' in sources ? sources.regress : '';
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(regress === '')('PostgreSQL’s regression database', () => {
  let aws: LocalAws;
  let env: Record<string, string>;
  /** Where it was made, and where it comes back to. */
  let origin: ThrowawayPostgres;
  let target: ThrowawayPostgres;
  let id: ArchiveId;
  /** What pg_dump says of what psql made of the archive. */
  let byPsql: string;

  beforeAll(async () => {
    aws = await startLocalAws();
    env = { ...aws.env, OFFSITE_BUCKET: aws.bucket };
    const settings = { fsync: 'off', max_locks_per_transaction: '1024', wal_level: 'logical' };
    [origin, target] = await Promise.all([
      startThrowawayPostgres({ settings }),
      startThrowawayPostgres({ settings }),
    ]);
    await makeDatabase(origin);
    const { stdout, stderr } = await offsite(['backup', '--json', '--source', 'regression'], {
      ...env,
      ...origin.connection.env,
      PGDATABASE: 'regression',
    });
    expect(stderr).toBe('');
    id = parseArchiveId((JSON.parse(stdout) as { id: string }).id);
    byPsql = await restoredByPsql();
  }, 600_000);
  afterAll(async () => {
    await origin?.stop();
    await target?.stop();
    await aws?.stop();
  });

  it('is intact', async () => {
    const unexpected = () => Promise.reject(new Error('nothing is to be told'));
    const store = aws.store;
    const now = () => new Date();
    const found = await verifyOnce({ store, id, now, sendMail: unexpected, readInRanges: unexpected });
    expect(found).toMatchObject({ verdict: { verdict: 'intact' } });
  });

  /** Several sessions lay a table's rows down in another order. */
  const inAnyOrder = (text: string) => text.split('\n').sort().join('\n');

  it.each([
    ['1', (text: string) => text],
    ['3', inAnyOrder],
  ])('comes back by offsite restore as by psql, byte for byte (--jobs %s)', async (jobs, lines) => {
    const database = `by_offsite_${jobs}`;
    const admin = { ...env, ...target.connection.env };
    const restored = await offsite(
      ['restore', id.id, '--any', '--into', database, '--jobs', jobs, '--create-roles', '--json'],
      admin,
    );
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(lines(await described(database)) === lines(byPsql)).toBe(true);
  });

  it('passes its restore test, but for what it names: that needs a superuser, or what does', async () => {
    const report = await tryRestore({
      store: aws.store,
      archiveId: id.id,
      checks: noChecks,
      // As the product does: by a name that no dump knows.
      startServer: () => startThrowawayPostgres({ tuned: true, superuser: 'offsite_of_its_own' }),
      now: () => new Date(),
    });
    expect(report, JSON.stringify(report, undefined, 1).slice(0, 20_000)).toMatchObject({
      outcome: 'passed',
    });
    const { statements = 0, first = [] } = report.skipped ?? {};
    const words = first.map(({ what, why }) => `${what}: ${why}`).join('\n');
    for (const one of [
      /^CREATE TRANSFORM FOR integer LANGUAGE sql: needs a superuser$/m,
      /^CREATE AGGREGATE public\.test_rank: needs a superuser$/m,
      /^CREATE CAST \(bigint AS public\.int8alias1\): needs what was left out before$/m,
      /^CREATE OPERATOR FAMILY public\.at_test_sql_partop USING btree: needs a superuser$/m,
    ])
      expect(words).toMatch(one);
    expect(statements).toBe(first.length);
    // Two tables of a type that is left out.
    const tables = words.match(/^CREATE TABLE .*/gm) ?? [];
    expect(tables).toEqual([expect.stringMatching(/ec1/), expect.stringMatching(/ec2/)]);
    expect(report.comparisons.filter(({ counted }) => counted === 'rows').length).toBeGreaterThan(300);
  });

  /** As a person would without this program: the roles that it names, then the dump, whatever it says on its way. */
  async function restoredByPsql(): Promise<string> {
    const store = aws.store;
    const opened = await store.open(archiveKeys(id).archive);
    const dump = gunzipSync(Buffer.concat((await opened?.body.toArray()) ?? []));
    const roles = await query(
      origin.connection,
      `SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'`,
    );
    for (const [role = ''] of roles)
      await query(target.connection, `CREATE ROLE "${role.replaceAll('"', '""')}"`);
    await query(target.connection, 'CREATE DATABASE by_psql TEMPLATE template0');
    const command = clientCommand(target.connection, 'psql', ['-X', '-q', '-f', '-'], {
      database: 'by_psql',
    });
    const { stderr } = await execa(command.program, command.args, {
      env: command.env,
      extendEnv: false,
      input: dump,
      stdout: 'ignore',
    });
    expect(stderr).toBe('');
    return described('by_psql');
  }

  /** Without what differs from dump to dump: the key of `\restrict`. */
  async function described(database: string): Promise<string> {
    const connection = { via: 'server', env: { ...target.connection.env, PGDATABASE: database } } as const;
    return (await dumpOf(connection)).toString('latin1').replace(/^\\(un)?restrict .*$/gm, '');
  }
});

/** Runs the files in the order of PostgreSQL's schedule, those of a line side by side; that statements fail is their way. */
async function makeDatabase(server: ThrowawayPostgres): Promise<void> {
  await query(server.connection, `CREATE DATABASE regression TEMPLATE template0`);
  const psql = join(findPostgresPrograms() ?? '', 'psql');
  const built = join(folder, 'built');
  mkdirSync(join(built, 'results'), { recursive: true });
  for (const place of [built, join(built, 'results')]) chmodSync(place, 0o1777);
  const env = {
    PATH: process.env.PATH ?? '',
    ...server.connection.env,
    PGDATABASE: 'regression',
    PGTZ: 'America/Los_Angeles',
    PGDATESTYLE: 'Postgres, MDY',
    PGOPTIONS: '-c intervalstyle=postgres_verbose',
    PG_ABS_SRCDIR: regress,
    PG_ABS_BUILDDIR: built,
    PG_LIBDIR: built,
    PG_DLSUFFIX: '.so',
  };
  const runs = async (name: string) => {
    await execa(psql, ['-X', '-a', '-q', '-f', join(regress, 'sql', `${name}.sql`)], {
      cwd: built,
      env,
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    });
  };
  for (const line of readFileSync(join(regress, 'parallel_schedule'), 'utf8').split('\n')) {
    const [, names = ''] = /^test: (.*)$/.exec(line) ?? [];
    const waiting = names.split(' ').filter((name) => name !== '');
    const work = async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await runs(name);
    };
    await Promise.all([work(), work(), work()]);
  }
  // The table that a dump of BitAgent's is known by.
  const connection = { via: 'server', env: { ...server.connection.env, PGDATABASE: 'regression' } } as const;
  await query(connection, 'CREATE TABLE public.torrents AS SELECT 1 AS info_hash');
}
