// What pg_dump says reaches the operator: the server's own reason of a failure, and the warnings of a dump that is whole.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { committed, storeEnvironment } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
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
  it("is the server's own reason, too", async () => {
    await query(postgres.connection, `CREATE DATABASE hidden`);
    await query(
      postgres.connection,
      `CREATE ROLE reader LOGIN PASSWORD 'r'; CREATE TABLE rows (id int);
       ALTER TABLE rows ENABLE ROW LEVEL SECURITY; GRANT SELECT ON rows TO reader`,
      { database: 'hidden' },
    );
    const { exitCode, stderr } = await backup({ PGDATABASE: 'hidden', PGUSER: 'reader', PGPASSWORD: 'r' });
    expect(exitCode).toBe(3);
    expect(stderr).toContain('[DUMP_FAILED]');
    expect(stderr).toContain('query would be affected by row-level security policy for table "rows"');
    expect(stderr).toContain('COPY public.rows');
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
