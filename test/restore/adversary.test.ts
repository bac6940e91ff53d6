// Dumps by somebody who has taken over the host, restored by a real psql on the operator's machine. Each would run a
// program there, and hides its command from whoever reads the dump beside psql: where a string ends depends on settings
// and encodings that only psql follows to the end. Each tries to make a file, and after each there is none.

import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clientCommand, findPostgresPrograms } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { restore } from '../../lib/restore/restore.ts';
import type { Restored } from '../../lib/restore/restoring.ts';
import { asked, inPieces } from '../fixtures/postgres.ts';

let server: ThrowawayPostgres;
let folder: string;
let trace: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'offsite-adversary-'));
  await chmod(folder, 0o777);
  trace = join(folder, 'trace');
  server = await startThrowawayPostgres({ tuned: true });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  const ran = existsSync(trace);
  await rm(trace, { force: true });
  await asked(server.connection, 'DROP DATABASE IF EXISTS victim WITH (FORCE)');
  expect(ran).toBe(false);
});

const table = 'CREATE TABLE public.rows (one text);\n';

/** Text of which a byte is a byte. */
function dumpOf(text: string): Buffer {
  return Buffer.from(table + text.replaceAll('TRACE', trace), 'latin1');
}

function restoring(dump: Buffer, options: { binDir?: string; pieceBytes?: number } = {}): Promise<Restored> {
  return restore({
    connection: server.connection,
    database: 'victim',
    dump: inPieces(dump, options.pieceBytes ?? 64),
    binDir: options.binDir,
  });
}

/** To a reader that takes every backslash for a letter, the command stands in a string; to psql it does not. */
const hidden = (setting: string) => (command: string) =>
  `${setting}\nSELECT '\\'';\n${command}\nSELECT '' --'\n;\n`;

/** Two bytes that are one character, the second of them a backslash's: to a reader of bytes it escapes the quote. */
const inEncoding = (encoding: string, character: string) => (command: string) =>
  `SET client_encoding = '${encoding}';\nSELECT E'${character}';\n${command}\nSELECT '' --'\n;\n`;

const disguises: readonly [string, (command: string) => string][] = [
  ['no disguise', (command) => `${command}\n`],
  ['a setting in lower case', hidden('set standard_conforming_strings = off;')],
  ['a setting in quotes', hidden("SET standard_conforming_strings = 'off';")],
  ['a setting by a word', hidden('SET standard_conforming_strings TO false;')],
  ['a setting in quotes of its own', hidden('SET "standard_conforming_strings" = off;')],
  ['set_config', hidden("SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false);")],
  [
    'DO',
    hidden("DO $$ BEGIN PERFORM pg_catalog.set_config('standard_conforming_strings', 'off', false); END $$;"),
  ],
  [
    'a role’s setting',
    hidden(
      'ALTER ROLE postgres SET standard_conforming_strings = off;\nSET ROLE postgres;\nSET SESSION AUTHORIZATION DEFAULT;\nset standard_conforming_strings = off;',
    ),
  ],
  ['RESET', hidden('ALTER ROLE postgres RESET ALL;\nset session standard_conforming_strings = off;')],
  ['SJIS', inEncoding('SJIS', '\x83\x5c')],
  ['BIG5', inEncoding('BIG5', '\xa4\x5c')],
  ['GBK', inEncoding('GBK', '\x81\x5c')],
  ['UHC', inEncoding('UHC', '\x81\x5c')],
  ['GB18030', inEncoding('GB18030', '\x81\x5c')],
];

const commands: readonly string[] = [
  '\\! touch TRACE',
  '\\o |touch TRACE\nSELECT 1;\n\\o',
  "\\copy public.rows to program 'touch TRACE'",
  "\\copy public.rows from program 'touch TRACE'",
  'SELECT 1 \\g |touch TRACE',
  'SELECT 1 \\gx TRACE',
  '\\set x `touch TRACE`',
  '\\setenv PAGER `touch TRACE`',
  '\\w TRACE',
  '\\i /etc/passwd\n\\! touch TRACE',
  '\\connect postgres\n\\! touch TRACE',
  '\\unrestrict a\n\\! touch TRACE',
  '\\restrict a\n\\unrestrict a\n\\! touch TRACE',
  '\\restrict a `touch TRACE`',
  '\\unrestrict :restrict_key\n\\! touch TRACE',
  '\\unrestrict `touch TRACE`',
  '\\unrestrict a`touch TRACE`',
  'SELECT 1 \\unrestrict "x" `touch TRACE`',
  "\\unrestrict 'x'`touch TRACE`'",
];

describe('a dump that would run a program', () => {
  const [, lowerCase] = disguises[1] ?? [];
  it.each(disguises)('under %s', async (_, disguise) => {
    const restored = restoring(dumpOf(disguise('\\! touch TRACE')));
    await expect(restored).rejects.toMatchObject({
      code: expect.stringMatching(/^RESTORE_(REFUSED|FAILED)$/),
    });
  });

  it.each(commands)('%j', async (command) => {
    for (const text of [`${command}\n`, lowerCase?.(command) ?? '']) {
      await expect(restoring(dumpOf(text)), text).rejects.toMatchObject({ code: 'RESTORE_REFUSED' });
    }
  });

  it('in the middle of rows, and where rows are not', async () => {
    for (const text of [
      'COPY public.rows (one) FROM stdin;\nx\n\\.\n\\! touch TRACE\n',
      'COPY public.rows (one) FROM stdin; \\! touch TRACE\nx\n\\.\n',
      "copy public.rows from stdin where one <> ';\n\\! touch TRACE\n';\nx\n\\.\n",
      'COPY public.missing FROM stdin;\n\\! touch TRACE\n\\.\n',
      'SELECT $$ ; $$; \\! touch TRACE\n',
    ]) {
      // One of them is a string to psql, too, and is restored.
      await restoring(dumpOf(text), { pieceBytes: 1 }).catch(() => undefined);
      await asked(server.connection, 'DROP DATABASE IF EXISTS victim WITH (FORCE)');
      expect(existsSync(trace), text).toBe(false);
    }
  });

  it('holds strangers’ text that looks like it, and keeps it to the letter', async () => {
    const name = 'a\\unrestrict `touch TRACE` \\';
    const copied = name.replaceAll('\\', '\\\\');
    const text = `COPY public.rows (one) FROM stdin;\n${copied}\n\\.\nINSERT INTO public.rows VALUES ('${name}');\n`;
    for (const pieceBytes of [1, 7, 4096]) {
      await restoring(dumpOf(text), { pieceBytes });
      const rows = await asked(server.connection, 'SELECT DISTINCT one FROM rows', { database: 'victim' });
      expect(rows).toEqual([[name.replace('TRACE', trace)]]);
      await asked(server.connection, 'DROP DATABASE victim WITH (FORCE)');
    }
  });

  it('makes its file where nothing restricts it: the disguises are no fancies', async () => {
    const command = clientCommand(server.connection, 'psql', ['-X', '-f', '-']);
    for (const [name, disguise] of disguises) {
      await execa(command.program, command.args, {
        env: command.env,
        extendEnv: false,
        input: dumpOf(`DROP TABLE public.rows;\n${disguise('\\! touch TRACE')}`),
        reject: false,
      });
      expect(existsSync(trace), name).toBe(true);
      await rm(trace);
    }
  });
});

describe('the recipe of docs/format.md', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/format.md'), 'utf8');
  const recipe = /^ {4}\{ printf[\s\S]*?-d bitmagnet_new$/m.exec(text)?.[0] ?? '';

  async function byHand(dump: Buffer): Promise<number | undefined> {
    await asked(server.connection, 'CREATE DATABASE victim');
    const file = join(folder, 'dump.sql.gz');
    await writeFile(file, gzipSync(dump));
    const line = recipe.replace('FILE', file).replace('bitmagnet_new', 'victim');
    const env = { ...server.connection.env, PATH: `${findPostgresPrograms()}:${process.env.PATH}` };
    return (await execa('sh', ['-c', line], { env, reject: false, stdout: 'ignore' })).exitCode;
  }

  it('runs nothing that a dump names', async () => {
    for (const [name, disguise] of disguises) {
      for (const command of ['\\! touch TRACE', '\\unrestrict `touch TRACE`']) {
        await byHand(dumpOf(disguise(command)));
        await asked(server.connection, 'DROP DATABASE victim WITH (FORCE)');
        expect(existsSync(trace), name).toBe(false);
      }
    }
  });

  it('restores what pg_dump writes', async () => {
    const rows = '\\restrict a\nx\\\\unrestrict `y`\n\\.\n';
    const dump = `--\n-- PostgreSQL database dump\n--\n\n\\restrict Tok3n\n\n\n\n\n${table}COPY public.rows (one) FROM stdin;\n${rows}\n\\unrestrict Tok3n\n\n`;
    expect(await byHand(Buffer.from(dump, 'latin1'))).toBe(0);
    expect(
      await asked(server.connection, 'SELECT one FROM rows ORDER BY one', { database: 'victim' }),
    ).toEqual([['\restrict a'.replace('\\r', '\r')], ['x\\unrestrict `y`']].toSorted());
  });
});

describe('what psql tells of itself', () => {
  it('a command is refused by psql, with the dump’s line', async () => {
    // What a server does when it runs something, no reader of text can know.
    const [, disguise] = disguises.find(([name]) => name === 'DO') ?? [];
    const dump = dumpOf(disguise?.('\\! touch TRACE') ?? '');
    await expect(restoring(dump)).rejects.toMatchObject({
      code: 'RESTORE_REFUSED',
      found: expect.stringMatching(/^psql:<stdin>:4: .*restricted/),
    });
  });

  /** A psql from before `\restrict` is not to be had here: a real one that is asked for another word stands for it. */
  async function olderPsql(): Promise<string> {
    const real = join(findPostgresPrograms() ?? '', 'psql');
    const binDir = await mkdtemp(join(folder, 'older-'));
    const script = [
      '#!/bin/sh',
      `sed -u '1s/.restrict /\\\\restrict_ /' | "${real}" "$@" 2> "$0.said"`,
      'ended=$?',
      `sed 's/restrict_/restrict/' "$0.said" >&2`,
      'exit $ended',
    ];
    await writeFile(join(binDir, 'psql'), `${script.join('\n')}\n`, { mode: 0o755 });
    return binDir;
  }

  it('one that is too old gets nothing of the dump, and is told by its version', async () => {
    const error = await restoring(dumpOf('SELECT 1;\n'), { binDir: await olderPsql() }).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'PSQL_TOO_OLD',
      expected: expect.stringContaining('15.14, 16.10'),
      hint: expect.stringContaining('postgresql-client'),
    });
  });
});
