// What a server lacks that a dump counts on: a tablespace, a locale, a search_path, an extension. Real dumps of real databases
// that have it; told by `restore` and by the restore test alike, with the name of what is missing and the way out, and never as
// damage.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OffsiteError } from '../../lib/base/errors.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { restoreParallel } from '../../lib/restore/parallel.ts';
import { restore } from '../../lib/restore/restore.ts';
import { makeSandbox, type Sandbox } from '../../lib/restore-test/sandbox.ts';
import { scan } from '../fixtures/archive.ts';
import { asked, dumpOf, inPieces } from '../fixtures/postgres.ts';

let server: ThrowawayPostgres;
let tests = 0;
beforeAll(async () => {
  const settings = { allow_in_place_tablespaces: 'on' };
  server = await startThrowawayPostgres({ tuned: true, settings, superuser: 'offsite_hidden' });
});
afterAll(() => server.stop());

async function dumpedFrom(sql: string, more: readonly string[] = []): Promise<Buffer> {
  await asked(server.connection, 'DROP DATABASE IF EXISTS origin');
  await asked(server.connection, 'CREATE DATABASE origin TEMPLATE template0');
  for (const one of sql.split(';;')) await asked(server.connection, one, { database: 'origin' });
  const dump = await dumpOf({ via: 'server', env: { ...server.connection.env, PGDATABASE: 'origin' } }, [
    '--no-owner',
    ...more,
  ]);
  await asked(server.connection, 'DROP DATABASE origin');
  return dump;
}

function replaced(dump: Buffer, from: RegExp, to: string): Buffer {
  const text = dump.toString();
  expect(text).toMatch(from);
  return Buffer.from(text.replaceAll(new RegExp(from, 'g'), to));
}

const told = (doing: Promise<unknown>) =>
  doing.then(
    () => 'restored' as const,
    (error: OffsiteError) => error,
  );

/** As `offsite restore` does, into a database that is gone again. */
async function byRestore(dump: Buffer, warn?: (sentence: string) => void) {
  const options = { connection: server.connection, database: 'again', dump: inPieces(dump), warn };
  return told(restore(options)).finally(() =>
    asked(server.connection, 'DROP DATABASE IF EXISTS again WITH (FORCE)'),
  );
}

/** As the restore test does. */
async function byTest(dump: Buffer) {
  let sandbox: Sandbox | undefined;
  tests += 1;
  const database = `tested_${tests}`;
  const restoring = async () => {
    const { connection } = server;
    const made = await makeSandbox({ connection, database, inventory: scan(dump) });
    sandbox = made;
    await restoreParallel({
      connection: made.connection,
      database,
      dump: inPieces(dump),
      sessions: 2,
      skips: made.skips,
      goesOnWithout: (error, tokens) => made.omissions.goesOnWithout(error, tokens),
    });
  };
  const said = await told(restoring());
  const skipped = sandbox?.omissions.all?.first.map(({ what, why }) => `${what}: ${why}`);
  await sandbox?.remove();
  return { said, skipped };
}

const hintOf = (said: OffsiteError | 'restored') => (said === 'restored' ? said : said.hint);

it('what a dump drops before it makes it is missed by neither', async () => {
  const sql =
    'CREATE TABLE t (id serial PRIMARY KEY); CREATE VIEW v AS SELECT * FROM t; CREATE INDEX i ON t (id); SELECT lo_create(4711)';
  const dump = await dumpedFrom(sql, ['--clean']);
  expect(dump.toString()).toMatch(/^DROP VIEW public\.v;$/m);
  expect(await byRestore(dump)).toBe('restored');
  expect(await byTest(dump)).toEqual({ said: 'restored', skipped: undefined });
});

describe('a search_path that functions count on', () => {
  const lookup = (language: string, body: string) => `CREATE TABLE a (id int); INSERT INTO a VALUES (1);
    CREATE FUNCTION lookup(int) RETURNS int LANGUAGE ${language} IMMUTABLE SET search_path = public AS '${body}';`;
  const ways: readonly [string, string][] = [
    ['an index', 'CREATE INDEX ON a (lookup(id));'],
    [
      'a generated column',
      'CREATE TABLE g (id int, n int GENERATED ALWAYS AS (lookup(id)) STORED); INSERT INTO g VALUES (1);',
    ],
    ['a materialized view', 'CREATE MATERIALIZED VIEW m AS SELECT lookup(id) FROM a;'],
    ['a CHECK', 'CREATE TABLE g (id int CHECK (lookup(id) = 1)); INSERT INTO g VALUES (1);'],
  ];
  const languages: readonly [string, string][] = [
    ['plpgsql', 'BEGIN RETURN (SELECT count(*) FROM a); END'],
    ['sql', 'SELECT count(*)::int FROM a'],
  ];
  const cases = ways.flatMap(([what, sql], at) => {
    const [language, body] = languages[at % languages.length] as [string, string];
    return [[what, lookup(language, body) + sql] as const];
  });

  it.each(cases)('by %s: the function is named, and the way out', async (_, sql) => {
    const dump = await dumpedFrom(`${sql};; ALTER FUNCTION lookup(int) RESET search_path`);
    const hint =
      /^the function (?:public\.)?lookup counts on a search_path.*ALTER FUNCTION (?:public\.)?lookup SET search_path = public/;
    expect(hintOf(await byRestore(dump))).toMatch(hint);
    expect(hintOf((await byTest(dump)).said)).toMatch(hint);
    const mended = await dumpedFrom(sql);
    expect(await byRestore(mended)).toBe('restored');
  });
});

describe('what the server’s system lacks', () => {
  it('a locale: of a collation, of a column', async () => {
    const dump = await dumpedFrom(
      `CREATE COLLATION mine (PROVIDER = libc, LOCALE = 'C'); CREATE TABLE t (a text COLLATE mine)`,
    );
    const elsewhere = replaced(dump, /locale = 'C'/, "locale = 'xx_XX.UTF-8'");
    const hint =
      /lacks the locale of collation xx_XX\.UTF-8: install it there \(Debian: apt-get install locales-all\)/;
    expect(hintOf(await byRestore(elsewhere))).toMatch(hint);
    expect(hintOf((await byTest(elsewhere)).said)).toMatch(hint);
    const named = replaced(dump, /COLLATE public\.mine/, 'COLLATE pg_catalog."xx_XX.utf8"');
    expect(hintOf(await byRestore(named))).toMatch(/lacks the locale of collation pg_catalog\.xx_XX\.utf8/);
    expect(hintOf((await byTest(named)).said)).toMatch(
      /lacks the locale of collation pg_catalog\.xx_XX\.utf8/,
    );
  });

  it('an extension', async () => {
    const dump = await dumpedFrom('CREATE EXTENSION pg_trgm; CREATE TABLE t (a text)');
    const other = replaced(dump, /\bpg_trgm\b/, 'nonesuch');
    expect(hintOf(await byRestore(other))).toMatch(
      /lacks an extension .*install its package there \(nonesuch; /,
    );
    expect((await byTest(other)).said).toMatchObject({
      code: 'EXTENSION_MISSING',
      expected: expect.stringContaining('nonesuch'),
    });
  });

  it('what a newer pg_dump writes: of storage, of statistics', async () => {
    const dump = await dumpedFrom('CREATE TABLE t (a text) WITH (fillfactor = 90)');
    const newer = [
      replaced(dump, /fillfactor='90'/, "of_tomorrow='90'"),
      replaced(
        dump,
        /--\n-- PostgreSQL database dump complete/,
        "SELECT * FROM pg_catalog.of_tomorrow('t');\n$&",
      ),
    ];
    const told = { code: 'SERVER_TOO_OLD', hint: expect.stringMatching(/major version of pg_dump or newer/) };
    for (const one of newer) {
      expect(await byRestore(one)).toMatchObject(told);
      expect((await byTest(one)).said).toMatchObject(told);
    }
  });

  it('a tablespace', async () => {
    await asked(server.connection, "CREATE TABLESPACE fast LOCATION ''");
    const dump = await dumpedFrom(
      `CREATE TABLE t (id int) TABLESPACE fast; INSERT INTO t VALUES (1); CREATE INDEX i ON t (id) TABLESPACE fast;`,
    );
    await asked(server.connection, 'DROP TABLESPACE fast');
    const warned: string[] = [];
    expect(await byRestore(dump, (sentence) => warned.push(sentence))).toBe('restored');
    expect(warned.filter((sentence) => /tablespace fast/.test(sentence))).toHaveLength(1);
    expect(await byTest(dump)).toEqual({
      said: 'restored',
      skipped: ['SET default_tablespace = fast: this server has no tablespace but its own'],
    });
  });
});
