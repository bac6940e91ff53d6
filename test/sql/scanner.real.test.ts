import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Inventory } from '../../lib/archive/inventory.ts';
import { judge } from '../../lib/archive/verdict.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import { clientCommand, findPostgresPrograms, query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { DumpScanner } from '../../lib/sql/scanner.ts';
import { smallCorpus, smallTorrents } from '../fixtures/postgres.ts';
import { scanParts } from '../fixtures/scan-parts.ts';

const programs = findPostgresPrograms() ?? '';

const odd = String.raw`
CREATE ROLE reader; CREATE ROLE "Odd Role"; CREATE ROLE watcher; CREATE ROLE unnamed;
CREATE SCHEMA "odd schema";
CREATE FUNCTION atomic(a int) RETURNS int LANGUAGE sql
  BEGIN ATOMIC SELECT CASE WHEN a > 1 THEN 1 ELSE 2 END; SELECT a; END;
CREATE FUNCTION named(begin int) RETURNS int LANGUAGE sql AS 'select 1';
CREATE FUNCTION trap() RETURNS text LANGUAGE plpgsql AS $x$
BEGIN
/*
COPY public.plain (a) FROM stdin;
--
-- PostgreSQL database dump complete
--
*/
 RETURN '$_$ ;';
END $x$;
CREATE FUNCTION "odd schema"."f(x)"("a;b" text DEFAULT 'x)(', VARIADIC c int[] DEFAULT '{1}')
  RETURNS TABLE(z int) LANGUAGE sql AS 'select 1';
CREATE FUNCTION overloaded(int) RETURNS int LANGUAGE sql AS 'select 1';
CREATE FUNCTION overloaded(text) RETURNS int LANGUAGE sql AS 'select 1';
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
CREATE PROCEDURE proc(INOUT x int) LANGUAGE plpgsql AS 'begin end';
CREATE AGGREGATE agg(int) (sfunc = int4pl, stype = int, initcond = '0');
CREATE TABLE plain (a int PRIMARY KEY, b text CONSTRAINT b_len CHECK (length(b) < 1000),
  d int GENERATED ALWAYS AS IDENTITY, e serial, CONSTRAINT "odd ""check"";" CHECK (a > 0 AND b <> ');'));
INSERT INTO plain (a, b) VALUES (1, E'x\n\\.\n--\n-- PostgreSQL database dump complete\n--\n'),
  (2, 'it''s; (a), (b) VALUES (1)'), (3, E'\\'), (4, E'\\'''), (5, '$$'), (6, E'\\restrict x'), (7, NULL), (8, '');
CREATE TABLE empty_table (a int);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE größe ("länge" text); INSERT INTO größe VALUES ('ü'), ('日本');
CREATE TABLE "odd schema"."tab;le
with ""quotes"".and dots" ("c;1" int UNIQUE, "VALUES" text DEFAULT 'x');
INSERT INTO "odd schema"."tab;le
with ""quotes"".and dots" VALUES (1, 'a'), (2, 'VALUES (1)'), (3, 'DEFAULT VALUES');
CREATE INDEX "odd index
;" ON "odd schema"."tab;le
with ""quotes"".and dots" ("VALUES");
COMMENT ON TABLE plain IS 'x
--
-- PostgreSQL database dump complete
--

\unrestrict x
COPY public.plain (a) FROM stdin;';
CREATE VIEW v AS SELECT a, CASE WHEN a > 1 THEN 'begin' END AS "end", E'\\'';' AS esc FROM plain;
CREATE VIEW agg_v AS SELECT a, b FROM plain GROUP BY a;
CREATE MATERIALIZED VIEW mv AS SELECT * FROM plain;
CREATE UNIQUE INDEX mv_i ON mv (a);
CREATE DOMAIN dom AS text CONSTRAINT domcheck CHECK (VALUE <> ';');
CREATE TYPE enum1 AS ENUM ('a;', 'b)');
CREATE TYPE comp AS (x int, y dom);
CREATE TYPE rng AS RANGE (subtype = float8);
CREATE TABLE part (a int CHECK (a < 999), b date) PARTITION BY RANGE (a);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (10);
CREATE TABLE part_d PARTITION OF part DEFAULT;
CREATE INDEX part_i ON part (b);
ALTER TABLE part ADD PRIMARY KEY (a), ADD FOREIGN KEY (a) REFERENCES plain;
CREATE TRIGGER part_t AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION trg();
INSERT INTO part VALUES (1, now()), (2, now()), (8, now());
CREATE UNLOGGED TABLE unl (a int); INSERT INTO unl VALUES (1);
CREATE TABLE child (p int REFERENCES plain (a), r int4range, EXCLUDE USING gist (r WITH &&));
ALTER TABLE child ADD CONSTRAINT late CHECK (p < 1000) NOT VALID;
CREATE TABLE inh () INHERITS (plain);
CREATE SEQUENCE lone AS smallint;
CREATE SEQUENCE "odd schema"."se""q";
CREATE EXTENSION file_fdw; CREATE SERVER fs FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE ft (a text CONSTRAINT ft_check CHECK (a <> '')) SERVER fs OPTIONS (filename '/dev/null');
CREATE RULE "odd rule" AS ON INSERT TO v DO INSTEAD (INSERT INTO plain (a, b) VALUES (NEW.a, 'x;'); SELECT 1);
CREATE TRIGGER "odd ""on"" trigger" BEFORE UPDATE OF a, b ON plain FOR EACH ROW
  WHEN (OLD.b IS DISTINCT FROM ' ON x') EXECUTE FUNCTION trg();
CREATE CONSTRAINT TRIGGER ct AFTER INSERT ON plain DEFERRABLE FOR EACH ROW EXECUTE FUNCTION trg('on');
ALTER TABLE empty_table OWNER TO "Odd Role";
GRANT SELECT ON plain TO reader WITH GRANT OPTION; GRANT SELECT (a) ON plain TO PUBLIC;
CREATE POLICY pol ON plain TO watcher USING (a > 1);
CREATE FUNCTION event_trg() RETURNS event_trigger LANGUAGE plpgsql AS 'begin end';
CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION event_trg();
SELECT lo_create(4242), lo_from_bytea(0, 'x');
`;

// What the catalogue says, each name as pg_dump writes it. Left out is what a dump does not name, as it comes back with
// something else: what belongs to extensions, and what tables inherit.
const ownRelation = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')`;
const relations = (kinds: string) => `SELECT format('%I.%I', nspname, relname) FROM pg_class c
  JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN (${kinds}) AND ${ownRelation}`;
const withTable = (catalogue: string, relation: string, name: string, where: string) =>
  `SELECT format('%I.%I.%I', nspname, relname, ${name}) FROM ${catalogue} x JOIN pg_class c ON c.oid = ${relation}
  JOIN pg_namespace n ON n.oid = relnamespace WHERE ${ownRelation} AND ${where}`;
const ownOf = (catalogue: string, namespace: string) => `x.${namespace} = n.oid AND n.nspname NOT IN
  ('pg_catalog', 'information_schema', 'pg_toast') AND NOT EXISTS (SELECT FROM pg_depend
  WHERE classid = '${catalogue}'::regclass AND objid = x.oid AND deptype = 'e')`;
const catalogueQueries = {
  tables: relations(`'r', 'p', 'f'`),
  views: relations(`'v', 'm'`),
  sequences: relations(`'S'`),
  indexes: `SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('i', 'I') AND ${ownRelation} AND NOT EXISTS (SELECT FROM pg_constraint
    WHERE conindid = c.oid AND contype IN ('p', 'u', 'x'))`,
  constraints: withTable(
    'pg_constraint',
    'conrelid',
    'conname',
    `contype IN ('p', 'u', 'f', 'x', 'c') AND (conislocal OR relispartition) AND (contype <> 'f' OR conparentid = 0)`,
  ),
  triggers: withTable('pg_trigger', 'tgrelid', 'tgname', 'NOT tgisinternal AND tgparentid = 0'),
  extensions: `SELECT quote_ident(extname) FROM pg_extension WHERE extname <> 'plpgsql'`,
  types: `SELECT format('%I.%I', nspname, typname) FROM pg_type x JOIN pg_namespace n
    ON ${ownOf('pg_type', 'typnamespace')} WHERE typtype IN ('e', 'd', 'r') OR (typtype = 'c'
    AND EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c'))`,
  functions: `SELECT format('%I.%I', nspname, proname) FROM pg_proc x JOIN pg_namespace n
    ON ${ownOf('pg_proc', 'pronamespace')} WHERE NOT EXISTS (SELECT FROM pg_depend
    WHERE classid = 'pg_proc'::regclass AND objid = x.oid AND deptype = 'i')`,
  roles: `SELECT quote_ident(rolname) FROM pg_roles WHERE oid IN
    (SELECT refobjid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND dbid =
    (SELECT oid FROM pg_database WHERE datname = current_database())) UNION SELECT current_user`,
} as const satisfies Partial<Record<keyof Inventory, string>>;
type Listed = keyof typeof catalogueQueries;

/** Tables that can hold rows of their own and that a dump brings data for. */
const dataTables = relations(`'r'`);

let server: ThrowawayPostgres;
let connection: Connection;

beforeAll(async () => {
  server = await startThrowawayPostgres({ tuned: true, superuser: 'bitmagnet' });
  connection = await loadCorpus(server.connection, { ...smallCorpus, database: 'corpus' });
  await query(connection, 'CREATE DATABASE odd');
  await queried('odd', odd);
});

afterAll(() => server?.stop());

describe.each(['corpus', 'odd'])('database %s', (database) => {
  let catalogue: Record<Listed, string[]>;
  let counts: Record<string, number>;
  let largeObjects: number;

  beforeAll(async () => {
    const all = Object.entries({ ...catalogueQueries, dataTables }).map(
      ([name, names]) => `SELECT '${name}', name FROM (${names}) AS listed (name)`,
    );
    const rows = await queried(database, all.join(' UNION ALL '));
    const listed = (kind: string) => rows.flatMap(([one, name = '']) => (one === kind ? [name] : []));
    catalogue = Object.fromEntries(
      Object.keys(catalogueQueries).map((kind) => [kind, listed(kind)]),
    ) as typeof catalogue;
    const tables = listed('dataTables');
    const counting = [...tables.map((table) => `ONLY ${table}`), 'pg_largeobject_metadata'];
    const found = await queried(
      database,
      counting.map((table) => `SELECT count(*) FROM ${table}`).join(' UNION ALL '),
    );
    const numbers = found.map(([count]) => Number(count));
    counts = Object.fromEntries(tables.map((table, index) => [table, numbers[index] as number]));
    largeObjects = numbers.at(-1) as number;
  });

  test('is not empty', () => {
    expect(Object.keys(counts).length).toBeGreaterThan(8);
    expect(catalogue.constraints.length).toBeGreaterThan(8);
    expect(largeObjects).toBeGreaterThan(0);
    const empty = Object.entries(catalogue).filter(([, names]) => names.length === 0);
    expect(empty.map(([field]) => field)).toEqual(database === 'odd' ? [] : ['views']);
  });

  test.each([
    ['COPY', []],
    ['--inserts', ['--inserts']],
    ['--rows-per-insert', ['--rows-per-insert=7']],
    ['--column-inserts', ['--column-inserts']],
    ['--create --clean --verbose', ['--create', '--clean', '--if-exists', '--verbose']],
    ['SQL_ASCII', ['--encoding=SQL_ASCII']],
  ])('dumped with %s has the inventory of its catalogue', async (form, options) => {
    const dump = await dumped('pg_dump', ...options, database);
    const inventory = scan(dump);
    for (const field of Object.keys(catalogueQueries) as Listed[]) {
      expect(inventory[field].toSorted(), field).toEqual(catalogue[field].toSorted());
    }
    // INSERTs leave no trace of an empty table.
    const expected = form.includes('insert')
      ? Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
      : counts;
    expect(inventory.rows).toEqual(expected);
    expect(inventory.largeObjects).toBe(largeObjects);
    const [[version = ''] = []] = await query(connection, 'SHOW server_version');
    expect(inventory.serverVersion).toBe(version);
    expect(inventory.pgDumpVersion).toBe(version);
    expect(inventory.endMarker).toBe('end');
    // An extension's, which no dump makes.
    expect(inventory.needs ?? []).toEqual(database === 'odd' ? [] : ['public.gist_trgm_ops']);
    const cuts = [0.1, 0.5, 0.9, 0.999].map((share) => Math.floor(dump.length * share));
    for (const cut of [...cuts, dump.length - 3])
      expect(scan(dump.subarray(0, cut)).endMarker).toBe('absent');
    const seams = Array.from({ length: 60 }, (_, index) => Math.floor((dump.length * (index + 0.5)) / 60));
    expect(scanParts(dump, seams, 65_521).inventory).toEqual(inventory);
  });
});

describe('a part of the database', () => {
  let whole: Inventory;
  beforeAll(async () => {
    whole = scan(await dumped('pg_dump', 'corpus'));
  });
  const partOf = async (database: string, options: string[]) =>
    scan(await dumped('pg_dump', ...options, database));
  const judged = (inventory: Inventory, history: readonly Inventory[]) => {
    const found = { compressedBytes: 1, plainBytes: 1, members: [], inventory };
    const known = history.map((one) => ({ accepted: false, plainBytes: 1, inventory: one }));
    const judgement = judge(undefined, found, known);
    return 'deviations' in judgement ? judgement.deviations.map(({ what }) => what) : [];
  };

  test.each<[string, string[]]>([
    ['extensions', ['-n', 'public']],
    ['large objects', ['-n', 'public']],
    ['extensions', ['-t', 'public.torrents']],
    ['large objects', ['--no-blobs']],
    ['tables', ['--section=data']],
    ['tables', ['--data-only']],
    ['indexes', ['--section=pre-data', '--section=data']],
    ['constraints', ['--section=pre-data', '--section=data']],
    ['rows of torrents', ['--section=pre-data']],
    ['rows of torrents', ['--schema-only']],
    ['roles', ['--no-owner', '--no-privileges']],
  ])('is suspicious for its %s, made with %j', async (what, options) => {
    expect(judged(whole, [whole, whole, whole])).toEqual([]);
    expect(judged(await partOf('corpus', options), [whole, whole, whole])).toContain(what);
  });

  test.each<[string, string[], string]>([
    ['corpus', ['--data-only'], 'tables'],
    ['corpus', ['--section=data'], 'tables'],
    ['corpus', ['-n', 'public'], 'parts'],
    ['corpus', ['--exclude-table-data=public.torrents'], 'parts'],
    ['corpus', ['-T', 'public.torrents'], 'parts'],
    ['odd', ['-t', 'public.plain'], 'parts'],
    ['odd', ['-t', '"odd schema".*'], 'parts'],
    ['odd', ['--section=post-data'], 'parts'],
  ])('of %s, made with %j, is suspicious on the first night', async (database, options, what) => {
    expect(judged(database === 'corpus' ? whole : await partOf(database, []), [])).not.toContain(what);
    expect(judged(await partOf(database, options), [])).toContain(what);
  });
});

test('pg_dumpall is scanned like any dump', async () => {
  const inventory = scan(await dumped('pg_dumpall'));
  expect(inventory.endMarker).toBe('end');
  expect(inventory.rows['public.torrents']).toBe(smallTorrents);
  expect(inventory.tables).toContain('public.no_columns');
});

function scan(dump: Uint8Array): Inventory {
  const scanner = new DumpScanner();
  for (let at = 0; at < dump.length; at += 65_521) scanner.push(dump.subarray(at, at + 65_521));
  return scanner.finish();
}

const queried = (database: string, sql: string) => query(connection, sql, { database });

async function dumped(program: string, ...args: string[]): Promise<Buffer> {
  const { env } = clientCommand(connection, program, args);
  const { stdout } = await execa(join(programs, program), args, {
    env,
    encoding: 'buffer',
    stripFinalNewline: false,
  });
  return Buffer.from(stdout);
}
