// Dumps that were written to run something: by psql's own commands, by COPY's programs and files, by rights that a
// restore does not need. Each tries to make a file, and after each there is none.

import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OffsiteError } from '../../lib/base/errors.ts';
import { clientCommand, query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { restoreParallel } from '../../lib/restore/parallel.ts';
import { restore } from '../../lib/restore/restore.ts';
import { runChecks } from '../../lib/restore-test/run-checks.ts';
import { makeSandbox, type Sandbox } from '../../lib/restore-test/sandbox.ts';
import { inPieces } from '../fixtures/postgres.ts';

let server: ThrowawayPostgres;
let sandbox: Sandbox;
let folder: string;
let trace: string;
const database = 'hostile';
// As a dump would name them: an owner, and a role that may run programs.
const roles = ['bitmagnet', 'postgres', 'pg_execute_server_program', 'pg_write_server_files'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offsite-hostile-'));
  await chmod(folder, 0o777);
  trace = join(folder, 'trace');
  server = await startThrowawayPostgres({ tuned: true, superuser: 'offsite_hidden' });
  sandbox = await makeSandbox({
    connection: server.connection,
    database,
    inventory: { roles, extensions: ['pg_trgm', 'plpgsql'] },
  });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});
afterEach(() => expect(existsSync(trace)).toBe(false));

const table = 'CREATE TABLE public.rows (one text);\nALTER TABLE public.rows OWNER TO bitmagnet;\n';

function sandboxed(sql: string, pieceBytes?: number, goesOn = false): Promise<unknown> {
  const dump = `${table}${sql.replaceAll('TRACE', trace)}`;
  return restoreParallel({
    connection: sandbox.connection,
    database,
    dump: inPieces(Buffer.from(`DROP TABLE IF EXISTS public.rows;\n${dump}`), pieceBytes),
    sessions: 2,
    skips: sandbox.skips,
    ...(goesOn && { goesOnWithout: (error, tokens) => sandbox.omissions.goesOnWithout(error, tokens) }),
  }).then(
    () => 'restored',
    (error: unknown) => error,
  );
}

const commands: [string][] = [
  ['\\! touch TRACE\n'],
  ['\\! touch TRACE'],
  ['SELECT 1 \\g |touch TRACE\n'],
  ['SELECT 1\n\\g TRACE\n'],
  ['\\o TRACE\nSELECT 1;\n'],
  ['\\w TRACE\n'],
  ['\\copy public.rows to TRACE\n'],
  ["\\copy public.rows to program 'touch TRACE'\n"],
  ['\\set x `touch TRACE`\n'],
  ['\\i TRACE\n'],
  ['\\connect postgres\n'],
  ['\\restrict a\n\\unrestrict a\n\\! touch TRACE\n'],
  ['\\restrict a `touch TRACE`\n'],
  ['COPY public.rows (one) FROM stdin;\nx\n\\.\n\\! touch TRACE\n'],
  ['COPY public.rows (one) FROM stdin; \\! touch TRACE\nx\n\\.\n'],
  ['SELECT $$ ; $$; \\! touch TRACE\n'],
  ["/* ' */ \\! touch TRACE\n"],
];

describe('psql’s own commands', () => {
  it.each(commands)('%j', async (sql) => {
    for (const pieceBytes of [1, 65_536]) {
      expect(await sandboxed(sql, pieceBytes)).toMatchObject({ code: 'RESTORE_REFUSED' });
    }
  });

  it.each(commands)('%j, restored by psql', async (sql) => {
    const restoring = restore({
      connection: server.connection,
      database: 'by_psql',
      dump: inPieces(
        Buffer.from(`CREATE TABLE public.rows (one text);\n${sql.replaceAll('TRACE', trace)}`),
        7,
      ),
    });
    await expect(restoring).rejects.toMatchObject({ code: 'RESTORE_REFUSED' });
  });

  it('leave a trace where nothing stands between', async () => {
    const command = clientCommand(server.connection, 'psql', ['-X', '-f', '-']);
    await execa(command.program, command.args, {
      env: command.env,
      extendEnv: false,
      input: `\\! touch ${trace}\n`,
    });
    expect(existsSync(trace)).toBe(true);
    await rm(trace);
  });
});

describe('what only a superuser may', () => {
  it.each<[string]>([
    ["COPY public.rows FROM PROGRAM 'touch TRACE';\n"],
    ["COPY public.rows TO PROGRAM 'touch TRACE';\n"],
    ["COPY public.rows TO 'TRACE';\n"],
    ["COPY public.rows FROM '/etc/passwd';\n"],
    ["DO $$ BEGIN EXECUTE 'COPY public.rows TO PROGRAM ''touch TRACE'''; END $$;\n"],
    [
      "ALTER TABLE public.rows OWNER TO pg_execute_server_program;\nCOPY public.rows TO PROGRAM 'touch TRACE';\n",
    ],
    ["SET ROLE pg_write_server_files;\nCOPY public.rows TO 'TRACE';\n"],
    ['SET ROLE offsite_hidden;\n'],
    ['ALTER ROLE bitmagnet SUPERUSER;\n'],
    ['GRANT pg_execute_server_program TO bitmagnet;\n'],
    ["ALTER SYSTEM SET archive_command = 'touch TRACE';\n"],
    ["SELECT pg_catalog.lo_export(pg_catalog.lo_create(0), 'TRACE');\n"],
    ["SELECT pg_catalog.pg_read_file('/etc/passwd');\n"],
    ["LOAD '/tmp/evil.so';\n"],
    ["CREATE FUNCTION public.f() RETURNS int LANGUAGE c AS '/lib/x86_64-linux-gnu/libc.so.6', 'system';\n"],
    ['CREATE EXTENSION file_fdw;\n'],
    [
      "CREATE FUNCTION public.p() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN COPY public.rows TO PROGRAM 'touch TRACE'; END $$;\nSELECT public.p();\n",
    ],
  ])('%j', async (sql) => {
    const error = await sandboxed(sql);
    expect(error).toMatchObject({ code: 'RESTORE_FAILED', line: expect.any(Number) });
    expect((error as OffsiteError).found).toMatch(
      /permission denied|must (be|have)|superuser|not allowed|language "c"|access to|could not/i,
    );
  });

  it.each<[string]>([
    ["COPY public.rows TO PROGRAM 'touch TRACE';\n"],
    ['ALTER ROLE bitmagnet SUPERUSER;\n'],
    ['GRANT pg_execute_server_program TO bitmagnet;\n'],
    ["ALTER SYSTEM SET archive_command = 'touch TRACE';\n"],
    ['SET ROLE offsite_hidden;\n'],
    ["SELECT pg_catalog.pg_read_file('/etc/passwd');\n"],
    ["LOAD '/tmp/evil.so';\n"],
    ['CREATE ROLE evil;\n'],
    ['CREATE TABLE pg_catalog.evil (one int);\n'],
  ])('%j is no statement of pg_dump: a restore test does not go on without it', async (sql) => {
    expect(await sandboxed(`CREATE TYPE public.shell;\n${sql}`, undefined, true)).toMatchObject({
      code: 'RESTORE_FAILED',
    });
  });

  it('is not lent to the functions that a check calls', async () => {
    const evil = `CREATE OR REPLACE FUNCTION public.budget() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN COPY (SELECT 1) TO PROGRAM 'touch TRACE'; RETURN 1; END $$;\n`;
    expect(await sandboxed(evil)).toBe('restored');
    const checks = [{ name: 'evil', severity: 'fail' as const, sql: `SELECT true, public.budget()::text` }];
    const results = await runChecks(sandbox.connection, database, [{ checks, origin: 'own' }], {
      dumpedAt: new Date(),
      torrents: 1,
    });
    expect(results[0]).toMatchObject({
      name: 'evil',
      outcome: 'fail',
      detail: expect.stringMatching(/could not be run: .*(COPY|program)/),
    });
  });

  it('an extension that reaches files is not made for it', async () => {
    const another = await makeSandbox({
      connection: server.connection,
      database: 'another',
      inventory: { roles: [], extensions: ['file_fdw'] },
    });
    const dump = `CREATE EXTENSION file_fdw;\nCREATE SERVER s FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE f (one text) SERVER s OPTIONS (program 'touch ${trace}');\nALTER TABLE f OWNER TO x;\n`;
    await restoreParallel({
      connection: another.connection,
      database: 'another',
      dump: inPieces(Buffer.from(dump)),
      sessions: 2,
      skips: another.skips,
      goesOnWithout: (error, tokens) => another.omissions.goesOnWithout(error, tokens),
    });
    expect(another.omissions.all?.first.map(({ what }) => what)).toEqual([
      'CREATE EXTENSION file_fdw',
      'CREATE SERVER s FOREIGN DATA WRAPPER file_fdw',
      'CREATE FOREIGN TABLE f',
    ]);
    const missing = makeSandbox({
      connection: server.connection,
      database: 'a_third',
      inventory: { roles: [], extensions: ['timescaledb'] },
    });
    await expect(missing).rejects.toMatchObject({
      code: 'EXTENSION_MISSING',
      expected: expect.stringContaining('timescaledb'),
    });
  });

  it('leaves a trace where a superuser restores', async () => {
    // It reads what it is given: the server would take its early end for a failure.
    await query(server.connection, `COPY (SELECT 1) TO PROGRAM 'cat > ${trace}'`);
    expect(existsSync(trace)).toBe(true);
    await rm(trace);
  });
});

describe('a dump that wastes', () => {
  it('rows that nobody asked for are not kept', async () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(await sandboxed("SELECT repeat('x', 1000) FROM generate_series(1, 100000);\n")).toBe('restored');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50e6);
  });

  it('a statement without an end is not collected for ever', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("SELECT '");
      for (;;) yield Buffer.alloc(1_000_000, 0x61);
    }
    const restoring = restoreParallel({
      connection: sandbox.connection,
      database,
      dump: endless(),
      sessions: 2,
    });
    await expect(restoring).rejects.toMatchObject({ code: 'RESTORE_REFUSED' });
  });
});
