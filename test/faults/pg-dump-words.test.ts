// What pg_dump says reaches the operator: the server's own reason of a failure, and the warnings of a dump that is whole.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { query } from '../../lib/postgres/programs.ts';
import { inSession } from '../../lib/postgres/session.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { committed, storeEnvironment } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { until } from '../fixtures/events.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

let postgres: ThrowawayPostgres;
let stub: S3Stub;
beforeAll(async () => {
  postgres = await startThrowawayPostgres();
});
afterAll(() => postgres?.stop());
beforeEach(async ({ onTestFinished, task }) => {
  stub = await startS3Stub();
  onTestFinished(async () => {
    task.meta.holds = stub.holds();
    await stub.stop();
  });
});

const backup = (change: Record<string, string>, args: string[] = [], run = offsiteHere) =>
  run(['backup', ...args], { ...storeEnvironment(stub), ...postgres.connection.env, ...change });

describe('of a dump that fails', () => {
  const asReader = { PGDATABASE: 'hidden', PGUSER: 'reader', PGPASSWORD: 'r' };
  const inHidden = (sql: string) => query(postgres.connection, sql, { database: 'hidden' });
  beforeAll(async () => {
    await query(postgres.connection, 'CREATE DATABASE hidden');
    await inHidden(`CREATE ROLE reader LOGIN PASSWORD 'r'; CREATE TABLE rows (id int);
      INSERT INTO rows SELECT generate_series(1, 2000)`);
  });

  it.each<[string, string, Record<string, string>, string, RegExp]>([
    [
      'permission denied for table rows',
      'SELECT 1',
      asReader,
      'DUMP_FAILED',
      /LOCK TABLE public\.rows[\s\S]*hint +let the role read everything \(GRANT pg_read_all_data/,
    ],
    [
      'query would be affected by row-level security policy for table "rows"',
      'ALTER TABLE rows ENABLE ROW LEVEL SECURITY; GRANT SELECT ON rows TO reader',
      asReader,
      'DUMP_FAILED',
      /COPY public\.rows[\s\S]*hint .*BYPASSRLS/,
    ],
    [
      'role "reader" is not permitted to log in',
      'ALTER ROLE reader NOLOGIN',
      asReader,
      'DATABASE_REFUSED',
      /hint +let it log in/,
    ],
    [
      'could not translate host name "nowhere.invalid"',
      'SELECT 1',
      { PGHOST: 'nowhere.invalid' },
      'DATABASE_UNREACHABLE',
      /hint .*whether host and port are right/,
    ],
  ])("is the server's own reason, with what to do: %s", async (reason, sql, change, code, words) => {
    await inHidden(sql);
    const { exitCode, stderr } = await backup(change);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`[${code}]`);
    expect(stderr).toContain(reason);
    expect(stderr).toMatch(words);
  });

  it('of damage on its disk is to save what is there', async () => {
    await query(postgres.connection, 'CREATE DATABASE torn TEMPLATE hidden STRATEGY file_copy');
    const [row] = await query(postgres.connection, "SELECT pg_relation_filepath('rows')", {
      database: 'hidden',
    });
    const [torn] = await query(postgres.connection, "SELECT oid FROM pg_database WHERE datname = 'torn'");
    const file = (row?.[0] ?? '').replace(/^base\/\d+/, `base/${torn?.[0]}`);
    const handle = await open(join(postgres.directory, 'data', file), 'r+');
    await handle.write(Buffer.alloc(64, 0x5a), 0, 64, 8192);
    await handle.close();
    const { exitCode, stderr } = await backup({ PGDATABASE: 'torn' });
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(
        /invalid page in block 1 of relation[\s\S]*hint .*copy its whole data folder/,
      ),
    });
  });

  it('of an end by somebody is to run it again', async () => {
    await inSession(postgres.connection, 'hidden', undefined, async (session) => {
      await session.run('BEGIN; LOCK TABLE rows');
      const running = backup({ PGDATABASE: 'hidden' });
      const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name LIKE 'pg_dump%' AND wait_event_type = 'Lock'`;
      await until(
        'pg_dump waits for the lock',
        async () => (await query(postgres.connection, end)).length > 0,
      );
      expect((await running).stderr).toMatch(
        /terminating connection due to administrator command[\s\S]*hint +somebody ended the dump/,
      );
    });
  });
});

describe('of a dump that is whole', () => {
  it('is a warning, of the server', async () => {
    await query(postgres.connection, 'CREATE DATABASE moved');
    await query(
      postgres.connection,
      `UPDATE pg_database SET datcollversion = '2.28-of-another-system' WHERE datname = 'moved'`,
    );
    const { exitCode, stdout, stderr } = await backup({ PGDATABASE: 'moved' }, ['--json'], offsite);
    expect(exitCode, stderr).toBe(0);
    expect(committed(stub)).toHaveLength(1);
    expect(stderr).toMatch(
      /^offsite: warning: the dump is whole, and its program said: WARNING: +database "moved"/,
    );
    expect(answerOf('backup', stdout).warnings).toEqual([expect.stringContaining('collation version')]);
  });

  it('is a warning, of any command', async () => {
    const { exitCode, stderr } = await backup({ PGDATABASE: 'postgres' }, [
      '--',
      'sh',
      '-c',
      'pg_dump; echo mind the disk >&2',
    ]);
    expect(exitCode).toBe(0);
    expect(stderr).toBe('offsite: warning: the dump is whole, and its program said: mind the disk');
  });
});

describe('a URL with what only libpq knows', () => {
  it('is used whole', async () => {
    const { PGHOST = '', PGPORT, PGUSER, PGPASSWORD = '' } = postgres.connection.env;
    const url = `postgres://${PGUSER}:${encodeURIComponent(PGPASSWORD)}@${encodeURIComponent(PGHOST)}:${PGPORT}/postgres`;
    const parameters = '?keepalives=1&keepalives_idle=30&tcp_user_timeout=20000';
    const taken = await backup({ OFFSITE_DATABASE_URL: url + parameters });
    expect(taken.exitCode, taken.stderr).toBe(0);
    const wrong = await backup({ OFFSITE_DATABASE_URL: `${url}?keepalives_idle=soon` });
    // libpq's own word: it came there.
    expect(wrong.stderr).toContain('keepalives_idle');
    expect(wrong.exitCode).toBe(3);
  });
});
