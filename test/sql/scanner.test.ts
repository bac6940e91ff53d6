import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Inventory } from '../../lib/archive/inventory.ts';
import { missingParts } from '../../lib/archive/structure.ts';
import { DumpScanner } from '../../lib/sql/scanner.ts';
import { DumpSplitter } from '../../lib/sql/splitter.ts';
import { header, hostile, trailer } from '../fixtures/hostile-dump.ts';
import { often } from '../fixtures/often.ts';
import { scanParts } from '../fixtures/scan-parts.ts';

const hostileInventory: Inventory = {
  rows: {
    'public.torrents': 8,
    'public.empty': 0,
    'public.no_columns': 2,
    '"odd schema"."t;a.ble\nwith ""quotes"""': 1,
    'public.single': 2,
    'public.defaults': 2,
    'public.many': 3,
  },
  tables: ['public.torrents', '"odd schema"."t;a.ble\nwith ""quotes"""', 'public.far', 'public.größe'],
  largeObjects: 2,
  indexes: ['public.torrents_name', '"odd schema"."odd index\n;"'],
  constraints: [
    'public.torrents.name_check',
    'public.torrents."odd ""check"";"',
    'public.torrents.torrents_pkey',
    '"odd schema"."t;a.ble\nwith ""quotes""".fk',
  ],
  triggers: ['public.torrents."odd ""on"" trigger"', 'public.torrents.ct'],
  sequences: ['public.torrents_id_seq', 'public."Se""q"'],
  extensions: ['pg_trgm'],
  types: ['public."FilesStatus"', 'public.shell', 'public.dom'],
  functions: [
    'public.atomic',
    'public.named',
    'public.recreated',
    'public.body',
    'public.body',
    'public.proc',
    'public.agg',
  ],
  views: ['public.v', 'public.mv'],
  roles: ['bitmagnet', '"Odd Role"', 'watcher', 'reader', 'maker', 'taker'],
  further: { policies: ['public.torrents.p'], rules: ['public.v."odd rule"'] },
  needs: ['schema "odd schema"', 'public.f'],
  serverVersion: '16.4 (Debian 16.4-1)',
  pgDumpVersion: '17.2',
  endMarker: 'end',
};

function scan(dump: string | Uint8Array, cuts: readonly number[] = []): Inventory {
  const bytes = typeof dump === 'string' ? Buffer.from(dump) : dump;
  const scanner = new DumpScanner();
  let from = 0;
  for (const to of [...new Set(cuts)].sort((one, other) => one - other)) {
    scanner.push(bytes.subarray(from, to));
    from = Math.max(from, to);
  }
  scanner.push(bytes.subarray(from));
  return scanner.finish();
}

test('needs no schema for an empty view that --clean makes among its drops, and one for a view that is made', () => {
  const emptied = 'CREATE OR REPLACE VIEW apart.v AS SELECT NULL::integer AS a;\n';
  const schema = 'CREATE SCHEMA apart;\n';
  const needed = (dump: string) => scan(dump).needs;
  expect(needed(emptied)).toBeUndefined();
  expect(needed(`${emptied}DROP VIEW apart.v;\n${schema}${emptied}`)).toBeUndefined();
  expect(needed(emptied.replace('OR REPLACE ', ''))).toEqual(['schema apart']);
});

/** Of what is still in use. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

function endOf(dump: string): Inventory['endMarker'] {
  return scan(dump).endMarker;
}

describe('inventory', () => {
  test('tells what is there from what only looks like it', () => {
    expect(scan(hostile)).toEqual(hostileInventory);
  });

  test('is the same byte by byte', () => {
    const cuts = Array.from({ length: Buffer.byteLength(hostile) }, (_, at) => at);
    expect(scan(hostile, cuts)).toEqual(hostileInventory);
  });

  test('is the same for any chunks', () => {
    const cuts = fc.array(fc.nat(Buffer.byteLength(hostile)), { maxLength: 60 });
    fc.assert(
      fc.property(cuts, (at) => {
        expect(scan(hostile, at)).toEqual(hostileInventory);
      }),
      { numRuns: 300 },
    );
  });

  test('counts every line of COPY data, whatever is in it', () => {
    const row = fc.stringMatching(/^[^\n]*$/).filter((line) => line !== '\\.' && line !== '\\.\r');
    fc.assert(
      fc.property(fc.array(row), fc.array(fc.nat(500)), (rows, cuts) => {
        const data = rows.map((line) => `${line}\n`).join('');
        const { rows: counted, endMarker } = scan(
          `${header}COPY public.t (a) FROM stdin;\n${data}\\.\n${trailer}`,
          cuts.map((cut) => cut + header.length),
        );
        expect({ counted, endMarker }).toEqual({ counted: { 'public.t': rows.length }, endMarker: 'end' });
      }),
    );
  });

  test('counts the rows of any INSERT', () => {
    const literal = fc.string().map((text) => `'${text.replaceAll("'", "''")}'`);
    const rows = fc.array(fc.array(literal, { minLength: 1, maxLength: 3 }), { minLength: 1 });
    fc.assert(
      fc.property(rows, (values) => {
        const groups = values.map((row) => `(${row.join(', ')})`).join(',\n\t');
        expect(scan(`INSERT INTO public.t VALUES\n\t${groups};\n`).rows).toEqual({
          'public.t': values.length,
        });
      }),
    );
  });

  test('follows standard_conforming_strings', () => {
    const dump = (setting: string) =>
      scan(`SET standard_conforming_strings = ${setting};\nSELECT '\\'; CREATE TABLE a (b int); --';\n`)
        .tables;
    expect(dump('on')).toEqual(['a']);
    expect(dump('off')).toEqual([]);
  });

  test('takes line ends of Windows in COPY data as psql does', () => {
    expect(scan('COPY t (a) FROM stdin;\r\n1\r\n\\.\r\nCREATE TABLE u ();\r\n')).toMatchObject({
      rows: { t: 1 },
      tables: ['u'],
    });
  });

  test('keeps nothing of long rows, strings and statements', () => {
    const scanner = new DumpScanner();
    const pushed = (text: string) => scanner.push(Buffer.from(text));
    const filler = Buffer.alloc(1_048_576, 'x, ');
    const before = heapBytes();
    for (const opening of [
      'COPY t (a) FROM stdin;\n',
      "\n\\.\nSELECT '",
      '\', "',
      '", $a$',
      '$a$, /*',
      '*/, ',
    ]) {
      pushed(opening);
      for (let count = 0; count < 20; count += 1) scanner.push(filler);
      expect(heapBytes() - before, `after ${opening}`).toBeLessThan(15_000_000);
    }
    pushed(';\nCREATE TABLE last (a int);\n');
    expect(scanner.finish()).toMatchObject({ rows: { t: 1 }, tables: ['last'] });
  });
});

describe('end marker', () => {
  test.each([
    ['with \\unrestrict', `${header}${trailer}`],
    ['as before August 2025', '--\n-- PostgreSQL database dump complete\n--\n\n'],
    ['followed by comments', '-- PostgreSQL database dump complete\n\n-- Completed on 2026-11-23\n/* ; */\n'],
    [
      'once more, as pg_dumpall has it',
      '-- PostgreSQL database dump complete\n\\connect x\nSELECT 1;\n-- PostgreSQL database dump complete\n--\n-- PostgreSQL database cluster dump complete\n--\n',
    ],
  ])('is the end: %s', (_, dump) => {
    expect(endOf(dump)).toBe('end');
  });

  test.each([
    ['of a statement', `${header}${trailer}SELECT 1;\n`],
    ['of COPY data', `${header}${trailer}COPY t (a) FROM stdin;\n\\.\n`],
    ['of a meta-command', `${header}${trailer}\\connect other\n`],
  ])('is followed: by the whole %s', (_, dump) => {
    expect(endOf(dump)).toBe('followed');
  });

  test.each([
    ['nothing', ''],
    ['in COPY data', 'COPY t (a) FROM stdin;\n--\n-- PostgreSQL database dump complete\n--\n'],
    ['in a string', "SELECT '\n--\n-- PostgreSQL database dump complete\n--\n"],
    ['in a quoted name', 'SELECT "\n-- PostgreSQL database dump complete\n'],
    ['in a dollar string', 'SELECT $x$\n-- PostgreSQL database dump complete\n$y$\n'],
    ['in a comment', '/* /* */\n-- PostgreSQL database dump complete\n'],
    ['in a body', 'CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;\n-- PostgreSQL database dump complete\n'],
    ['in a statement', 'CREATE TABLE t (\n-- PostgreSQL database dump complete\n'],
    ['in a statement that ends', 'CREATE TABLE t (\n-- PostgreSQL database dump complete\n);\n'],
    ['not on a line of its own', 'SELECT 1; -- PostgreSQL database dump complete\n'],
    ['without its line end', '--\n-- PostgreSQL database dump complete'],
    ['with more text', '-- PostgreSQL database dump completed\n'],
    ['before half a statement', `${header}${trailer}SELECT`],
    ['before half of COPY data', `${header}${trailer}COPY t (a) FROM stdin;\n1\n`],
    ['without the \\unrestrict that is due', `${header}-- PostgreSQL database dump complete\n`],
    ['with another \\unrestrict', `${header}${trailer.replace('Tok3n', 'Tok3')}`],
  ])('is absent: %s', (_, dump) => {
    expect(endOf(dump)).toBe('absent');
  });

  test('is absent wherever the dump is cut', () => {
    const bytes = Buffer.from(hostile);
    const blankLines = '\n\n'.length;
    for (let length = 0; length < bytes.length - blankLines; length += 1) {
      expect(scan(bytes.subarray(0, length)).endMarker, `cut at ${length}`).toBe('absent');
    }
    expect(scan(bytes.subarray(0, bytes.length - blankLines)).endMarker).toBe('end');
  });
});

describe('what no server takes is refused, by the restore too', () => {
  const whole = `${header}${'-- further than the head\n'.repeat(20)}CREATE TABLE public.t (a text);
COPY public.t (a) FROM stdin;
one
two
\\.
CREATE INDEX i ON public.t USING btree (a);
${trailer}`;
  const lineAfter = (line: string) => whole.indexOf(line) + line.length;

  test.each([
    ['messages of pg_dump', 'a text);\n', 'pg_dump: warning: there are circular foreign-key constraints\n'],
    ['messages of docker', 'btree (a);\n', 'WARN[0000] the attribute `version` is obsolete\n'],
    ['rows without their COPY', 'btree (a);\n', '17\tthree;\n'],
    ['messages within a statement', 'public.t (', '\npg_dump: warning: there are circular constraints\n'],
    ['messages within a word', 'ON pub', 'NOTICE:  identifier will be truncated\n'],
    ['messages within a value', 'CREATE INDEX i', "; INSERT INTO public.t VALUES ('a', 1WARNING:  x\n2"],
    ['the rest of another statement', 'ON public.t ', 'CREATE INDEX j ON public.t '],
    ['a setting that goes on', 'standard_conforming_strings = on', ' = off'],
    ['a list that ends with a comma', 'a text', ','],
    ['a second parenthesis', 'a text', ')'],
    ['\\restrict within another', '-- further than the head\n', '\\restrict other\n'],
    ['bytes of zero in rows', 'one\n', '\0\0\0\0'],
    ['bytes of zero in a statement', 'CREATE INDEX ', '\0'],
  ])('%s', (_, after, added) => {
    const dump = whole.slice(0, lineAfter(after)) + added + whole.slice(lineAfter(after));
    const { refused } = scan(dump);
    expect(refused).toBeDefined();
    expect(scan(dump, [lineAfter(after) + 1])).toEqual(scan(dump));
    expect(() => new DumpSplitter().push(Buffer.from(dump))).toThrow(
      expect.objectContaining({ found: expect.stringContaining(refused?.found ?? '') }),
    );
  });

  test('and nothing else', () => {
    expect(scan(whole).refused).toBeUndefined();
    for (const sql of [
      ...[
        ';',
        '(SELECT 1);',
        'table public.t;',
        'DO $$BEGIN END$$;',
        'VALUES (1);',
        'GRANT SELECT, CREATE ON x TO y;',
      ],
      ...["SELECT JSON_OBJECT('a' : 1), a[1:2], b[:], f(c := 1), x::text, 'x'::text;", 'SELECT 1 AS create;'],
      ...[
        'SET x.y TO \'a\', "b", c;',
        'SET LOCAL a = -1;',
        'SET SESSION AUTHORIZATION DEFAULT;',
        'SET TIME ZONE 0;',
      ],
      ...['ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO x;', "INSERT INTO t VALUES ('a'::x, ':');"],
    ])
      expect(scan(sql).refused, sql).toBeUndefined();
  });

  test('nor \\unrestrict where its \\restrict is missing, or has another token', () => {
    for (const dump of [
      whole.replace('\\restrict Tok3n', ''),
      whole.replace('\\unrestrict Tok3n', '\\unrestrict x'),
    ]) {
      const refused = expect.objectContaining({ found: expect.stringContaining('restrict') });
      expect(scan(dump).refused).toEqual(refused);
      for (let at = 1; at < dump.length; at += 5)
        expect(scanParts(Buffer.from(dump), [at]).inventory).toEqual(scan(dump));
      const splitter = new DumpSplitter();
      splitter.push(Buffer.from(dump));
      expect(() => splitter.finish()).toThrow(refused);
    }
  });
});

describe('what keys and views count on', () => {
  const table = (name: string, rows?: string) =>
    `CREATE TABLE public.${name} (id integer);\n${rows === undefined ? '' : `COPY public.${name} (id) FROM stdin;\n${rows}\\.\n`}`;
  const key = (from: string, to: string, more = '') =>
    `ALTER TABLE ONLY public.${from} ADD CONSTRAINT k FOREIGN KEY (id) REFERENCES public.${to}(id)${more};\n`;
  const attached = 'ALTER TABLE ONLY public.whole ATTACH PARTITION public.part FOR VALUES IN (1);\n';
  const view = (from: string) => `CREATE VIEW public.v AS\n SELECT ${from};\n`;
  const rows = 'rows of public.a, to which those of public.b refer';

  test.each([
    [rows, table('a') + table('b', '1\n') + key('b', 'a')],
    [rows, `CREATE EXTENSION pg_trgm;\n${table('a')}${table('b', '1\n')}${key('b', 'a')}`],
    [
      'rows of public.whole, to which those of public.b refer',
      table('whole') + table('part') + attached + table('b', '1\n') + key('b', 'whole'),
    ],
    [
      'rows of public.a, to which those of public.whole refer',
      table('a') + table('whole') + table('part', '1\n') + attached + key('whole', 'a'),
    ],
    ['table public.a', `CREATE EXTENSION pg_trgm;\n${table('b', '')}${key('b', 'a')}`],
    [
      'table public.a',
      `CREATE EXTENSION pg_trgm;\n${view('b.id FROM (public.b b JOIN public.a USING (id))')}`,
    ],
    [
      'table public.a',
      table('b') + view('b.id FROM ((public.b b JOIN public.b c USING (id)) JOIN public.a USING (id))'),
    ],
    ['table public.a', view('( SELECT max(a.id) AS max FROM ONLY public.a)')],
  ])('is missed: %s', (what, sql) => {
    const dump = `${header}${sql}${trailer}`;
    expect(missingParts(scan(dump), undefined)).toEqual([
      expect.objectContaining({ found: expect.stringContaining(what) }),
    ]);
    expect(missingParts(scan(dump), scan(dump))).toEqual([]);
    for (let at = 1; at < dump.length; at += 3)
      expect(scanParts(Buffer.from(dump), [at]).inventory).toEqual(scan(dump));
  });

  test.each([
    ['the rows are there', table('a', '1\n') + table('b', '1\n') + key('b', 'a')],
    [
      'they are in a partition',
      table('whole') + table('part', '1\n') + attached + table('b', '1\n') + key('b', 'whole'),
    ],
    [
      'they came by the whole',
      table('whole', '1\n') + table('part') + attached + table('b', '1\n') + key('b', 'part'),
    ],
    ['none refer', table('a') + table('b', '') + key('b', 'a')],
    ['they refer to each other', table('a', '1\n') + key('a', 'a')],
    ['nobody looks', table('a') + table('b', '1\n') + key('b', 'a', ' NOT VALID')],
    [
      'INSERTs leave no trace of an empty table',
      `${table('a')}${table('b')}INSERT INTO public.b VALUES (NULL);\n${key('b', 'a')}`,
    ],
    [
      'it is a column',
      table('b') +
        view("EXTRACT(epoch FROM b.x), b.a IS DISTINCT FROM b.c, TRIM(BOTH 'x' FROM b.d) FROM public.b"),
    ],
    ["it is the server's", view('x FROM pg_catalog.pg_class JOIN information_schema.tables USING (x)')],
    [
      'an extension may make it',
      `CREATE EXTENSION postgis;\n${table('b', '')}${key('b', 'spatial_ref_sys')}`,
    ],
  ])('is not missed where %s', (_, sql) => {
    expect(missingParts(scan(`${header}${sql}${trailer}`), undefined)).toEqual([]);
  });
});

describe('text in another encoding than it says', () => {
  const dumpIn = (encoding: string, row: string, more = '') =>
    Buffer.from(
      `${header}SET client_encoding = '${encoding}';\nCREATE TABLE public.t (\n    a text\n);\n${more}COPY public.t (a) FROM stdin;\n${row}\n\\.\n${trailer}`,
      'latin1',
    );
  const restore = (dump: Buffer) => new DumpSplitter().push(dump);
  const refused = expect.objectContaining({ found: expect.stringContaining('no UTF-8') });

  test.each([
    ['rows', dumpIn('UTF8', 'caf\xe9')],
    ['a name', dumpIn('UTF8', 'x', 'CREATE TABLE public."caf\xe9" (\n);\n')],
    ['a string', dumpIn('UTF8', 'x', "COMMENT ON TABLE public.t IS 'caf\xe9';\n")],
    ['half a character', dumpIn('UTF8', '\xe4\xb8')],
    ['half a pair', dumpIn('UTF8', '\xed\xa0\x80')],
  ])('%s', (_, dump) => {
    expect(scan(dump).refused).toEqual(refused);
    expect(() => restore(dump)).toThrow(refused);
    for (let at = 1; at < dump.length; at += 1) {
      expect(scan(dump, [at]).refused, `in two at ${at}`).toEqual(refused);
      expect(scanParts(dump, [at]).inventory, `in parts at ${at}`).toEqual(scan(dump));
    }
  });

  test('and nothing else', () => {
    for (const dump of [
      dumpIn('UTF8', Buffer.from('café 中 😀').toString('latin1')),
      dumpIn('LATIN1', 'caf\xe9'),
      dumpIn('SQL_ASCII', 'caf\xe9'),
      dumpIn('EUC_JP', '\xc6\xfc'),
    ]) {
      const whole = scan(dump);
      expect(whole.refused).toBeUndefined();
      expect(() => restore(dump)).not.toThrow();
      for (let at = 1; at < dump.length; at += 1)
        expect(scanParts(dump, [at]).inventory, `in parts at ${at}`).toEqual(whole);
    }
  });
});

describe('garbage', () => {
  const snippets = fc.constantFrom(
    ...[
      'COPY t FROM stdin;\n',
      '\\.\n',
      "'",
      '"',
      '$',
      '$a$',
      '--',
      '/*',
      '*/',
      '\n',
      '(',
      ')',
      ';',
      '\\',
      "E'",
    ],
    ...[
      'CREATE TABLE ',
      'INSERT INTO t VALUES',
      'ALTER TABLE a ',
      'BEGIN',
      'END',
      'CREATE FUNCTION',
      'OWNER TO ',
    ],
    ...['__proto__', ' ON ', 'a', '.', '1', ',', 'GRANT ', 'TO ', 'CONSTRAINT ', 'SET ', '\0', '\xff'],
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(snippets, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(''), 'latin1')),
  );

  test('gives an inventory without end, the same for any chunks', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(300), { maxLength: 20 }), (garbage, cuts) => {
        const whole = scan(garbage);
        expect(whole.endMarker).toBe('absent');
        expect(scan(garbage, cuts)).toEqual(whole);
        expect(
          scan(
            garbage,
            Array.from(garbage, (_, at) => at),
          ),
        ).toEqual(whole);
      }),
      { numRuns: often(500, 2000) },
    );
  });

  test('in names costs no more than its length', () => {
    // A doubled quote can be read in two ways, and 500 of them in more ways than there is time.
    const name = `"${'""'.repeat(500)}x"`;
    expect(scan(`CREATE INDEX i ON ${name} (a);\nCREATE INDEX j ON ${name}.t (a);\n`).indexes).toEqual([
      'i',
      `${name}.j`,
    ]);
  });
});
