// What a server is like that a dump comes to: without the database that everybody stands in, a role with few rights,
// an older version than the pg_dump that wrote the dump.

import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Connection } from '../../lib/postgres/connection.ts';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { restoreParallel } from '../../lib/restore/parallel.ts';
import { restore } from '../../lib/restore/restore.ts';
import { inPieces } from '../fixtures/postgres.ts';

let server: ThrowawayPostgres;
beforeAll(async () => {
  server = await startThrowawayPostgres({ tuned: true });
});
afterAll(() => server.stop());

const dump = Buffer.from('SET transaction_timeout = 0;\nCREATE TABLE public.torrents (id int);\n');

it('a name that the server would cut is refused', async () => {
  const restoring = restore({
    connection: server.connection,
    database: 'ü'.repeat(32),
    dump: inPieces(dump),
  });
  await expect(restoring).rejects.toMatchObject({
    code: 'USAGE',
    found: expect.stringContaining('64 bytes'),
  });
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
  ).rejects.toMatchObject({ hint: expect.stringContaining('the rows can be had all the same') });
});

it('who may not make databases is told what to ask for', async () => {
  await query(server.connection, "CREATE ROLE few LOGIN PASSWORD 'few'");
  const connection: Connection = {
    via: 'server',
    env: { ...server.connection.env, PGUSER: 'few', PGPASSWORD: 'few' },
  };
  await expect(restore({ connection, database: 'fresh', dump: inPieces(dump) })).rejects.toMatchObject({
    code: 'DATABASE_REFUSED',
    hint: expect.stringContaining('CREATEDB'),
  });
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
