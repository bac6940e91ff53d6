// Restored by several sessions, a database is what psql makes of the dump: also where the rows of one table are looked at
// while those of another come in, and where statements on partitions and on their root want each other's locks.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { orderMayExplain } from '../../lib/restore/load-order.ts';
import { restoreParallel } from '../../lib/restore/parallel.ts';
import { restore } from '../../lib/restore/restore.ts';
import { until } from '../fixtures/events.ts';
import { often } from '../fixtures/often.ts';
import { dumpOf, inPieces } from '../fixtures/postgres.ts';

const runs = often(1, 50);

let server: ThrowawayPostgres;
beforeAll(async () => {
  server = await startThrowawayPostgres({ tuned: true, settings: { deadlock_timeout: '20ms' } });
});
afterAll(() => server.stop());

async function dumpedFrom(sql: string): Promise<Buffer> {
  const database = 'origin';
  await query(server.connection, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  await query(server.connection, `CREATE DATABASE ${database} TEMPLATE template0`);
  await query(server.connection, sql, { database });
  return dumpOf({ via: 'server', env: { ...server.connection.env, PGDATABASE: database } });
}

/** Restores, and asks what came of it. */
async function restored(
  dump: Buffer | AsyncIterable<Uint8Array>,
  sessions: number,
  question: string,
): Promise<string[][]> {
  const database = 'again';
  await query(server.connection, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  await query(server.connection, `CREATE DATABASE ${database} TEMPLATE template0`);
  const pieces = Buffer.isBuffer(dump) ? inPieces(dump) : dump;
  await restoreParallel({ connection: server.connection, database, dump: pieces, sessions });
  return query(server.connection, question, { database });
}

const torrents = `
  CREATE TABLE a (id int, padding text);
  INSERT INTO a SELECT id, repeat('x', 100) FROM generate_series(1, 15000) id;
  CREATE FUNCTION known(int) RETURNS bool LANGUAGE sql STABLE
    AS 'SELECT count(*) = 15000 AND bool_or(id = $1) FROM public.a';
  CREATE FUNCTION seen(int) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT count(*) FROM public.a';`;

describe('a transaction of the dump, as of large objects', () => {
  const script = (statements: readonly string[]) => {
    const lines = ['CREATE TABLE public.t (id int);', 'BEGIN;', ...statements, 'COMMIT;', 'SELECT 1;'];
    return Buffer.from(lines.map((line) => `${line}\n`).join(''));
  };
  const inserts = (count: number) =>
    Array.from({ length: count }, (_, id) => `INSERT INTO public.t VALUES (${id});`);

  it('is run in its order, whatever is read ahead', async () => {
    const steps = [
      'INSERT INTO public.t VALUES (0);',
      ...Array(24).fill('UPDATE public.t SET id = id * 2 + 1;'),
    ];
    const question = 'SELECT id FROM t';
    const dump = script(steps);
    for (const sessions of [1, 2, 4])
      expect(await restored(dump, sessions, question)).toEqual([[String(2 ** 24 - 1)]]);
  });

  it.each([0, 1, 7, 19])(
    'that is refused at statement %i is told by its line, and leaves nothing',
    async (at) => {
      const dump = script(inserts(20).with(at, 'SELECT 1 / 0;'));
      for (const sessions of [1, 2])
        await expect(restored(dump, sessions, '')).rejects.toThrow(
          expect.objectContaining({ found: expect.stringMatching(`line ${at + 3}\\b.*division by zero`) }),
        );
      expect(await query(server.connection, 'SELECT count(*) FROM t', { database: 'again' })).toEqual([
        ['0'],
      ]);
    },
  );
});

/** What runs a function for each row that comes, by the way it gets there. */
const schemas: readonly [string, string, string][] = [
  ['CHECK', 'CREATE TABLE b (id int CHECK (known(id)));', 'SELECT count(*) FROM b'],
  [
    'a generated column',
    'CREATE TABLE b (id int, s bigint GENERATED ALWAYS AS (seen(id)) STORED);',
    'SELECT count(*) FILTER (WHERE s = 15000) FROM b',
  ],
  [
    'a domain',
    'CREATE DOMAIN d AS int CHECK (known(VALUE)); CREATE TABLE b (id d);',
    'SELECT count(*) FROM b',
  ],
  [
    'an array of a domain in a type',
    'CREATE DOMAIN d AS int CHECK (known(VALUE)); CREATE TYPE one AS (ids d[]); CREATE TABLE b (id int, t one DEFAULT row(ARRAY[7])::one);',
    'SELECT count(*) FILTER (WHERE (t).ids[1] = 7) FROM b',
  ],
  [
    'an operator',
    'CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql AS $$SELECT public.known($1)$$; CREATE OPERATOR === (FUNCTION = same, LEFTARG = int, RIGHTARG = int); CREATE TABLE b (id int CHECK (id === 1));',
    'SELECT count(*) FROM b',
  ],
  [
    'inheritance',
    'CREATE TABLE z (id int CHECK (known(id))); CREATE TABLE b () INHERITS (z);',
    'SELECT count(*) FROM b',
  ],
  [
    'a partition’s root',
    'CREATE TABLE b (id int CHECK (known(id))) PARTITION BY RANGE (id); CREATE TABLE b_1 PARTITION OF b FOR VALUES FROM (0) TO (3); CREATE TABLE b_2 PARTITION OF b FOR VALUES FROM (3) TO (99);',
    'SELECT count(*) FROM b',
  ],
];

describe('rows that call a function of the dump', () => {
  it.each(schemas)('by %s', async (_, schema, question) => {
    const dump = await dumpedFrom(
      `${torrents} ${schema} INSERT INTO b (id) SELECT generate_series(1, 5); CREATE TABLE c AS TABLE a;`,
    );
    for (const sessions of [2, 4, 8]) {
      for (let run = 0; run < runs; run += 1)
        expect(await restored(dump, sessions, question), `run ${run} of ${sessions} sessions`).toEqual([
          ['5'],
        ]);
    }
    // All that there is, and not the count alone, is as one psql makes it.
    const bySessions = await contentOf('again');
    await query(server.connection, 'DROP DATABASE again');
    const { way } = await restore({ connection: server.connection, database: 'again', dump: inPieces(dump) });
    expect(way.by).toBe('psql');
    expect(bySessions).toEqual(await contentOf('again'));
  });

  it('give a table of few rows to one of them alone', async () => {
    const tables = Array.from({ length: 100 }, (_, at) => `CREATE TABLE few_${at} AS SELECT ${at} id;`);
    const dump = await dumpedFrom(tables.join('\n'));
    const transactions = async (sessions: number) => {
      const rows = await restored(
        dump,
        sessions,
        'SELECT sum(id) FROM (TABLE few_7 UNION ALL TABLE few_42) few',
      );
      expect(rows).toEqual([['49']]);
      // Who has ended has told how much he did.
      const others = "SELECT FROM pg_stat_activity WHERE datname = 'again'";
      await until('they are gone', async () => (await query(server.connection, others)).length === 0);
      const counted = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'again'";
      return Number((await query(server.connection, counted))[0]?.[0]);
    };
    const [one, two] = [await transactions(1), await transactions(2)];
    // What the dump sets is set in each; a COPY for each table would be a hundred more.
    expect(two - one).toBeLessThan(tables.length / 2);
  });

  it('see rows that came before of their own table, too', async () => {
    const dump = await dumpedFrom(
      `CREATE FUNCTION mine() RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN (SELECT count(*) FROM public.t); END';
       CREATE TABLE t (id int, padding text, CHECK (mine() <= id));
       ALTER TABLE t DISABLE TRIGGER ALL;
       INSERT INTO t SELECT id, repeat('x', 3000) FROM generate_series(1, 300) id;`,
    );
    for (const sessions of [2, 4, 8])
      expect(await restored(dump, sessions, 'SELECT count(*) FROM t')).toEqual([['300']]);
  });
});

describe('rows that look at others in a way that nobody can see beforehand', () => {
  const seen = `query_to_xml('SELECT count(*) FROM public.a', true, false, '')::text ~ '15000'`;

  it.each([
    ['CHECK', `CREATE TABLE b (id int CONSTRAINT b_seen CHECK (${seen}));`, 'b_seen'],
    ['a domain', `CREATE DOMAIN d AS int CHECK (${seen}); CREATE TABLE b (id d);`, 'd_check'],
  ])(
    'by %s: refused to several sessions, for what order may explain, and not to one',
    async (_, schema, constraint) => {
      const dump = await dumpedFrom(`${torrents} ${schema} INSERT INTO b SELECT generate_series(1, 5)`);
      const end = dump.indexOf('\n\\.\n', dump.indexOf('COPY public.b '));
      // Whoever has rows of the first table under way keeps them so for as long as nothing follows.
      async function* waiting() {
        yield* inPieces(dump.subarray(0, end));
        await expect
          .poll(() => server.log(), { timeout: 60_000 })
          .toContain(`violates check constraint "${constraint}"`);
        yield* inPieces(dump.subarray(end));
      }
      const error = await restored(waiting(), 8, 'SELECT').catch((thrown: unknown) => thrown);
      expect(orderMayExplain(error)).toBe(true);
      expect(await restored(dump, 1, 'SELECT count(*) FROM b')).toEqual([['5']]);
    },
  );
});

describe('keys of partitions', () => {
  it('beside keys and triggers of their root wait for each other, and are all made', async () => {
    const parts = Array.from({ length: 8 }, (_, index) => index);
    const dump = await dumpedFrom(
      `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
       CREATE TABLE root (id int PRIMARY KEY, up int, rows int) PARTITION BY RANGE (id);
       ${parts.map((at) => `CREATE TABLE part_${at} PARTITION OF root FOR VALUES FROM (${at * 1000}) TO (${at * 1000 + 1000});`).join('\n')}
       INSERT INTO root SELECT id, (id + 1000) % 8000, id FROM generate_series(0, 7999) id;
       ${parts.map((at) => `ALTER TABLE part_${at} ADD FOREIGN KEY (up) REFERENCES part_${(at + 1) % 8} (id);`).join('\n')}
       ${parts.map((at) => `CREATE INDEX ON part_${at} (rows);`).join('\n')}
       CREATE TABLE other (id int REFERENCES root);
       CREATE TABLE another (id int REFERENCES root, up int REFERENCES part_3 (id));
       INSERT INTO other SELECT generate_series(0, 7999);
       CREATE TRIGGER before_row BEFORE INSERT ON root FOR EACH ROW EXECUTE FUNCTION f();
       CREATE TRIGGER after_row AFTER UPDATE ON root FOR EACH ROW EXECUTE FUNCTION f();`,
    );
    const question = `SELECT (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0),
      (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0), (SELECT count(*) FROM root)`;
    for (const sessions of [2, 4, 8]) {
      for (let run = 0; run < runs; run += 1)
        expect(await restored(dump, sessions, question)).toEqual([['11', '2', '8000']]);
    }
  });
});

describe('a deadlock', () => {
  /** Locks the other table once somebody else has that, as the index on it does while it is made; alone, it need not wait. */
  const locking = (own: string, other: string) => `
    CREATE FUNCTION lock_${other}() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
      WHILE current_setting('application_name') = 'offsite restore'
        AND NOT EXISTS (SELECT FROM pg_indexes WHERE indexname = 'of_${other}')
        AND NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'public.${other}'::regclass AND mode = 'ShareLock' AND granted)
      LOOP PERFORM pg_sleep(0.01); END LOOP;
      LOCK TABLE public.${other} IN ACCESS EXCLUSIVE MODE;
    END $$;
    CREATE FUNCTION of_${own}(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
      'BEGIN PERFORM public.lock_${other}(); RETURN $1; END';
    CREATE INDEX of_${own} ON ${own} (of_${own}(id));`;

  it('that no claim foretells is undone by the server: the one that it chose is made again, alone', async () => {
    const dump = await dumpedFrom(
      `CREATE TABLE a AS SELECT 1 AS id; CREATE TABLE b AS SELECT 2 AS id;
       ${locking('a', 'b')} ${locking('b', 'a')}`,
    );
    expect(server.log()).not.toMatch(/deadlock detected/);
    expect(await restored(dump, 2, "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'")).toEqual([
      ['2'],
    ]);
    await expect.poll(() => server.log()).toMatch(/deadlock detected/);
    const again = { via: 'server', env: { ...server.connection.env, PGDATABASE: 'again' } } as const;
    expect(withoutKey(await dumpOf(again))).toBe(withoutKey(dump));
  });
});

/** Rows of several sessions lie in another order. */
async function contentOf(database: string): Promise<string[]> {
  const dump = await dumpOf({ via: 'server', env: { ...server.connection.env, PGDATABASE: database } });
  return withoutKey(dump).split('\n').sort();
}

/** Without what differs from dump to dump. */
const withoutKey = (dump: Buffer) => dump.toString().replace(/^\\(un)?restrict .*$/gm, '');
