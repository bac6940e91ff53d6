import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Inventory } from '../../lib/archive/inventory.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { compareWithInventory } from '../../lib/restore/compare.ts';
import { restore } from '../../lib/restore/restore.ts';
import type { Restored, RestoreOptions } from '../../lib/restore/restoring.ts';
import { scan } from '../fixtures/archive.ts';
import { asleep, untilAsleep, untilSession } from '../fixtures/events.ts';
import {
  clientsOf,
  corpusDump,
  databasesOf,
  dumpOf,
  inPieces,
  inventoryOf,
  smallCorpus,
  smallTorrents,
} from '../fixtures/postgres.ts';

let server: ThrowawayPostgres;
let connection: Connection;
let dump: Buffer;
let inventory: Inventory;

beforeAll(async () => {
  dump = await corpusDump(smallCorpus);
  inventory = scan(dump);
  server = await startThrowawayPostgres({ tuned: true });
  connection = server.connection;
});
afterAll(() => server.stop());

const database = 'fresh';
afterEach(() =>
  query(connection, `DROP DATABASE IF EXISTS ${database} WITH (FORCE); DROP ROLE IF EXISTS bitmagnet`),
);

function restoring(options: Partial<RestoreOptions> = {}): Promise<Restored> {
  return restore({
    connection,
    database,
    dump: inPieces(dump),
    roles: inventory.roles,
    createRoles: true,
    ...options,
  });
}

async function expectNothingLeft(): Promise<void> {
  expect(await databasesOf(connection)).toEqual(['postgres']);
  expect(clientsOf(server.port)).toEqual([]);
}

describe('restore', () => {
  it('brings everything back that the dump holds, hostile rows too', async () => {
    await restoring();
    const comparisons = await compareWithInventory(connection, inventory, { database });
    expect(comparisons.filter(({ same }) => !same)).toEqual([]);
    expect(comparisons).toContainEqual({
      what: 'public.torrents',
      counted: 'rows',
      expected: smallTorrents,
      found: smallTorrents,
      same: true,
    });
    const counts = Object.fromEntries(comparisons.map(({ what, found }) => [what, found]));
    expect(counts).toMatchObject({
      tables: 26,
      indexes: 70,
      triggers: 1,
      extensions: 2,
      types: 2,
      'large objects': 1,
    });
    const owners = await query(
      connection,
      `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'`,
      { database },
    );
    expect(owners).toEqual([['bitmagnet']]);
    expect(await query(connection, `SELECT rolcanlogin FROM pg_roles WHERE rolname = 'bitmagnet'`)).toEqual([
      ['f'],
    ]);
  });

  it('gives the database to who owns what is in it', async () => {
    await restoring({ roles: ['bitmagnet', '"Odd ""Role"'] });
    const rows = await query(
      connection,
      `SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '${database}'`,
    );
    expect(rows).toEqual([['bitmagnet']]);
    expect(await query(connection, `SELECT 1 FROM pg_roles WHERE rolname = 'Odd "Role'`)).toEqual([['1']]);
    await query(connection, 'DROP ROLE "Odd ""Role"');
  });

  it.each([
    ['one psql', undefined],
    ['several sessions', 3],
  ])('by %s, dumps what it restored to the same dump, but for the random token', async (_, jobs) => {
    await restoring({ jobs, compare: { inventory } });
    const again = await dumpOf({
      via: 'server',
      env: { ...server.connection.env, PGDATABASE: database },
    });
    // Rows come in the order in which they lie on disk.
    const lines = (bytes: Buffer) => {
      const text = bytes.toString('latin1').replace(/^\\(un)?restrict .*$/gm, '');
      return text.split('\n').sort().join('\n');
    };
    expect(lines(again) === lines(dump)).toBe(true);
  });

  it('never touches a database that exists', async () => {
    await query(connection, `CREATE DATABASE ${database}`);
    await query(connection, 'CREATE TABLE torrents AS SELECT 42 AS answer', { database });
    await expect(restoring()).rejects.toMatchObject({ code: 'DATABASE_EXISTS' });
    expect(await query(connection, 'SELECT answer FROM torrents', { database })).toEqual([['42']]);
  });

  it('names the missing roles, and makes nothing', async () => {
    await expect(restoring({ createRoles: false, roles: [] })).rejects.toMatchObject({
      code: 'ROLE_MISSING',
      found: 'no role bitmagnet',
      hint: expect.stringContaining('CREATE ROLE "bitmagnet"'),
    });
    await expectNothingLeft();
  });

  it('drops the database again when the SQL fails in the middle, and names the line', async () => {
    const at = dump.indexOf('\n--\n-- Data for Name: torrents;');
    const broken = Buffer.concat([
      dump.subarray(0, at),
      // With a subscription in it, a server drops no database.
      Buffer.from(
        `\nCREATE SUBSCRIPTION "s'ub" CONNECTION '' PUBLICATION p WITH (connect = false);\nSELECT nonsense;\n`,
      ),
      dump.subarray(at),
    ]);
    await expect(restoring({ dump: inPieces(broken) })).rejects.toMatchObject({
      code: 'RESTORE_FAILED',
      found: expect.stringMatching(/^psql:<stdin>:\d+: ERROR: {2}column "nonsense" does not exist$/),
    });
    await expectNothingLeft();
  });

  it('drops the database again when the dump’s stream fails, also after its last byte', async () => {
    async function* failing(bytes: Buffer): AsyncGenerator<Uint8Array> {
      yield* inPieces(bytes);
      throw new Error('connection reset');
    }
    for (const bytes of [dump.subarray(0, dump.length / 2), dump]) {
      await expect(restoring({ dump: failing(bytes) })).rejects.toMatchObject({
        code: 'RESTORE_FAILED',
        found: 'connection reset',
      });
      await expectNothingLeft();
    }
  });

  it('survives a psql that is killed midway, with a feeder that would never end', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield* inPieces(dump.subarray(0, dump.length / 2));
      for (const pid of clientsOf(server.port)) process.kill(pid, 'SIGKILL');
      for (;;) {
        yield Buffer.from('SELECT 1;\n');
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
    await expect(restoring({ dump: endless() })).rejects.toMatchObject({
      code: 'RESTORE_FAILED',
      found: expect.stringContaining('SIGKILL'),
    });
    await expectNothingLeft();
  });

  it('refuses what would make psql leave before the end', async () => {
    async function* quitting(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('SELECT 1;\n\\q\n');
      await new Promise(() => {});
    }
    await expect(restoring({ dump: quitting() })).rejects.toMatchObject({ code: 'RESTORE_REFUSED' });
    await expectNothingLeft();
  });

  it('stops at a signal while it feeds and while indexes are made', async () => {
    for (const slow of [asleep, '']) {
      const controller = new AbortController();
      async function* slowly(): AsyncGenerator<Uint8Array> {
        yield Buffer.from(`SELECT 1;\n${slow}`);
        if (slow !== '') void untilAsleep(server.connection).then(() => controller.abort());
        else {
          controller.abort();
          await new Promise(() => {});
        }
      }
      await expect(restoring({ dump: slowly(), signal: controller.signal })).rejects.toMatchObject({
        code: 'INTERRUPTED',
      });
      await expectNothingLeft();
    }
  });

  it('says what remains when dropping fails too', async () => {
    const doomed = await startThrowawayPostgres();
    async function* deadly(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('CREATE TABLE one (a int);\nCOPY one FROM stdin;\n1\n');
      await untilSession(doomed.connection, "query LIKE 'COPY one%'");
      await doomed.stop();
      yield* inPieces(dump);
    }
    const failed = restore({ connection: doomed.connection, database, dump: deadly() });
    await expect(failed).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      hint: expect.stringContaining('DROP'),
    });
  });
});

describe('compareWithInventory', () => {
  it('catches a dump that was cut before its keys and indexes, which psql restores without a word', async () => {
    const cut = dump.subarray(0, dump.indexOf('\n--\n-- Name: bloom_filters bloom_filters_pkey'));
    await restoring({ dump: inPieces(cut) });
    const comparisons = await compareWithInventory(connection, inventory, { database });
    const different = comparisons.filter(({ same }) => !same);
    expect(different.map(({ what }) => what)).toEqual(['indexes', 'constraints', 'triggers']);
    expect(different[0]).toMatchObject({
      expected: 70,
      found: 0,
      missing: expect.arrayContaining(['content_tsv_idx']),
    });
    expect(different[2]?.missing).toEqual(['queue_announce_job']);
  });

  it.each([
    ['DROP INDEX torrents_name_idx', 'indexes', 'torrents_name_idx'],
    [
      'ALTER TABLE torrent_files DROP CONSTRAINT torrent_files_info_hash_fkey',
      'constraints',
      'torrent_files_info_hash_fkey',
    ],
    ['DROP FUNCTION budgeted_count', 'functions', 'budgeted_count'],
    ['ALTER TYPE "FilesStatus" RENAME TO filesstatus', 'types', 'FilesStatus'],
  ])('%s', async (sql, what, missing) => {
    await restoring();
    await query(connection, sql, { database });
    const different = (await compareWithInventory(connection, inventory, { database })).filter(
      ({ same }) => !same,
    );
    expect(different).toMatchObject([{ what, missing: [missing] }]);
  });

  it('counts rows for real', async () => {
    await restoring();
    await query(connection, 'DELETE FROM goose_db_version WHERE version_id = 7', { database });
    await query(connection, 'SELECT lo_unlink(oid) FROM pg_largeobject_metadata', { database });
    await query(connection, 'DROP TABLE junkpurge_quarantine', { database });
    const different = (await compareWithInventory(connection, inventory, { database })).filter(
      ({ same }) => !same,
    );
    expect(different.map(({ what, expected, found }) => [what, expected, found])).toEqual([
      ['public.goose_db_version', 61, 60],
      ['public.junkpurge_quarantine', 1, null],
      ['tables', 26, 25],
      ['indexes', 70, 69],
      ['constraints', 59, 58],
      ['large objects', 1, 0],
    ]);
  });

  it('reads odd names, partitions, views, domains and sequences as pg_dump writes them', async () => {
    await query(connection, `CREATE DATABASE odd`);
    const odd = { database: 'odd' };
    await query(
      connection,
      `CREATE SCHEMA "Odd.Schema";
       CREATE DOMAIN "Odd.Schema".short AS text CONSTRAINT brief CHECK (length(value) < 9);
       CREATE TYPE "Odd.Schema".span AS RANGE (subtype = int4);
       CREATE TYPE pair AS (one int, two text);
       CREATE TABLE "Odd.Schema"."Tab ""le" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "wört" text UNIQUE, EXCLUDE USING gist (int4range(id, id + 1) WITH &&));
       CREATE TABLE "über" (a serial, b int CHECK (b > 0), CONSTRAINT named CHECK (a <> b) NO INHERIT);
       INSERT INTO "über" (b) VALUES (5), (6);
       CREATE TABLE parts (id int PRIMARY KEY, at int CHECK (at < 99), up int REFERENCES parts) PARTITION BY RANGE (id);
       CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
       CREATE INDEX ON parts (at);
       INSERT INTO parts VALUES (1, 1), (2, 2), (3, 3);
       CREATE TABLE child () INHERITS ("über");
       INSERT INTO child (b) VALUES (99);
       CREATE VIEW looks AS SELECT * FROM parts;
       CREATE MATERIALIZED VIEW kept AS SELECT * FROM parts;
       CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
       CREATE FUNCTION f(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
       CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
       CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int);
       CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
       CREATE TRIGGER "Tri.gger" BEFORE INSERT ON parts FOR EACH ROW EXECUTE FUNCTION t();`,
      odd,
    );
    const oddDump = await dumpOf({ via: 'server', env: { ...server.connection.env, PGDATABASE: 'odd' } });
    await query(connection, 'DROP DATABASE odd');
    const oddInventory = scan(oddDump);
    await restoring({ dump: inPieces(oddDump), roles: oddInventory.roles });
    const comparisons = await compareWithInventory(connection, oddInventory, { database });
    expect(comparisons.filter(({ same }) => !same)).toEqual([]);
    const counts = Object.fromEntries(comparisons.map(({ what, found }) => [what, found]));
    expect(counts).toMatchObject({
      '"Odd.Schema"."Tab ""le"': 0,
      'public."über"': 2,
      'public.child': 1,
      'public.parts_1': 3,
      views: 2,
      functions: 5,
    });
  });

  it('does not splice a table’s name into SQL', async () => {
    await restoring();
    const table = 'public."torrents""; DROP TABLE torrents; --"';
    const comparisons = await compareWithInventory(connection, inventoryOf({ rows: { [table]: 1 } }), {
      database,
    });
    expect(comparisons[0]).toMatchObject({ what: table, found: null, same: false });
    expect(await query(connection, 'SELECT count(*) FROM torrents', { database })).toEqual([
      [`${smallTorrents}`],
    ]);
  });

  it('counts more tables than a small server can lock at once', async () => {
    const settings = { max_connections: '10', max_locks_per_transaction: '10', max_wal_senders: '0' };
    const small = await startThrowawayPostgres({ tuned: true, settings });
    try {
      const tables = Array.from(
        { length: 400 },
        (_, at) =>
          `CREATE TABLE t${at} AS SELECT ${at} AS a; CREATE INDEX ON t${at} (a); CREATE INDEX ON t${at} (a);`,
      );
      for (let at = 0; at < tables.length; at += 20)
        await query(small.connection, `BEGIN; ${tables.slice(at, at + 20).join('\n')} COMMIT;`);
      const rows = Object.fromEntries(tables.map((_, at) => [`public.t${at}`, 1]));
      const locks = tables.map((_, at) => `LOCK TABLE t${at}; SELECT count(*) FROM t${at};`).join('\n');
      await expect(query(small.connection, `BEGIN; ${locks} COMMIT;`)).rejects.toMatchObject({
        found: expect.stringContaining('out of shared memory'),
      });
      const comparisons = await compareWithInventory(small.connection, inventoryOf({ rows }));
      expect(comparisons.filter(({ counted, same }) => counted === 'rows' && same)).toHaveLength(400);
    } finally {
      await small.stop();
    }
  });
});
