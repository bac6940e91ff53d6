// What a server is like that a dump comes to: without the database that everybody stands in, a role with few rights,
// an older version than the pg_dump that wrote the dump.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Connection } from '../../lib/postgres/connection.ts';
import { clientCommand, findPostgresPrograms, query } from '../../lib/postgres/programs.ts';
import { openDatabase } from '../../lib/postgres/session.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { restoreInPlace } from '../../lib/restore/in-place.ts';
import { restoreParallel } from '../../lib/restore/parallel.ts';
import { restore } from '../../lib/restore/restore.ts';
import { standBeside } from '../../lib/restore/server.ts';
import { assertUnused } from '../../lib/restore/target.ts';
import { until } from '../fixtures/events.ts';
import { databasesOf, inPieces } from '../fixtures/postgres.ts';

const binDir = findPostgresPrograms() ?? '';
let server: ThrowawayPostgres;
beforeAll(async () => {
  server = await startThrowawayPostgres({
    tuned: true,
    settings: { max_prepared_transactions: '2', wal_level: 'logical', max_wal_senders: '2' },
  });
});
afterAll(() => server.stop());

const dump = Buffer.from('SET transaction_timeout = 0;\nCREATE TABLE public.torrents (id int);\n');

it.each([
  ['that the server would cut', 'ü'.repeat(32), '64 bytes'],
  ['that is none', '', 'none'],
])('a name %s is refused before anything is made', async (_, database, found) => {
  const { connection } = server;
  const before = await databasesOf(connection);
  const refused = { code: 'USAGE', found: expect.stringContaining(found) };
  await expect(restore({ connection, database, dump: inPieces(dump) })).rejects.toMatchObject(refused);
  for (const how of ['swap', 'replace'] as const)
    await expect(
      restoreInPlace({ connection, database, placing: { how }, dump: () => inPieces(dump) }),
    ).rejects.toMatchObject(refused);
  expect(await databasesOf(connection)).toEqual(before);
});

it('a setting of a newer pg_dump is left out where the server does not know it, and others are told of', async () => {
  await restore({ connection: server.connection, database: 'newer', dump: inPieces(dump) });
  await query(server.connection, 'CREATE DATABASE parallel');
  await restoreParallel({
    connection: server.connection,
    database: 'parallel',
    dump: inPieces(dump),
    sessions: 2,
  });
  for (const database of ['newer', 'parallel'])
    expect(await query(server.connection, 'SELECT count(*) FROM torrents', { database })).toEqual([['0']]);
  const unknown = Buffer.from('SET of_the_future = 0;\n');
  await expect(
    restore({ connection: server.connection, database: 'future', dump: inPieces(unknown) }),
  ).rejects.toMatchObject({ hint: expect.stringContaining('the rows of this one can be had all the same') });
});

it.each([
  ['who may not make databases', 'few', 'swap', 'as a superuser: ALTER ROLE "few" CREATEDB;'],
  ['who may not make databases, but drop that one', 'few', 'replace', 'ALTER ROLE "few" CREATEDB'],
  ['who may not make databases, beside one', 'few', 'beside', 'ALTER ROLE "few" CREATEDB'],
  ['who does not own the one that is there', 'maker', 'swap', 'GRANT "few" TO "maker"; or'],
  ['who may not drop the one that is there', 'maker', 'replace', 'GRANT "few" TO "maker"; or'],
  ['of a subscription in it', 'postgres', 'replace', 'DROP SUBSCRIPTION'],
  ['of a standby', 'following', 'beside', 'name the primary'],
] as const)('before anything is read, is told %s (%s, %s)', async (_, PGUSER, how, hint) => {
  const { connection } = server;
  if (!(await databasesOf(connection)).includes('of_few')) {
    await query(connection, "CREATE ROLE few LOGIN PASSWORD 'few'");
    await query(connection, "CREATE ROLE maker LOGIN CREATEDB PASSWORD 'maker'");
    await query(connection, 'CREATE DATABASE of_few OWNER few');
    const subscription = `CREATE SUBSCRIPTION "from" CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false)`;
    await query(connection, subscription, { database: 'of_few' });
    // A server that follows another is slow to make: this one says of itself that it does.
    await query(
      connection,
      `CREATE ROLE following LOGIN SUPERUSER PASSWORD 'following'; CREATE SCHEMA says; CREATE FUNCTION says.pg_is_in_recovery() RETURNS bool LANGUAGE sql AS 'SELECT true';
       ALTER ROLE following SET search_path = says, pg_catalog`,
    );
  }
  const password = PGUSER === 'postgres' ? connection.env : { PGPASSWORD: PGUSER };
  const as: Connection = { via: 'server', env: { ...connection.env, ...password, PGUSER } };
  const unread = () => expect.unreachable('it was read');
  await expect(
    restoreInPlace({ connection: as, database: 'of_few', placing: { how }, dump: unread, createRoles: true }),
  ).rejects.toMatchObject({ code: 'DATABASE_REFUSED', hint: expect.stringContaining(hint) });
  const before = (await databasesOf(connection)).filter((name) => name.startsWith('of_few'));
  expect(before).toEqual(['of_few']);
});

it('who reads its changes is told that they end, and is never cut off', async () => {
  const { connection } = server;
  const inIt = (sql: string) => query(connection, sql, { database: 'read' });
  const isRead = async () => (await query(connection, 'SELECT active FROM pg_replication_slots'))[0]?.[0];
  const said: string[] = [];
  const warn = (sentence: string) => said.push(sentence);
  await query(connection, 'CREATE DATABASE read');
  for (const [how, told] of [
    ['swap', /slots \(ours\): they stay with .*pg_drop_replication_slot/],
    ['replace', /slots \(ours\): they are dropped with it/],
  ] as const) {
    await inIt(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots; SELECT pg_create_logical_replication_slot('ours', 'test_decoding')",
    );
    const { program, args, env } = clientCommand(connection, join(binDir, 'pg_recvlogical'), [
      ...['--dbname', 'read', '--slot', 'ours', '--start', '--no-loop', '--file', '-'],
    ]);
    const reading = execa(program, args, { env, extendEnv: false, reject: false });
    await until('its changes are read', async () => (await isRead()) === 't', reading);
    const target = { connection, database: 'read', placing: { how }, dump: () => inPieces(dump), warn };
    await expect(restoreInPlace(target)).rejects.toMatchObject({
      code: 'DATABASE_IN_USE',
      found: expect.stringMatching(/pg_recvlogical \(walsender\), process \d+/),
    });
    reading.kill();
    await until('nobody reads them any more', async () => (await isRead()) === 'f');
    await restoreInPlace(target);
    expect(said).toContainEqual(expect.stringMatching(told));
  }
});

it('of two that replace one database, the second is told before it drops anything', async () => {
  const { connection } = server;
  await query(connection, 'CREATE DATABASE twice');
  const target = { connection, database: 'twice', placing: { how: 'replace' } } as const;
  const refusals: unknown[] = [];
  async function* overtaken() {
    const second = restoreInPlace({ ...target, dump: () => inPieces(dump) });
    refusals.push(await second.catch((error) => error.code));
    yield* inPieces(dump);
  }
  await restoreInPlace({ ...target, dump: overtaken });
  expect(refusals).toEqual(['DATABASE_IN_USE']);
  // Whoever has ended holds up nobody.
  await restoreInPlace({ ...target, dump: () => inPieces(dump) });
});

it('what has come into the half-made one does not keep it from its place', async () => {
  const { connection } = server;
  const opened: Awaited<ReturnType<typeof openDatabase>>[] = [];
  async function* watched() {
    yield* inPieces(dump);
    const half = (await databasesOf(connection)).find((name) => name.startsWith('watched_restore'));
    opened.push(await openDatabase(connection, half ?? ''));
  }
  const target = { connection, database: 'watched', placing: { how: 'swap' }, dump: watched } as const;
  expect(await restoreInPlace(target)).toMatchObject({ database: 'watched' });
  for (const session of opened) session.destroy();
  expect(opened).toHaveLength(1);
});

it('a service says where, and never which database: the one that it names is as it was', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offsite-service-'));
  const file = join(folder, 'services');
  const { PGHOST, PGPORT, PGUSER, PGPASSWORD } = server.connection.env;
  writeFileSync(
    file,
    `[mine]\nhost=${PGHOST}\nport=${PGPORT}\nuser=${PGUSER}\npassword=${PGPASSWORD}\ndbname=named\n`,
  );
  const connection: Connection = { via: 'server', env: { PGSERVICE: 'mine', PGSERVICEFILE: file } };
  await query(server.connection, 'CREATE DATABASE named');
  await query(connection, 'CREATE TABLE torrents (id int); INSERT INTO torrents VALUES (1)');
  const inIt = (database: string) => query(server.connection, 'SELECT count(*) FROM torrents', { database });
  try {
    const failing = Buffer.from('CREATE TABLE public.torrents (id int);\nSELECT 1 / 0;\n');
    await expect(
      restore({ connection, database: 'by_service', dump: inPieces(failing) }),
    ).rejects.toMatchObject({ found: expect.stringContaining('division by zero') });
    expect(await inIt('named')).toEqual([['1']]);
    const swap = {
      connection,
      database: 'named',
      placing: { how: 'swap' },
      dump: () => inPieces(dump),
    } as const;
    const { before = '' } = await restoreInPlace(swap);
    expect([await inIt('named'), await inIt(before)]).toEqual([[['0']], [['1']]]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('where few sessions may be opened these do, and where none may that is said', async () => {
  const { connection } = server;
  await query(connection, "CREATE ROLE limited LOGIN CREATEDB PASSWORD 'limited' CONNECTION LIMIT 3");
  const role = { ...connection.env, PGUSER: 'limited', PGPASSWORD: 'limited' };
  const limited = { connection: { via: 'server', env: role }, jobs: 8, dump: inPieces(dump) } as const;
  await restore({ ...limited, database: 'by_few' });
  expect(await query(connection, 'SELECT count(*) FROM torrents', { database: 'by_few' })).toEqual([['0']]);
  // The one that stands beside.
  await query(connection, 'ALTER ROLE limited CONNECTION LIMIT 1');
  await expect(restore({ ...limited, dump: inPieces(dump), database: 'by_none' })).rejects.toMatchObject({
    code: 'DATABASE_REFUSED',
    hint: expect.stringContaining('CONNECTION LIMIT'),
  });
  expect(await databasesOf(connection)).not.toContain('by_none');
});

it('a prepared transaction, which no rename gets past, is told before anything is restored', async () => {
  await query(server.connection, 'CREATE DATABASE prepared');
  const inIt = (sql: string) => query(server.connection, sql, { database: 'prepared' });
  await inIt("BEGIN; CREATE TABLE t (a int); PREPARE TRANSACTION 'left'");
  const { run, close } = await standBeside({ connection: server.connection });
  const using = { connection: server.connection, stops: true };
  await expect(assertUnused(run, 'prepared', using)).rejects.toMatchObject({
    code: 'DATABASE_IN_USE',
    found: 'left',
    hint: expect.stringContaining("COMMIT PREPARED 'left'"),
  });
  await inIt("ROLLBACK PREPARED 'left'");
  await assertUnused(run, 'prepared', using);
  await close();
});

it('what uses it inside of a container is named, with the way to stop it', async () => {
  // No real one: the test's engine gives its containers no network. The session is real, and what Docker would say of it is not.
  const folder = mkdtempSync(join(tmpdir(), 'offsite-docker-'));
  const docker = join(folder, 'docker');
  writeFileSync(
    docker,
    `#!/bin/sh\ncase $1 in ps) echo 1f; echo 2e ;; inspect) echo /other 10.9.9.9; echo /bitagent 10.0.0.7 127.0.0.1 ;; esac\n`,
  );
  chmodSync(docker, 0o755);
  const { PATH } = process.env;
  process.env.PATH = [folder, PATH].join(delimiter);
  await query(server.connection, 'CREATE DATABASE used');
  const session = await openDatabase(server.connection, 'used');
  const { run, close } = await standBeside({ connection: server.connection });
  const refusal = async (container: string) =>
    assertUnused(run, 'used', { connection: { via: 'container', container }, stops: false }).catch((e) => e);
  try {
    expect(await refusal('bitagent-postgres')).toMatchObject({
      code: 'DATABASE_IN_USE',
      found: expect.stringMatching(/^offsite restore, process \d+, container bitagent$/),
      hint: expect.stringContaining('--stop bitagent;'),
    });
    // Where Docker does not tell, it is refused all the same.
    writeFileSync(docker, '#!/bin/sh\nexit 1\n');
    expect(await refusal('bitagent-postgres')).toMatchObject({
      found: expect.stringMatching(/^offsite restore, process \d+$/),
      hint: expect.stringContaining('--stop CONTAINER (BitAgent: bitagent)'),
    });
  } finally {
    process.env.PATH = PATH;
    await session.close();
    await close();
    rmSync(folder, { recursive: true, force: true });
  }
});

it('it stands elsewhere where there is no database postgres, and says that a superuser restores', async () => {
  await query(server.connection, 'ALTER DATABASE postgres RENAME TO other', { database: 'template1' });
  const said: string[] = [];
  await restore({
    connection: server.connection,
    database: 'fresh',
    dump: inPieces(dump),
    warn: (sentence) => said.push(sentence),
  });
  expect(said).toEqual([expect.stringMatching(/^postgres is a superuser/)]);
  expect(await query(server.connection, 'SELECT count(*) FROM torrents', { database: 'fresh' })).toEqual([
    ['0'],
  ]);
});
