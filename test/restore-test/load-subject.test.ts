// Rows that count on psql's order in a way that nobody can see beforehand: refused to several sessions, they are loaded
// again by one, and the archive is blamed only where that fails, too.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SourceDatabase } from '../../lib/archive/source-database.ts';
import { query } from '../../lib/postgres/programs.ts';
import { statementError } from '../../lib/postgres/statement-error.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import type { RestoreReport } from '../../lib/report/report.ts';
import { particularsOf } from '../../lib/report/words.ts';
import { orderMayExplain } from '../../lib/restore/load-order.ts';
import { restoreTestMail } from '../../lib/restore-test/mail.ts';
import { tryRestore } from '../../lib/restore-test/restore-test.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { noChecks } from '../fixtures/no-checks.ts';
import { dumpOf } from '../fixtures/postgres.ts';

let aws: LocalAws;
let store: ArchiveStore;
let server: ThrowawayPostgres;
let minute = 60;
const newest = new Date('2026-11-22T03:00:00Z');

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  server = await startThrowawayPostgres({ tuned: true, superuser: 'offsite_hidden' });
  await loadCorpus(server.connection, { torrents: 100, database: 'bitagent', asof: newest });
});
afterAll(async () => {
  await server.stop();
  await aws.stop();
});

async function dumpedFrom(sql: string): Promise<Buffer> {
  await query(server.connection, 'DROP DATABASE IF EXISTS origin WITH (FORCE)');
  await query(server.connection, 'CREATE DATABASE origin TEMPLATE bitagent');
  await query(server.connection, sql, { database: 'origin' });
  return dumpOf({ via: 'server', env: { ...server.connection.env, PGDATABASE: 'origin' } }, ['--no-owner']);
}

/** On the server that is here anyway. */
async function tested(
  dump: Buffer,
  { database, checks }: { database?: SourceDatabase; checks?: typeof noChecks } = {},
): Promise<{ report: RestoreReport; log: string }> {
  // Each before the one before: no other's objects are expected of it.
  minute -= 1;
  const takenAt = new Date(newest.getTime() + minute * 60_000);
  const { id } = await storeArchive(store, { dump, takenAt, manifest: { database } });
  const lines: string[] = [];
  const report = await tryRestore({
    store,
    archiveId: id,
    startServer: async () => ({ ...server, stop: async () => undefined }),
    now: () => new Date(),
    log: (line) => lines.push(line),
    sessions: 2,
    checks,
  });
  await query(server.connection, 'DROP DATABASE restore_test WITH (FORCE)');
  return { report, log: lines.join('\n') };
}

const large = `CREATE TABLE a (id int, padding text);
  INSERT INTO a SELECT id, repeat('x', 100) FROM generate_series(1, 15000) id;`;
/** An index whose function wants another one, and raises what it likes; in the order of the dump, that is there. */
const dependent = `CREATE TABLE b AS SELECT id, repeat('x', 4000) AS padding FROM generate_series(1, 500) id;
     CREATE FUNCTION wants(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
       IF NOT EXISTS (SELECT FROM pg_catalog.pg_indexes WHERE indexname = 'a_first') THEN RAISE 'no index' USING ERRCODE = 'XY123'; END IF;
       RETURN $1; END $$;
     CREATE FUNCTION waits(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
       WHILE $1 = 1 AND (SELECT count(*) > 1 AND bool_and(query !~ 'b_second' OR state = 'active')
         FROM pg_catalog.pg_stat_activity WHERE application_name = 'offsite restore')
       LOOP PERFORM pg_catalog.pg_sleep(0.01); PERFORM pg_catalog.pg_stat_clear_snapshot(); END LOOP;
       RETURN $1; END $$;
     CREATE INDEX a_first ON a (waits(id)); CREATE INDEX b_second ON b (wants(id));`;

describe('loaded again, in order', () => {
  it('is what counts on the order of the dump, and says so', async () => {
    const { report, log } = await tested(await dumpedFrom(`${large} ${dependent}`));
    expect(log).toMatch(/by 2 sessions: line \d+: ERROR: no index.*; once more, in its own order/);
    expect(report).toMatchObject({ outcome: 'passed', restoration: { way: 'one session', sessions: 1 } });
    expect(
      particularsOf(report)
        .map(([, said]) => said)
        .join(),
    ).toMatch(/in [^,]+, by one session, as psql alone would: its rows depend on each other, and 2 sessions/);
  });

  it('what no order makes true: then the archive is blamed', async () => {
    const dump = await dumpedFrom(
      `${large} CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1), (2);`,
    );
    const twice = Buffer.from(dump.toString('latin1').replace('\n1\n2\n', '\n1\n1\n'), 'latin1');
    const { report } = await tested(twice);
    expect(report).toMatchObject({
      outcome: 'failed',
      failure: { code: 'RESTORE_FAILED', found: expect.stringMatching(/could not create unique index/) },
      restoration: { way: 'one session', because: '2 sessions failed, and so did it' },
    });
    expect(restoreTestMail(report).text).toMatch(/did NOT pass/);
  });
});

describe('text in partitions by its order', () => {
  const source = {
    name: 'origin',
    encoding: 'UTF8',
    localeProvider: 'icu',
    collate: 'C',
    ctype: 'C',
    locale: 'en-US',
    owner: 'x',
    settings: [],
  };
  const hasIcu = async () =>
    (await query(server.connection, `SELECT 1 FROM pg_collation WHERE collprovider = 'i'`)).length > 0;
  const withoutIcu = 'this Postgres is built without ICU, and no locale but the system’s is to be had';
  let dump: Buffer;
  beforeAll(async () => {
    if (!(await hasIcu())) return console.warn(`SKIPPED: ${withoutIcu}`);
    await query(server.connection, 'DROP DATABASE IF EXISTS origin WITH (FORCE)');
    await query(
      server.connection,
      `CREATE DATABASE origin TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
    const sql = `CREATE TABLE torrents AS SELECT 1 AS info_hash; CREATE TABLE words (w text) PARTITION BY RANGE (w);
      CREATE TABLE words_1 PARTITION OF words FOR VALUES FROM ('a') TO ('N');
      CREATE TABLE words_2 PARTITION OF words FOR VALUES FROM ('N') TO ('zz'); INSERT INTO words VALUES ('Banana'), ('pear')`;
    await query(server.connection, sql, { database: 'origin' });
    const env = { ...server.connection.env, PGDATABASE: 'origin' };
    dump = await dumpOf({ via: 'server', env }, ['--no-owner']);
  });

  it('is loaded again in the locale of its source, or in what is nearest', async (test) => {
    if (dump === undefined) return test.skip(withoutIcu);
    for (const [database, words] of [
      [source, /depend on each other or on encoding UTF8, locale en-US of icu, and/],
      [
        { ...source, localeProvider: 'libc', collate: 'xx_XX.utf8', ctype: 'xx_XX.utf8', locale: undefined },
        /locale xx_XX\.utf8 of libc \(made here with ICU’s xx-XX\)/,
      ],
    ] as const) {
      const { report } = await tested(dump, { database, checks: noChecks });
      expect(report).toMatchObject({
        outcome: 'passed',
        restoration: { because: expect.stringMatching(words) },
      });
    }
  });

  it('says nothing against the archive where that is not to be had', async (test) => {
    if (dump === undefined) return test.skip(withoutIcu);
    const misplaced = Buffer.from(dump.toString().replace('\nBanana\n', '\nzebra\n'));
    const database = {
      ...source,
      localeProvider: 'libc',
      collate: 'xx_XX.utf8',
      ctype: 'xx_XX.utf8',
      locale: undefined,
    };
    const { report } = await tested(misplaced, { database, checks: noChecks });
    expect(report).toMatchObject({ outcome: 'failed', failure: { code: 'LOCALE_MISSING' } });
    expect(restoreTestMail(report).text.replaceAll(/\s+/g, ' ')).toMatch(/broke off: nothing is proven/);
    // Where it is to be had, it is the archive's fault.
    const { report: blamed } = await tested(misplaced, { database: source, checks: noChecks });
    expect(blamed).toMatchObject({ outcome: 'failed', failure: { code: 'RESTORE_FAILED' } });
  });
});

it('rows that call what only a superuser may do say nothing against the archive', async () => {
  const dump = await dumpedFrom(
    `CREATE FUNCTION readable(text) RETURNS bool LANGUAGE sql AS 'SELECT length(pg_catalog.pg_read_file($1)) > 0';
     CREATE TABLE b (name text CHECK (readable(name))); INSERT INTO b VALUES ('PG_VERSION')`,
  );
  const { report } = await tested(dump, { checks: noChecks });
  expect(report).toMatchObject({ outcome: 'failed', failure: { code: 'SUPERUSER_NEEDED' } });
  expect(restoreTestMail(report).text.replaceAll(/\s+/g, ' ')).toMatch(/broke off: nothing is proven/);
});

describe('orderMayExplain', () => {
  const said = (code: string, where?: string) => {
    const refusal = { severity: 'ERROR', code, message: 'm', where };
    return orderMayExplain(statementError(refusal, 1, Buffer.from('COPY t FROM stdin')));
  };

  it.each([
    '23502',
    '23503',
    '23505',
    '23514',
    '23P01',
    'P0001',
    '22012',
    '40P01',
    '40001',
    '55P03',
    '21000',
  ])('%s', (code) => expect(said(code, 'COPY b, line 1: "1"')).toBe(true));

  it('whatever a function raises', () => {
    expect(said('XY123', 'PL/pgSQL function public.f(integer) line 1 at RAISE')).toBe(true);
    expect(
      said(
        '22P02',
        'PL/pgSQL function public.f(integer) line 1 at assignment\nCOPY b, line 1, column id: "x"',
      ),
    ).toBe(true);
  });

  it.each([
    ['22P02', 'COPY b, line 1, column id: "x"'],
    ['22P04', 'COPY b, line 7, column id: "x"'],
    ['42501', undefined],
    ['42601', undefined],
    ['53100', 'COPY b, line 1'],
    ['42P01', undefined],
  ])('not %s of %s', (code, where) => expect(said(code, where)).toBe(false));

  it('not what is no refusal of a statement', () => {
    expect(orderMayExplain(new Error('23505'))).toBe(false);
  });
});
