// What a real server says of statements that a dump should not have, and what the operator is told to do about each.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase, type Session } from '../../lib/postgres/session.ts';
import { statementError } from '../../lib/postgres/statement-error.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';

let server: ThrowawayPostgres;
let session: Session;

beforeAll(async () => {
  server = await startThrowawayPostgres({ tuned: true });
  session = await openDatabase(server.connection, 'postgres');
  const made =
    'CREATE TABLE t (a int NOT NULL); INSERT INTO t VALUES (1), (1); CREATE TABLE s (b int PRIMARY KEY); CREATE TABLE r (a text) PARTITION BY RANGE (a); CREATE ROLE few; CREATE ROLE others; CREATE TABLE f (); ALTER TABLE f OWNER TO few';
  for (const sql of made.split('; ')) await session.run(sql);
});
afterAll(async () => {
  await session?.close();
  await server?.stop();
});

test.each<[string, string, string, RegExp]>([
  ['rows that are there twice', 'ALTER TABLE t ADD PRIMARY KEY (a)', 'RESTORE_FAILED', /pg_amcheck/],
  [
    'a row that refers to none',
    'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES s',
    'RESTORE_FAILED',
    /pg_amcheck/,
  ],
  [
    'a row that a check refuses',
    'ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 1)',
    'RESTORE_FAILED',
    /a check constraint "positive": one that looks at other/,
  ],
  [
    'bounds that another locale has in order',
    "CREATE TABLE r1 PARTITION OF r FOR VALUES FROM ('a9') TO ('a10')",
    'RESTORE_FAILED',
    /pg_dump --create/,
  ],
  ['a value that is none', "INSERT INTO t VALUES ('x1')", 'RESTORE_FAILED', /not what pg_dump writes/],
  ['nonsense', 'CREATE TABEL u ()', 'RESTORE_FAILED', /not what pg_dump writes/],
  ['a table that was not made', 'CREATE INDEX ON missing (a)', 'RESTORE_FAILED', /earlier part/],
  ['a function that was not made', 'CREATE INDEX ON t (missing(a))', 'RESTORE_FAILED', /earlier part/],
  ['an extension that is not there', 'CREATE EXTENSION missing', 'RESTORE_FAILED', /install its package/],
  ['a setting of a newer server', 'SET transaction_timeouts = 0', 'SERVER_TOO_OLD', /postgresMajor/],
  [
    'a role that another may not act for',
    'SET LOCAL ROLE few; ALTER TABLE f OWNER TO others',
    'RESTORE_FAILED',
    /GRANT others TO that role/,
  ],
  ['anything else', 'DO $$ BEGIN RAISE lock_not_available; END $$', 'RESTORE_FAILED', /sed -n 7p/],
])('%s', async (_, sql, code, hint) => {
  const refusal = await session.run(sql).catch((error: unknown) => error);
  expect(statementError(refusal, 7, Buffer.from(sql))).toMatchObject({
    code,
    line: 7,
    statement: sql,
    found: expect.stringMatching(/^line 7: ERROR: /),
    hint: expect.stringMatching(hint),
  });
});

test.each([
  ['ends the session', 'SELECT pg_terminate_backend(pg_backend_pid())', /^line 7: FATAL: terminating/],
  ['is gone', 'SELECT pg_sleep(60)', /^line 7: Connection terminated/],
])('a server that %s is no fault of the dump', async (_, sql, found) => {
  const ending = await openDatabase(server.connection, 'postgres');
  const refused = ending.run(sql).catch((error: unknown) => error);
  if (sql.includes('sleep')) ending.destroy();
  expect(statementError(await refused, 7, Buffer.from(sql))).toMatchObject({
    code: 'DATABASE_UNREACHABLE',
    found: expect.stringMatching(found),
    hint: expect.stringMatching(/see whether it runs/),
  });
});
