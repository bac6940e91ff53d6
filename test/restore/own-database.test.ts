// A database's own properties come back: encoding, locale, owner, settings, grants, comment; as the server says that holds
// both, and as names and text are read there. What comes back can be dumped and restored again.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SourceDatabase } from '../../lib/archive/source-database.ts';
import { readSourceDatabase } from '../../lib/backup/ask-server.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { type InPlaceOptions, type Placing, restoreInPlace } from '../../lib/restore/in-place.ts';
import { markSql, newMark, timeInName } from '../../lib/restore/mark.ts';
import { lookAtReplaced } from '../../lib/restore/replaced.ts';
import { restore } from '../../lib/restore/restore.ts';
import type { RestoreOptions } from '../../lib/restore/restoring.ts';
import { standBeside } from '../../lib/restore/server.ts';
import { storeEnvironment } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { scan } from '../fixtures/archive.ts';
import { offsite } from '../fixtures/cli.ts';
import { asked, dumpOf, inPieces } from '../fixtures/postgres.ts';
import { startS3Stub } from '../fixtures/s3-stub.ts';

let server: ThrowawayPostgres;
let said: string[] = [];
beforeAll(async () => {
  server = await startThrowawayPostgres({ tuned: true, settings: { allow_in_place_tablespaces: 'on' } });
  await asked(
    server.connection,
    `CREATE ROLE keeper LOGIN; CREATE ROLE guest; CREATE ROLE "Odd ""Guest"; CREATE ROLE few LOGIN CREATEDB PASSWORD 'few'; GRANT keeper TO few`,
  );
  await asked(server.connection, "CREATE TABLESPACE fast LOCATION ''");
});
afterAll(() => server.stop());
afterEach(async () => {
  said = [];
  await asked(
    server.connection,
    'DROP DATABASE IF EXISTS source WITH (FORCE); DROP DATABASE IF EXISTS again WITH (FORCE)',
  );
});

const to = (database: string): Connection => ({
  via: 'server',
  env: { ...server.connection.env, PGDATABASE: database },
});

async function make(options: string, sql: string): Promise<void> {
  await asked(server.connection, `CREATE DATABASE source OWNER keeper TEMPLATE template0 ${options}`);
  await asked(to('source'), sql);
}

const schema = `
  CREATE TABLE "größe" ("länge" text, "名" int); INSERT INTO "größe" VALUES ('Ärger', 1);
  ALTER TABLE "größe" OWNER TO keeper; GRANT SELECT ON "größe" TO guest; CREATE INDEX ON "größe" ("länge")`;
const latin = schema.replace('"名"', '"naïf"');
const japanese = `
  CREATE TABLE "表の名" ("列" text); INSERT INTO "表の名" VALUES ('日本語'), ('かな'); ALTER TABLE "表の名" OWNER TO keeper`;
const properties = `
  ALTER DATABASE source SET work_mem = '5MB'; ALTER DATABASE source SET "TimeZone" = 'Asia/Tokyo';
  ALTER DATABASE source SET search_path = public, "b c", "it's", "a""b"; ALTER DATABASE source SET x.y = 'it''s \\ "so"';
  ALTER DATABASE source SET temp_tablespaces = ''; ALTER ROLE keeper IN DATABASE source SET statement_timeout = '1h';
  REVOKE TEMPORARY ON DATABASE source FROM PUBLIC; GRANT CREATE ON DATABASE source TO guest;
  GRANT CONNECT, CREATE ON DATABASE source TO "Odd ""Guest" WITH GRANT OPTION;
  COMMENT ON DATABASE source IS 'it''s \\ "mine";
  \\! and größer'`;

/** All that the catalogue says of a database as a whole. */
async function properlyOf(database: string): Promise<string[][]> {
  const rows = await asked(
    to(database),
    `SELECT jsonb_strip_nulls(to_jsonb(d) - '{oid,datname,datfrozenxid,datminmxid,datlastsysoid,datacl}'::text[]),
       (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a), shobj_description(d.oid, 'pg_database'),
       (SELECT jsonb_agg(jsonb_build_array(setrole, setconfig) ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid)
     FROM pg_database d WHERE datname = '${database}'`,
  );
  return rows;
}

function sourceOf(): Promise<SourceDatabase | undefined> {
  const { env } = server.connection;
  const url = `postgres://${env.PGUSER}:${encodeURIComponent(env.PGPASSWORD ?? '')}@127.0.0.1:${env.PGPORT}/source`;
  return readSourceDatabase({ via: 'server', url });
}

async function restoring(options: Partial<RestoreOptions> = {}): Promise<void> {
  const source = await sourceOf();
  const dump = await dumpOf(to('source'));
  await restore({
    connection: server.connection,
    database: 'again',
    dump: inPieces(dump),
    source,
    roles: scan(dump).roles,
    warn: (sentence) => {
      if (!/is a superuser/.test(sentence)) said.push(sentence);
    },
    ...options,
  });
}

const hasIcu = async () =>
  (await asked(server.connection, `SELECT 1 FROM pg_collation WHERE collprovider = 'i'`)).length > 0;

it.each([
  ['LATIN1', "ENCODING 'LATIN1' LOCALE 'C' TABLESPACE fast CONNECTION LIMIT 17", latin],
  ['EUC_JP', "ENCODING 'EUC_JP' LOCALE 'C'", japanese],
  ['ICU', "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'", schema],
])('%s', async (name, options, sql) => {
  if (name === 'ICU' && !(await hasIcu())) return console.warn('SKIPPED: a server without ICU');
  await make(options, `${sql};${properties.replace('größer', name === 'EUC_JP' ? '大きい' : 'größer')}`);
  await restoring();
  expect(said).toEqual([]);
  expect(await properlyOf('again')).toEqual(await properlyOf('source'));
  const lines = (dump: Buffer) => dump.toString('latin1').replace(/^\\(un)?restrict .*$/gm, '');
  expect(lines(await dumpOf(to('again')))).toBe(lines(await dumpOf(to('source'))));
  // The planner knows what is there.
  const [row] = await asked(
    to('again'),
    'SELECT count(*) FROM pg_class WHERE relkind = $$r$$ AND reltuples > 0 AND oid > 16384',
  );
  expect(row).toEqual(['1']);
});

it('is the same by the commands, and after the second time', async () => {
  await make("ENCODING 'LATIN1' LOCALE 'C'", latin);
  await asked(to('source'), properties);
  const before = await properlyOf('source');
  const stub = await startS3Stub();
  try {
    for (const [from, into] of [
      ['source', 'again'],
      ['again', 'source'],
    ] as const) {
      const env = { ...storeEnvironment(stub), ...server.connection.env, PGDATABASE: from };
      const backup = await offsite(['backup', '--json'], env);
      expect(backup.exitCode, backup.stderr).toBe(0);
      if (from === 'again') await asked(server.connection, 'DROP DATABASE source WITH (FORCE)');
      const args = ['restore', answerOf('backup', backup.stdout).id, '--into', into, '--json'];
      const restored = await offsite(args, env);
      expect(restored.exitCode, restored.stderr).toBe(0);
      expect(await properlyOf(into)).toEqual(before);
    }
    expect(await asked(to('source'), 'SELECT "länge" FROM "größe"')).toEqual([['Ärger']]);
  } finally {
    await stub.stop();
  }
});

it('of an archive without them is what the dump says: its encoding, and who owns most', async () => {
  await make("ENCODING 'EUC_JP' LOCALE 'C'", japanese);
  await asked(
    to('source'),
    'CREATE TABLE of_another (a int); CREATE TABLE another (a int); ALTER TABLE another OWNER TO keeper; GRANT ALL ON another TO few',
  );
  await restoring({ source: undefined });
  const rows = await asked(
    server.connection,
    `SELECT pg_encoding_to_char(encoding), pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'again'`,
  );
  expect(rows).toEqual([['EUC_JP', 'keeper']]);
  expect(await asked(to('again'), 'SELECT "列" FROM "表の名"')).toEqual([['日本語'], ['かな']]);
});

it('of a dump that makes its database is what that says, for the new one', async () => {
  await make("ENCODING 'LATIN1' LOCALE 'C'", `${latin};${properties}`);
  await asked(server.connection, 'ALTER DATABASE source CONNECTION LIMIT 7; CREATE DATABASE bystander');
  const dump = await dumpOf(to('source'), ['--create']);
  await asked(server.connection, "COMMENT ON DATABASE source IS 'live'; ALTER DATABASE source RESET ALL");
  await restoring({ source: undefined, dump: inPieces(dump, 1000) });
  expect(said).toEqual([]);
  const [live] = (await properlyOf('source')) as string[][];
  expect(live?.[2]).toBe('live');
  await asked(
    server.connection,
    'COMMENT ON DATABASE source IS NULL; DROP DATABASE bystander; ALTER DATABASE source RENAME TO live',
  );
  await asked(server.connection, 'ALTER DATABASE again RENAME TO source');
  const again = await dumpOf(to('source'), ['--create']);
  const lines = (bytes: Buffer) =>
    bytes
      .toString('latin1')
      .replace(/^\\(un)?restrict .*$/gm, '')
      .split('\n')
      .sort()
      .join('\n');
  expect(lines(again)).toBe(lines(dump));
  await asked(server.connection, 'DROP DATABASE live');
});

it('of a template that is dropped first (-C --clean) leaves the live one a template; a half-made one goes all the same', async () => {
  await make("ENCODING 'UTF8' LOCALE 'C'", schema);
  await asked(server.connection, 'ALTER DATABASE source IS_TEMPLATE true');
  const dump = await dumpOf(to('source'), ['--create', '--clean']);
  expect(dump.toString()).toMatch(/^UPDATE pg_catalog\.pg_database SET datistemplate = false WHERE/m);
  const unmark = 'ALTER DATABASE source IS_TEMPLATE false';
  try {
    const stopping = new AbortController();
    const onStage = (stage: string) => stage === 'swap' && stopping.abort();
    const options = { source: undefined, signal: stopping.signal, onStage };
    const place = async () => stopping.signal.throwIfAborted();
    const stopped = restoring({ ...options, dump: inPieces(dump), place: place as never });
    await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await restoring({ source: undefined, dump: inPieces(dump) });
    const marks =
      "SELECT datname, datistemplate FROM pg_database WHERE datname IN ('source', 'again') ORDER BY 1";
    expect(await asked(server.connection, marks)).toEqual([
      ['again', 't'],
      ['source', 't'],
    ]);
  } finally {
    await asked(server.connection, `${unmark}; ${unmark.replace('source', 'again')}`);
  }
});

const named = (hex: string) =>
  `EXECUTE format('CREATE TABLE %I AS SELECT 1 AS a', convert_from('\\x${hex}', 'SQL_ASCII'));`;

it.each([
  ['EUC_TW', 'CREATE TABLE "表" (a int); CREATE TABLE "功" (a int)'],
  // Of a vendor: Postgres knows them, and JavaScript not all.
  ['EUC_JP', 'CREATE TABLE "髙" (a int); CREATE TABLE "﨑" (a int)'],
  ['SQL_ASCII', `DO $$ BEGIN ${named('636166e9')} ${named('636166e8')} END $$`],
])('comes back where names are in bytes that nobody here can read: %s', async (encoding, sql) => {
  await make(`ENCODING '${encoding}' LOCALE 'C'`, `${sql}; CREATE TABLE torrents AS SELECT 1 AS a`);
  const dump = await dumpOf(to('source'));
  const { refused, tables } = scan(dump);
  expect({ refused, tables: new Set(tables).size }).toEqual({ refused: undefined, tables: 3 });
  const options = { connection: server.connection, database: 'again', dump: inPieces(dump), compare: {} };
  const { comparisons } = await restore(options);
  expect(comparisons[0]).toMatchObject({ what: 'public.torrents', expected: 1, found: 1 });
  const lines = (text: Buffer) => text.toString('latin1').replace(/^\\(un)?restrict .*$/gm, '');
  expect(lines(await dumpOf(to('again')))).toBe(lines(dump));
});

it('comes back with rows of another server (--include-foreign-data)', async () => {
  const [available] = await asked(
    server.connection,
    "SELECT 1 FROM pg_available_extensions WHERE name = 'postgres_fdw'",
  );
  if (available === undefined) return console.warn('SKIPPED: a server without postgres_fdw');
  const { PGPORT, PGPASSWORD } = server.connection.env;
  await make(
    "ENCODING 'UTF8' LOCALE 'C'",
    `CREATE TABLE far (a int); CREATE EXTENSION postgres_fdw;
     CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '${PGPORT}', dbname 'source');
     CREATE USER MAPPING FOR postgres SERVER elsewhere OPTIONS (user 'postgres', password '${PGPASSWORD}');
     CREATE FOREIGN TABLE near (a int) SERVER elsewhere OPTIONS (table_name 'far')`,
  );
  await asked(to('source'), 'INSERT INTO near VALUES (1)');
  const dump = await dumpOf(to('source'), ['--include-foreign-data=elsewhere']);
  expect(scan(dump).rows).toEqual({ 'public.far': 1, 'public.near': 1 });
  await restore({ connection: server.connection, database: 'again', dump: inPieces(dump), compare: {} });
  expect(await asked(to('source'), 'SELECT * FROM far')).toEqual([['1'], ['1']]);
});

it.each([undefined, 2])(
  'of a dump that first drops what it makes (--clean) all comes back; sessions: %s',
  async (jobs) => {
    await make(
      "ENCODING 'UTF8' LOCALE 'C'",
      `${schema}; SELECT lo_create(4711); CREATE VIEW seen AS SELECT * FROM "größe";
      CREATE TABLE keyed (id int PRIMARY KEY, a text); CREATE VIEW by_its_key AS SELECT id, a FROM keyed GROUP BY id`,
    );
    const lines = (dump: Buffer) => dump.toString().replace(/^\\(un)?restrict .*$/gm, '');
    const dump = await dumpOf(to('source'), ['--clean']);
    await restore({ connection: server.connection, database: 'again', dump: inPieces(dump), jobs });
    expect(lines(await dumpOf(to('again'), ['--clean']))).toBe(lines(dump));
  },
);

it('of a dump that acts as the owners (--use-set-session-authorization) is theirs, and comes back', async () => {
  await make("ENCODING 'UTF8' LOCALE 'C'", schema);
  const dump = await dumpOf(to('source'), ['--use-set-session-authorization', '--disable-dollar-quoting']);
  expect(dump.toString()).toMatch(/^SET SESSION AUTHORIZATION 'keeper';$/m);
  await restore({ connection: server.connection, database: 'again', dump: inPieces(dump) });
  const owners =
    "SELECT pg_get_userbyid(datdba), tableowner FROM pg_database, pg_tables WHERE datname = 'again' AND tablename = 'größe'";
  expect(await asked(to('again'), owners)).toEqual([['keeper', 'keeper']]);
});

it('of a dump of the schema that every database has (-n public) comes back', async () => {
  await make("ENCODING 'UTF8' LOCALE 'C'", schema);
  const dump = await dumpOf(to('source'), ['-n', 'public']);
  expect(dump.toString()).toMatch(/^CREATE SCHEMA public;$/m);
  await restore({ connection: server.connection, database: 'again', dump: inPieces(dump) });
  expect(await asked(to('again'), 'SELECT "名" FROM "größe"')).toEqual([['1']]);
});

describe('of the one that is there are those of what takes its place, where neither the dump nor a manifest has them:', () => {
  const bringing = async (placing: Placing, dump: Buffer, more: Partial<InPlaceOptions> = {}) => {
    const options = { database: 'source', placing, dump: () => inPieces(dump), compare: {}, jobs: 2 };
    const warn = (sentence: string) => void (/is a superuser/.test(sentence) || said.push(sentence));
    return restoreInPlace({ connection: server.connection, ...options, warn, ...more });
  };
  const dropOld = (before: string | undefined) =>
    before && asked(server.connection, `DROP DATABASE ${before} WITH (FORCE)`);
  const taken =
    'the dump does not say what its database had of its own: it gets that of the source that is there (its settings, its grants, its comment, its limit of connections, its tablespace)';

  it.each<Placing['how']>(['swap', 'replace', 'beside'])('%s', async (how) => {
    await make("ENCODING 'LATIN1' LOCALE 'C' TABLESPACE fast CONNECTION LIMIT 17", `${latin};${properties}`);
    const whole = await properlyOf('source');
    const { database, before } = await bringing({ how }, await dumpOf(to('source')));
    expect(said).toEqual([taken]);
    expect(await properlyOf(database)).toEqual(whole);
    await dropOld(before);
    if (how === 'beside') await asked(server.connection, `DROP DATABASE ${database}`);
  });

  it('of one that lets nobody in; a manifest, and a dump that makes its database, have the last word', async () => {
    await make("ENCODING 'LATIN1' LOCALE 'C'", latin);
    const [plain, making] = [await dumpOf(to('source')), await dumpOf(to('source'), ['--create'])];
    await asked(server.connection, "ALTER DATABASE source SET work_mem = '5MB'");
    await asked(server.connection, 'ALTER DATABASE source ALLOW_CONNECTIONS false');
    const settings = () =>
      asked(to('source'), `SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 0`);
    await dropOld((await bringing({ how: 'swap' }, plain)).before);
    expect(await settings()).toEqual([['work_mem=5MB']]);
    await bringing({ how: 'replace' }, making);
    expect(await settings()).toEqual([]);
    const source = await sourceOf();
    await asked(server.connection, "ALTER DATABASE source SET work_mem = '6MB'");
    await bringing({ how: 'replace' }, plain, { source });
    expect(await settings()).toEqual([]);
  });

  it('of a dump that makes its database, all that it was told not to say (--no-owner, --no-acl, --no-comments)', async () => {
    await make("ENCODING 'LATIN1' LOCALE 'C' TABLESPACE fast", `${latin};${properties}`);
    const whole = await properlyOf('source');
    const silent = await dumpOf(to('source'), ['--create', '--no-owner', '--no-acl', '--no-comments']);
    const saying = await dumpOf(to('source'), ['--create']);
    await asked(server.connection, "ALTER DATABASE source SET work_mem = '9MB'");
    await bringing({ how: 'replace' }, silent);
    expect(said.sort()).toEqual(
      ['its grants, its comment', 'its owner keeper'].map((what) =>
        taken.replace(/its settings.*\)/, `${what})`),
      ),
    );
    expect(await properlyOf('source')).toEqual(whole);
    said = [];
    const other = `REVOKE ALL ON DATABASE source FROM guest; COMMENT ON DATABASE source IS 'another'; ALTER DATABASE source OWNER TO few`;
    await asked(server.connection, other);
    await bringing({ how: 'replace' }, saying);
    expect([said, await properlyOf('source')]).toEqual([[], whole]);
  });

  it('of one that was dropped for one that failed, is told; for one that was killed, given by the next', async () => {
    await make("ENCODING 'LATIN1' LOCALE 'C' TABLESPACE fast CONNECTION LIMIT 17", `${latin};${properties}`);
    const whole = await properlyOf('source');
    const plain = await dumpOf(to('source'));
    const killed = { ...newMark('source', timeInName(new Date(0))), pid: 0, host: 'gone' };
    const { run, close } = await standBeside({ connection: server.connection });
    const replaced = await lookAtReplaced(run, 'source', false);
    const failing = Buffer.concat([plain, Buffer.from('SELECT 1 / 0;\n')]);
    await expect(bringing({ how: 'replace' }, failing)).rejects.toMatchObject({ code: 'RESTORE_FAILED' });
    const [statements = ''] = said.flatMap(
      (one) =>
        /^what source had .*\(encoding LATIN1, locale C of libc; owner keeper\).* back: (.*)$/s.exec(
          one,
        )?.[1] ?? [],
    );
    said = [];
    await bringing({ how: 'replace' }, plain);
    expect(said.filter((one) => !/LATIN1/.test(one))).toEqual([]);
    for (const sql of statements.split(/; (?=[A-Z]+ )/)) await asked(to('source'), sql);
    const [, grants, comment, settings] = whole[0] ?? [];
    expect((await properlyOf('source'))[0]?.slice(1)).toEqual([grants, comment, settings]);
    await asked(server.connection, 'DROP DATABASE source');
    await asked(server.connection, 'CREATE DATABASE source');
    await run(markSql('source', { ...killed, replaced }));
    said = [];
    await bringing({ how: 'swap' }, plain);
    expect(said).toEqual([expect.stringContaining('the half-made source is dropped'), taken]);
    expect(await properlyOf('source')).toEqual(whole);
    await close();
  });

  it('one that is empty has not chosen its owner; text of another encoding is not made to fit', async () => {
    await make("ENCODING 'LATIN1' LOCALE 'C'", latin);
    const dump = await dumpOf(to('source'));
    await asked(server.connection, 'DROP DATABASE source; CREATE DATABASE source TEMPLATE template0');
    await asked(server.connection, "ALTER DATABASE source SET work_mem = '5MB'");
    await bringing({ how: 'swap' }, dump);
    const row = await asked(
      server.connection,
      `SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), setconfig::text
       FROM pg_database d JOIN pg_db_role_setting s ON s.setdatabase = d.oid WHERE datname = 'source'`,
    );
    expect(row).toEqual([['keeper', 'LATIN1', '{work_mem=5MB}']]);
    expect(said.slice(0, 2)).toEqual([
      expect.stringContaining('(its settings)'),
      'the dump is written in LATIN1, and the source that is there is UTF8: it is made as LATIN1',
    ]);
  });
});

it('that this server cannot make or take are told, and the rest comes back', async () => {
  await make("ENCODING 'UTF8' LOCALE 'C'", `${schema};${properties}`);
  const source = {
    name: 'source',
    encoding: 'UTF8',
    localeProvider: 'libc',
    collate: 'xx_YY.utf8',
    ctype: 'xx_YY.utf8',
    owner: 'nobody_here',
    tablespace: 'slow',
    settings: [
      { name: 'of_the_future', value: 'on' },
      { name: 'work_mem', value: '6MB' },
    ],
    grants: [
      { grantee: 'gone', privilege: 'CONNECT', grantable: false },
      { grantee: 'guest', privilege: 'CONNECT', grantable: false },
    ],
  };
  await restoring({ source });
  expect(said).toEqual([
    expect.stringMatching(/tablespace slow.*default one.*does not exist/),
    expect.stringMatching(/locale xx_YY.utf8 of libc.*sorted/),
    expect.stringMatching(/nobody_here.*belongs to keeper/),
    expect.stringMatching(/of_the_future/),
    expect.stringMatching(/"gone".*does not exist/),
  ]);
  const rows = await asked(
    server.connection,
    `SELECT has_database_privilege('guest', 'again', 'CONNECT'), (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid)
     FROM pg_database d WHERE datname = 'again'`,
  );
  expect(rows).toEqual([['t', '{work_mem=6MB}']]);
});

it('a role that is only granted something holds up nothing; who owns something does', async () => {
  await make("ENCODING 'UTF8' LOCALE 'C'", schema);
  await asked(
    to('source'),
    `CREATE ROLE reader; GRANT SELECT ON "größe" TO reader; ALTER DEFAULT PRIVILEGES FOR ROLE keeper GRANT SELECT ON TABLES TO reader`,
  );
  const dump = await dumpOf(to('source'));
  await asked(to('source'), 'DROP OWNED BY reader; DROP ROLE reader');
  await restoring({ dump: inPieces(dump), roles: scan(dump).roles });
  expect(said).toEqual([expect.stringMatching(/granted? to reader|grants to reader/)]);
  expect(await asked(to('again'), 'SELECT "länge" FROM "größe"')).toEqual([['Ärger']]);
  await asked(server.connection, 'DROP DATABASE again');
  const renamed = Buffer.from(dump.toString().replaceAll('OWNER TO keeper', 'OWNER TO gone'));
  await expect(restoring({ dump: inPieces(renamed), roles: [] })).rejects.toMatchObject({
    code: 'ROLE_MISSING',
    found: 'no role gone',
  });
});

it('roles that are made may log in as they could, and no others', async () => {
  await asked(
    server.connection,
    'CREATE ROLE crawler LOGIN; CREATE ROLE "Group, of all"; CREATE ROLE seldom LOGIN',
  );
  await make("ENCODING 'UTF8' LOCALE 'C'", schema);
  await asked(
    to('source'),
    `CREATE TABLE one (a int); ALTER TABLE one OWNER TO crawler; CREATE TABLE two (a int); ALTER TABLE two OWNER TO "Group, of all";
     GRANT SELECT ON one TO seldom; REVOKE CONNECT ON DATABASE source FROM PUBLIC; GRANT CONNECT ON DATABASE source TO seldom`,
  );
  const dump = await dumpOf(to('source'));
  const { env } = server.connection;
  const url = `postgres://${env.PGUSER}:${encodeURIComponent(env.PGPASSWORD ?? '')}@127.0.0.1:${env.PGPORT}/source`;
  const known = (await readSourceDatabase({ via: 'server', url })) as SourceDatabase;
  const roles = ['crawler', '"Group, of all"', 'seldom'];
  const canLogIn = () =>
    asked(
      server.connection,
      "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname IN ('crawler', 'Group, of all', 'seldom') ORDER BY 1",
    );
  const before = await canLogIn();
  for (const source of [known, undefined]) {
    await asked(to('source'), `DROP OWNED BY ${roles.join(', ')}`);
    await asked(server.connection, `DROP ROLE ${roles.join(', ')}`);
    await restoring({ dump: inPieces(dump), source, roles: scan(dump).roles, createRoles: true });
    // A dump alone does not say who may log in: then nobody may.
    expect(await canLogIn()).toEqual(source ? before : before.map(([name]) => [name, 'f']));
    await asked(to('again'), `DROP OWNED BY ${roles.join(', ')}`);
    await asked(server.connection, 'DROP DATABASE again');
  }
  await asked(server.connection, `DROP ROLE ${roles.join(', ')}`);
});

it('comes back by an ordinary role, too, that may make databases', async () => {
  await make("ENCODING 'UTF8' LOCALE 'C'", `${schema};${properties}`);
  const connection: Connection = {
    via: 'server',
    env: { ...server.connection.env, PGUSER: 'few', PGPASSWORD: 'few' },
  };
  await restoring({ connection });
  // Of another role, only a superuser sets what holds for it; nor what no extension has made known.
  expect(said).toEqual([
    expect.stringMatching(/"x\.y".*permission denied/),
    expect.stringMatching(/ALTER ROLE "keeper".*permission denied/),
  ]);
  const [source, again] = (await Promise.all(['source', 'again'].map(properlyOf))) as string[][][];
  expect(again?.[0]?.slice(0, 3)).toEqual(source?.[0]?.slice(0, 3));
});
