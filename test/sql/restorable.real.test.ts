// What a real psql restores of a real pg_dump, the verifier calls whole and the restore takes, with the same result: for
// pg_dump's options, for tables and rows of any kind, and for every encoding that a client can ask for.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judge } from '../../lib/archive/verdict.ts';
import { DumpEdges } from '../../lib/backup/edges.ts';
import { clientCommand, query } from '../../lib/postgres/programs.ts';
import { ask } from '../../lib/postgres/session.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { compareWithInventory } from '../../lib/restore/compare.ts';
import { openFile } from '../../lib/restore/dump-file.ts';
import { restoreParallel } from '../../lib/restore/parallel.ts';
import { makeSandbox } from '../../lib/restore-test/sandbox.ts';
import { scan } from '../fixtures/archive.ts';
import { isLong, often } from '../fixtures/often.ts';
import { asked, inPieces } from '../fixtures/postgres.ts';

let server: ThrowawayPostgres;
/** As a restore test has it: its superuser has a name that no dump knows. */
let other: ThrowawayPostgres;
beforeAll(async () => {
  [server, other] = await Promise.all([
    startThrowawayPostgres({ tuned: true }),
    startThrowawayPostgres({ tuned: true, superuser: 'offsite_hidden' }),
  ]);
});
afterAll(() => Promise.all([server.stop(), other.stop()]));

async function run(
  program: 'psql' | 'pg_dump' | 'pg_dumpall',
  database: string,
  args: string[],
  input?: string | Buffer,
  settings = '',
) {
  const command = clientCommand(server.connection, program, args, { database });
  const env = { ...command.env, PGOPTIONS: `-c client_min_messages=warning ${settings}` };
  const { stdout } = await execa(command.program, command.args, {
    env,
    extendEnv: false,
    encoding: 'buffer',
    stripFinalNewline: false,
    maxBuffer: 2 ** 30,
    ...(input === undefined ? {} : { input }),
  });
  return Buffer.from(stdout);
}

const psqlArguments = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', '-'];

async function made(database: string, encoding: string, sql = ''): Promise<void> {
  await dropped(database);
  await asked(
    server.connection,
    `CREATE DATABASE ${database} TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`,
  );
  if (sql !== '') await run('psql', database, psqlArguments, `SET client_encoding = 'UTF8';\n${sql}`);
}

async function dropped(database: string): Promise<void> {
  await asked(server.connection, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
}

/** What is in a database, as pg_dump writes it whatever the database's own settings; the tokens of `\restrict` are random. */
async function contentsOf(database: string): Promise<string> {
  const dump = await run('pg_dump', database, [], undefined, '-c standard_conforming_strings=on');
  return dump.toString('latin1').replace(/^\\(un)?restrict .*$/gm, '');
}

/** Restores a dump by psql, and by the reader's parts, and expects the same. @returns What the verifier sees. */
async function restoredTwice(dump: Buffer, encoding: string) {
  const inventory = scan(dump);
  expect(inventory).toMatchObject({ endMarker: 'end' });
  expect(inventory.refused).toBeUndefined();
  await made('parts', encoding);
  // psql last: a dump that makes its own database makes it here.
  const { ended } = await restoreParallel({
    connection: server.connection,
    database: 'parts',
    dump: inPieces(dump, dump.length > 1e6 ? 64 * 1024 : 1000),
    // Rows then keep their order in the table, and two dumps can be compared.
    sessions: 1,
  });
  expect(ended).toBe(true);
  const makesOwn = /\nCREATE DATABASE "?source"? /.test(dump.toString('latin1', 0, 100_000));
  const byPsql = makesOwn ? 'source' : 'by_psql';
  if (makesOwn) await dropped('source');
  else await made(byPsql, encoding);
  await run('psql', makesOwn ? 'postgres' : byPsql, psqlArguments, dump);
  expect(await contentsOf('parts')).toBe(await contentsOf(byPsql));
  return inventory;
}

/** As a restore test does. @returns What differs from the inventory, and what was skipped for whose sake. */
async function restoreTested(dump: Buffer) {
  const inventory = scan(dump);
  const [connection, database] = [other.connection, 'tested'];
  const sandbox = await makeSandbox({ connection, database, inventory });
  try {
    await restoreParallel({
      connection: sandbox.connection,
      database,
      dump: inPieces(dump, dump.length > 1e6 ? 64 * 1024 : 1000),
      sessions: 2,
      skips: sandbox.skips,
      goesOnWithout: (error, tokens) => sandbox.omissions.goesOnWithout(error, tokens),
    });
    const inside = (sql: string) => ask(sandbox.connection, sql, { database });
    const wanted = sandbox.omissions.without(inventory);
    const compared = await compareWithInventory(sandbox.connection, wanted, { ask: inside });
    return {
      differing: compared.filter(({ same }) => !same),
      tables: compared.filter(({ counted }) => counted === 'rows').map(({ what }) => what),
      skipped: (sandbox.omissions.all?.first ?? []).map(({ what, why }) => `${what}: ${why}`),
    };
  } finally {
    await sandbox.remove();
  }
}

const nothingFound = { compressedBytes: 1, plainBytes: 1, members: [] };
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

const anyName = fc.constantFrom(
  ...[
    'torrents',
    'order',
    'Größe',
    'a;b',
    "it's",
    '"',
    '""',
    '$$',
    '--',
    '/*',
    '\\',
    'a.b',
    'x y',
    ';\n\\!',
    '表',
    'copy',
  ],
);
const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll('\0', '')),
  fc.constantFrom(
    '\\.',
    '\\N',
    "'; DROP TABLE x; --",
    '\n\\.\n',
    '$a$',
    '\\\\',
    "\\'",
    '\\! touch x',
    '\\restrict x',
  ),
);
const anyTable = fc.record({
  name: anyName,
  columns: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 250, max: 270 })),
  rows: fc.array(anyText, { maxLength: 6 }),
  comment: anyText,
});
const anySchema = fc
  .uniqueArray(anyTable, { minLength: 1, maxLength: 2, selector: ({ name }) => name })
  .map((tables) =>
    tables
      .map(({ name, columns, rows, comment }) => {
        const list = Array.from({ length: columns }, (_, at) => `${quoted(`${name}${at}`)} text`);
        return `CREATE TABLE ${quoted(name)} (${list.join(', ')});
          COMMENT ON TABLE ${quoted(name)} IS ${literal(comment)};
          ${rows.map((text) => `INSERT INTO ${quoted(name)} VALUES (${literal(text)});`).join('\n')}
          CREATE INDEX ON ${quoted(name)} (${quoted(`${name}0`)});
          CREATE VIEW ${quoted(`${name}v`)} AS SELECT *, ${literal(comment)} AS "it""s" FROM ${quoted(name)};`;
      })
      .join('\n'),
  );
/** What needs a superuser, each with what the restore test leaves out of it, and the tables that are tested all the same. */
const superusers: readonly (readonly [
  sql: string,
  skipped: readonly RegExp[],
  tables?: readonly string[],
])[] = [
  [
    "CREATE FUNCTION tight(int) RETURNS bool LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT $1 > 0'; CREATE VIEW of_tight AS SELECT tight(1);",
    [/^CREATE FUNCTION public\.tight: needs a superuser/, /^CREATE VIEW public\.of_tight.*: needs what/],
  ],
  [
    "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER noted ON sql_drop EXECUTE FUNCTION note();",
    [/^CREATE EVENT TRIGGER noted.*: needs a superuser/],
  ],
  ['CREATE PUBLICATION everything FOR ALL TABLES;', [/^CREATE PUBLICATION everything.*: needs a superuser/]],
  [
    'CREATE CAST (text AS macaddr) WITH INOUT AS ASSIGNMENT;',
    [/^CREATE CAST \(text AS macaddr\): needs a superuser/],
  ],
  [
    `CREATE TYPE pair; CREATE FUNCTION pair_in(cstring) RETURNS pair LANGUAGE internal IMMUTABLE STRICT AS 'point_in';
     CREATE FUNCTION pair_out(pair) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'point_out';
     CREATE TYPE pair (INPUT = pair_in, OUTPUT = pair_out, INTERNALLENGTH = 16, ALIGNMENT = double);
     CREATE TABLE of_pairs (id int PRIMARY KEY, one pair); INSERT INTO of_pairs VALUES (1, '(1,2)');
     CREATE TABLE on_pairs (id int REFERENCES of_pairs); INSERT INTO on_pairs VALUES (1);`,
    [
      /^CREATE TYPE public\.pair: needs a superuser/,
      /^CREATE TABLE public\.of_pairs: needs what/,
      /^ALTER TABLE ONLY public\.on_pairs .*: needs what/,
    ],
    ['public.on_pairs'],
  ],
  [
    `CREATE OPERATOR CLASS cls FOR TYPE text USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 bttextcmp(text, text);
     CREATE TABLE classed (a text); INSERT INTO classed VALUES ('a'), ('b'); CREATE INDEX of_class ON classed (a cls);`,
    [/^CREATE OPERATOR CLASS public\.cls.*: needs a superuser/, /^CREATE INDEX of_class.*: needs what/],
    ['public.classed'],
  ],
  [
    'CREATE AGGREGATE ranked (VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);',
    [/^CREATE AGGREGATE public\.ranked: needs a superuser/],
  ],
  [
    'CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; ALTER TABLE hidden FORCE ROW LEVEL SECURITY;',
    [],
    ['public.hidden'],
  ],
];

const anyOptions = fc.subarray([
  '--inserts',
  '--column-inserts',
  '--rows-per-insert=1000',
  '--quote-all-identifiers',
  '--create',
  '--no-owner',
  '--disable-dollar-quoting',
  '--use-set-session-authorization',
]);

describe('a dump that psql restores', () => {
  it('is whole to the verifier, and restored by its parts as by psql', async () => {
    await fc.assert(
      fc.asyncProperty(
        anySchema,
        fc.subarray([...superusers]),
        anyOptions,
        fc.boolean(),
        async (schema, more, options, standard) => {
          const setting = `ALTER DATABASE source SET standard_conforming_strings = ${standard ? 'on' : 'off'};`;
          await made('source', 'UTF8', [setting, schema, ...more.map(([sql]) => sql)].join('\n'));
          const dump = await run('pg_dump', 'source', options);
          await restoredTwice(dump, 'UTF8');
          const { differing, skipped, tables } = await restoreTested(dump);
          expect(differing).toEqual([]);
          const words = skipped.map((one) => one.replaceAll('"', ''));
          for (const pattern of more.flatMap(([, patterns]) => patterns))
            expect(words).toContainEqual(expect.stringMatching(pattern));
          expect(tables).toEqual(expect.arrayContaining(more.flatMap(([, , names = []]) => names)));
          // What is left out is named; without any of it, nothing is.
          if (more.every(([, patterns]) => patterns.length === 0)) expect(words).toEqual([]);
        },
      ),
      {
        numRuns: often(3, 40),
        examples: [['', superusers.filter(([sql]) => sql.includes('of_pairs')), [], true]],
      },
    );
  }, 300_000);

  it('is in the encoding that it says: of a database that knows none, it cannot be said afterwards', async () => {
    await made('source', 'SQL_ASCII', "CREATE TABLE t (a text); INSERT INTO t VALUES (E'caf\\xe9')");
    await made('by_psql', 'UTF8');
    const own = await run('pg_dump', 'source', []);
    const dump = Buffer.from(own.toString('latin1').replace("'SQL_ASCII'", "'UTF8'"), 'latin1');
    await expect(run('psql', 'by_psql', psqlArguments, dump)).rejects.toThrow('invalid byte sequence');
    const refused = expect.objectContaining({ found: expect.stringContaining('no UTF-8') });
    expect(scan(dump).refused).toEqual(refused);
    await made('parts', 'UTF8');
    const parts = {
      connection: server.connection,
      database: 'parts',
      dump: inPieces(dump, 1000),
      sessions: 1,
    };
    await expect(restoreParallel(parts)).rejects.toThrow(refused);
    await restoredTwice(own, 'SQL_ASCII');
  });

  it('has rows of as many values as columns, and line ends of one kind: else it is called what every server refuses', async () => {
    await made(
      'source',
      'UTF8',
      `CREATE TABLE a (id int, t text); INSERT INTO a SELECT i, E'x\\ty\\r\\nz\\\\' FROM generate_series(1, 3) i;
       CREATE TABLE b (id int); INSERT INTO b VALUES (1), (2); CREATE TABLE c (); INSERT INTO c DEFAULT VALUES;
       CREATE TABLE d (v text, w text, g int GENERATED ALWAYS AS (1) STORED); INSERT INTO d VALUES ('', NULL), (E'\\\\.', '');`,
    );
    const dump = (await run('pg_dump', 'source', [])).toString();
    const ofA = expect.stringMatching(/^lines among the rows of public\.a that are no rows/);
    const damaged: readonly (readonly [why: string, dump: string])[] = [
      ['the end of the rows is lost', dump.replace('\\.\n', '')],
      ['a message', dump.replace('\n2\tx', '\npg_dump: warning: x\n2\tx')],
      ['a message within a line', dump.replace('\n2\tx', '\n2pg_dump: warning: x\n\tx')],
      ['a row lost its end', dump.replace('\n2\tx', '2\tx')],
      ['a line was cut', dump.replace(/\n2\tx.*/, '\n2')],
      ['tabs were made spaces', dump.replaceAll('\t', '    ')],
      ['some line ends are of Windows', dump.replace('\n2\tx', '\r\n2\tx')],
    ];
    for (const [why, text] of damaged) {
      await made('by_psql', 'UTF8');
      await expect(run('psql', 'by_psql', psqlArguments, text), why).rejects.toThrow('COPY a, line');
      const { refused } = scan(Buffer.from(text));
      expect(refused?.found, why).toEqual(ofA);
    }
    await restoredTwice(Buffer.from(dump), 'UTF8');
    await restoredTwice(Buffer.from(dump.replaceAll('\n', '\r\n')), 'UTF8');
  }, 60_000);

  it('may hold a value of many MB in an INSERT', async () => {
    const times = often(3_000_000, 14_000_000);
    await made('source', 'UTF8', `CREATE TABLE t AS SELECT repeat('x;''', ${times}) AS a;`);
    const { rows } = await restoredTwice(await run('pg_dump', 'source', ['--inserts']), 'UTF8');
    expect(rows).toEqual({ 'public.t': 1 });
  }, 300_000);

  it('names a table as it is called, whatever is quoted', async () => {
    await made(
      'source',
      'UTF8',
      'CREATE TABLE torrents (a int PRIMARY KEY); CREATE TABLE "order" ("A" int);',
    );
    const plain = scan(await run('pg_dump', 'source', []));
    expect(plain.tables).toEqual(['public."order"', 'public.torrents']);
    const { rows, tables, constraints, roles } = scan(
      await run('pg_dump', 'source', ['--quote-all-identifiers']),
    );
    expect({ rows, tables, constraints, roles }).toEqual({
      rows: plain.rows,
      tables: plain.tables,
      constraints: plain.constraints,
      roles: plain.roles,
    });
  });

  it.each([
    ['clean', ['--create', '--clean', '--if-exists']],
    ['large objects', ['--create', '--blobs']],
    ['every name quoted', ['--create', '--clean', '--if-exists', '--quote-all-identifiers']],
  ])(
    'and makes its own database leaves the live one alone: %s',
    async (_, options) => {
      await made('source', 'UTF8', "CREATE TABLE t AS SELECT 1 AS a; SELECT lo_from_bytea(4711, 'x');");
      await query(
        server.connection,
        "COMMENT ON DATABASE source IS 'live'; ALTER DATABASE source SET work_mem = '5MB'",
      );
      const { largeObjects } = await restoredTwice(await run('pg_dump', 'source', options), 'UTF8');
      expect(largeObjects).toBe(1);
      const live = await asked(
        server.connection,
        "SELECT count(*) FROM pg_database WHERE datname IN ('source', 'parts')",
      );
      expect(live).toEqual([['2']]);
    },
    60_000,
  );

  it.each(['my-db', 'we ird."%s\'é\\=.'])('makes its own database, called %s', async (name) => {
    await made(quoted(name), 'UTF8');
    await run('psql', name, psqlArguments, "CREATE TABLE t AS SELECT 'größer' AS a;");
    const [plain, dump] = await Promise.all([
      contentsOf(name),
      run('pg_dump', name, ['--create', '--clean', '--if-exists']),
    ]);
    expect(dump.toString()).toMatch(/^\\encoding SQL_ASCII\n\\connect -reuse/m);
    expect(scan(dump)).toMatchObject({ endMarker: 'end' });
    expect(scan(dump).refused).toBeUndefined();
    await made('parts', 'UTF8');
    await restoreParallel({
      connection: server.connection,
      database: 'parts',
      dump: inPieces(dump, 100),
      sessions: 1,
    });
    expect(await contentsOf('parts')).toBe(plain);
    await dropped(quoted(name));
  });
});

describe('what is no plain dump of one database', () => {
  const kinds = [
    ['pg_dumpall', 'pg_dumpall', [], 'the output of pg_dumpall'],
    ['the custom format', 'pg_dump', ['-Fc'], "pg_dump's custom format (-Fc)"],
    ['tar', 'pg_dump', ['-Ft'], "pg_dump's tar format (-Ft)"],
    ['gzip in gzip', 'pg_dump', ['-Z1'], 'gzip in gzip'],
  ] as const;

  it.each(kinds)(
    'is called what it is, to the verifier and to the agent: %s',
    async (_, program, args, name) => {
      await made('source', 'UTF8', 'CREATE TABLE torrents AS SELECT 1 AS a;');
      const bytes = await run(program, 'source', [...args]);
      const { verdict, deviations } = {
        deviations: [],
        ...judge(undefined, { ...nothingFound, inventory: scan(bytes) }),
      };
      expect({ verdict, found: deviations.map(({ found }) => found) }).toEqual({
        verdict: 'suspicious',
        found: [expect.stringContaining(name)],
      });
      expect(() => new DumpEdges().push(bytes)).toThrow(
        expect.objectContaining({ code: 'DUMP_NOT_PLAIN', found: expect.stringContaining(name) }),
      );
    },
  );

  it.each([
    ...kinds.slice(0, 3),
    ['roles and a dump', 'pg_dumpall', ['--globals-only'], 'the output of pg_dumpall'],
    ['the directory format', 'pg_dump', ['-Fd'], "pg_dump's directory format"],
  ] as const)('is a dump again by the line that its refusal names: %s', async (_, program, args, name) => {
    await made('bitmagnet', 'UTF8', 'CREATE TABLE torrents AS SELECT 1 AS a;');
    const folder = mkdtempSync(join(tmpdir(), 'offsite-kinds-'));
    const file = join(folder, 'night.of');
    const more = name.includes('directory') ? [`--file=${file}`] : [];
    const written = await run(program, 'bitmagnet', [...args, ...more]);
    const bytes =
      args[0] === '--globals-only'
        ? Buffer.concat([written, await run('pg_dump', 'bitmagnet', [])])
        : written;
    if (more.length === 0) writeFileSync(file, bytes);
    const { hint, found } = await openFile(file).catch((error) => error);
    expect(found).toContain(name);
    const [, line = '', plain = ''] = /^make one of it: (.*), then: offsite restore (.*)$/.exec(hint) ?? [];
    await execa('sh', ['-ec', line]);
    const { verdict } = judge(undefined, { ...nothingFound, inventory: scan(readFileSync(plain)) });
    expect(verdict).toBe('intact');
    rmSync(folder, { recursive: true });
    await dropped('bitmagnet');
  });

  it('is several of them, or another one than it makes: refused with what to do, by the agent too', async () => {
    await made('source', 'UTF8', 'CREATE TABLE torrents AS SELECT 1 AS a;');
    const dump = (await run('pg_dump', 'source', ['--create'])).toString();
    expect(() => new DumpEdges().push(Buffer.from(dump))).not.toThrow();
    for (const other of [
      dump.replace('\\connect source', '\\connect other'),
      dump.replace('\\connect source', 'CREATE DATABASE other;\n\\connect source'),
      dump.replace('CREATE DATABASE source', 'CREATE DATABASE other'),
    ]) {
      const { refused } = scan(Buffer.from(other));
      expect(refused?.remedy).toContain('pg_dump, of one database');
      expect(() => new DumpEdges().push(Buffer.from(other))).toThrow(
        expect.objectContaining({ code: 'DUMP_NOT_PLAIN', found: refused?.found }),
      );
    }
  });
});

/** In which a byte of a character may be one that SQL knows: read so or so by the settings, all of which count. */
const risky = /^(SJIS|SHIFT_JIS_2004|BIG5|GBK|GB18030|UHC)$/;

describe.each([
  ['SJIS', 'UTF8', '表能ソ十'],
  ['SJIS', 'EUC_JP', '表能ソ十'],
  ['SHIFT_JIS_2004', 'EUC_JIS_2004', '表能ソ十'],
  ['BIG5', 'UTF8', '功許蓋'],
  ['GBK', 'UTF8', '乗俓'],
  ['GB18030', 'UTF8', '乗俓𠀀'],
  // Not in the names: JavaScript decodes no more of UHC than EUC-KR. PostgreSQL's own JOHAB has no Hangul.
  ['UHC', 'UTF8', '가나다', '힣똠방각하'],
  ['EUC_JP', 'EUC_JP', '表能ソ'],
  ['EUC_KR', 'EUC_KR', '가나다'],
  ['EUC_CN', 'EUC_CN', '表能'],
  ['LATIN1', 'LATIN1', 'größe'],
  ['LATIN2', 'LATIN2', 'żółw'],
  ['LATIN9', 'UTF8', 'œuvre'],
  ['WIN1251', 'UTF8', 'имя'],
  ['KOI8R', 'KOI8R', 'имя'],
  ['UTF8', 'LATIN1', 'größe'],
])('a dump in %s of a database in %s', (client, own, word, text = word) => {
  it('is read as psql reads it, and its names are decoded', async () => {
    const mixed = `${text}'; COMMENT ON SCHEMA public IS 'x'; --`;
    await made(
      'source',
      own,
      `CREATE TABLE "${word}" ("${word}" text);
       INSERT INTO "${word}" VALUES (${literal(mixed)}), (${literal(`${text}\\`)}), (${literal(`\\.\n${text}`)});
       COMMENT ON TABLE "${word}" IS ${literal(mixed)};
       CREATE VIEW v AS SELECT ${literal(`\\${text}\\`)} AS a;`,
    );
    const ways = [
      ['on', []],
      ['off', ['--inserts']],
    ] as const;
    for (const [standard, options] of isLong || risky.test(client) ? ways : ways.slice(1)) {
      await asked(server.connection, `ALTER DATABASE source SET standard_conforming_strings = ${standard}`);
      const dump = await run('pg_dump', 'source', [`--encoding=${client}`, ...options]);
      const { rows, tables } = await restoredTwice(dump, own);
      expect(tables.map((table) => table.replaceAll('"', ''))).toEqual([`public.${word}`]);
      expect(Object.values(rows)).toEqual([3]);
    }
  }, 120_000);
});

it('is followed through every spelling of the settings that decide how it is read', () => {
  const off = [
    'SET standard_conforming_strings = off;',
    'set standard_conforming_strings to OFF;',
    "SET SESSION standard_conforming_strings = 'off';",
    'SET "standard_conforming_strings" = "off";',
    'Set Standard_Conforming_Strings = false;',
    "SET standard_conforming_strings = 'f';",
    'SET standard_conforming_strings = 0;',
    'SET standard_conforming_strings = no;',
    "SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false);",
    "select set_config('search_path', '', false), SET_CONFIG('STANDARD_conforming_strings','Off',FALSE);",
  ];
  const trap = "\nSELECT '\\'; CREATE TABLE trapped (a int); --';\n";
  for (const setting of off) expect(scan(Buffer.from(setting + trap)), setting).toMatchObject({ tables: [] });
  const sjis = [
    "SET client_encoding = 'SJIS';",
    'set client_encoding to Shift_JIS;',
    "SET NAMES 'sjis';",
    "SELECT set_config('client_encoding', 'mskanji', false);",
  ];
  const character = Buffer.concat([
    Buffer.from("\nSELECT E'\x83\x5c', 'x", 'latin1'),
    Buffer.from("'; CREATE TABLE trapped (a int); --';\n"),
  ]);
  for (const setting of sjis) {
    const { tables, refused } = scan(Buffer.concat([Buffer.from(setting), character]));
    expect({ tables, refused }, setting).toEqual({ tables: ['trapped'], refused: undefined });
  }
  // What only a server can tell is not guessed.
  for (const setting of [
    'RESET standard_conforming_strings;',
    'RESET ALL;',
    'SET LOCAL standard_conforming_strings = off;',
    'SET standard_conforming_strings = DEFAULT;',
    "SET standard_conforming_strings = E'\\x6fff';",
    'SET standard_conforming_strings = $$off$$;',
    "SELECT set_config('standard_conforming_strings', 'o' || 'ff', false);",
    "SELECT set_config(name, 'off', false) FROM settings;",
  ])
    expect(scan(Buffer.from(setting)).refused, setting).toBeDefined();
});
