// Databases that a restore test must not fail for what its own sandbox is: rows that their owner may not see, objects of many
// owners, what only a superuser may make, schemas that are not BitAgent's newest. Each was restored faithfully once, and
// then told to be relied on no more.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accept } from '../../lib/archive/accept.ts';
import { splitName } from '../../lib/archive/comparison.ts';
import { ask } from '../../lib/postgres/session.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import type { RestoreReport } from '../../lib/report/report.ts';
import { compareWithInventory } from '../../lib/restore/compare.ts';
import { restoreTestMail } from '../../lib/restore-test/mail.ts';
import { tryRestore } from '../../lib/restore-test/restore-test.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { scan, storeArchive } from '../fixtures/archive.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { isLong, often } from '../fixtures/often.ts';
import { asked, dumpOf, inventoryOf } from '../fixtures/postgres.ts';

let aws: LocalAws;
let store: ArchiveStore;
let origin: ThrowawayPostgres;
let minute = 1000;
let takenAt: Date;

const newest = new Date('2026-11-22T03:00:00Z');

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  origin = await startThrowawayPostgres({ tuned: true, settings: { allow_in_place_tablespaces: 'on' } });
  await loadCorpus(origin.connection, { torrents: 300, asof: newest });
});
afterAll(async () => {
  await origin.stop();
  await aws.stop();
});
// Each is taken before those of the tests before it: no other's objects are expected of it.
beforeEach(() => {
  minute -= 10;
  takenAt = new Date(newest.getTime() + minute * 60_000);
});

/** A BitAgent database of its own, changed by SQL, dumped as a superuser does. */
async function dumpWith(database: string, sql: string, args: readonly string[] = []): Promise<Buffer> {
  await asked(origin.connection, `CREATE DATABASE ${database} TEMPLATE bitmagnet OWNER bitmagnet`);
  for (const statement of sql.split(';;')) await asked(origin.connection, statement, { database });
  const env = { ...origin.connection.env, PGDATABASE: database };
  return dumpOf({ via: 'server', env }, args);
}

function testing(archiveId: string): Promise<RestoreReport> {
  return tryRestore({
    store,
    archiveId,
    startServer: () => startThrowawayPostgres({ tuned: true, superuser: 'offsite_hidden' }),
    now: () => new Date(),
  });
}

const skippedOf = ({ skipped }: RestoreReport) =>
  (skipped?.first ?? []).map(({ what, why }) => `${what}: ${why}`);

const owners = `
CREATE ROLE other; CREATE ROLE third;
CREATE SCHEMA shared AUTHORIZATION other;
GRANT USAGE ON SCHEMA shared TO third, bitmagnet;
CREATE TABLE shared.a (id int PRIMARY KEY); ALTER TABLE shared.a OWNER TO third;
INSERT INTO shared.a SELECT generate_series(1, 9);
CREATE TABLE shared.b (id int REFERENCES shared.a); ALTER TABLE shared.b OWNER TO bitmagnet;
INSERT INTO shared.b SELECT generate_series(1, 7);
CREATE MATERIALIZED VIEW shared.m AS SELECT count(*) FROM shared.b;
ALTER MATERIALIZED VIEW shared.m OWNER TO third;
GRANT SELECT ON shared.b TO third;
REVOKE SELECT ON shared.a FROM third;
CREATE TABLE shared.secret (id int); ALTER TABLE shared.secret OWNER TO bitmagnet;
INSERT INTO shared.secret SELECT generate_series(1, 5);
ALTER TABLE shared.secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE shared.secret FORCE ROW LEVEL SECURITY`;

const partitions = `
CREATE TYPE public.mood AS ENUM ('good', 'bad', 'none');
CREATE TABLE public.moods (mood mood, n int) PARTITION BY HASH (mood);
CREATE TABLE public.moods_0 PARTITION OF public.moods FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE public.moods_1 PARTITION OF public.moods FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO public.moods SELECT (ARRAY['good','bad','none'])[1 + n % 3]::mood, n FROM generate_series(1, 60) n;
CREATE INDEX moods_n ON ONLY public.moods (n);
CREATE TYPE public.person AS (name text, age int);
CREATE TABLE public.people OF public.person (CONSTRAINT people_age CHECK (age > 0));
INSERT INTO public.people VALUES ('a', 1)`;

const superusers = `
CREATE TYPE public.shell;
CREATE TYPE public.pair;
CREATE FUNCTION public.pair_in(cstring) RETURNS pair LANGUAGE internal IMMUTABLE STRICT AS 'point_in';
CREATE FUNCTION public.pair_out(pair) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'point_out';
CREATE TYPE public.pair (INPUT = pair_in, OUTPUT = pair_out, INTERNALLENGTH = 16, ALIGNMENT = double, ELEMENT = float8);
CREATE TABLE public.of_pairs (id int CONSTRAINT of_pairs_key PRIMARY KEY, one pair);
INSERT INTO public.of_pairs VALUES (1, '(1,2)');
CREATE INDEX of_pairs_id ON public.of_pairs (id);
CREATE FUNCTION public.tight(int) RETURNS boolean LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT $1 > 0';
COMMENT ON FUNCTION public.tight(int) IS 'leakproof';
CREATE FUNCTION public.note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION public.note();
CREATE PUBLICATION everything FOR ALL TABLES;
CREATE EXTENSION postgres_fdw;
CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE public.far_rows (id int) SERVER far;;
CREATE TABLESPACE fast LOCATION '';;
CREATE TABLE public.quick (id int) TABLESPACE fast;
INSERT INTO public.quick SELECT generate_series(1, 3)`;

const more = `
CREATE ROLE app; CREATE ROLE mon;
CREATE SCHEMA app AUTHORIZATION app;
CREATE TABLE app.t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text, n numeric GENERATED ALWAYS AS (1) STORED);
ALTER TABLE app.t OWNER TO app;
INSERT INTO app.t (v) SELECT 'x' || i FROM generate_series(1,20) i;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO mon;
GRANT SELECT ON pg_catalog.pg_authid TO mon;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT SELECT ON TABLES TO mon;
ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA app GRANT SELECT ON TABLES TO mon;
CREATE FUNCTION app.eq(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR app.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = app.eq);
CREATE OPERATOR FAMILY app.fam USING btree;
CREATE OPERATOR CLASS app.cls FOR TYPE text USING btree FAMILY app.fam AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 bttextcmp(text, text);
CREATE INDEX t_v ON app.t USING btree (v app.cls);
CREATE CAST (text AS macaddr) WITH INOUT;
CREATE TEXT SEARCH TEMPLATE app.tmpl (LEXIZE = dsimple_lexize, INIT = dsimple_init);
CREATE TEXT SEARCH DICTIONARY app.dict (TEMPLATE = app.tmpl);
CREATE TEXT SEARCH CONFIGURATION app.cfg (COPY = pg_catalog.simple);
CREATE COLLATION app.coll (LOCALE = 'C');
CREATE STATISTICS app.stat ON id, v FROM app.t;
CREATE FUNCTION app.cfun(int) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'int4inc';
CREATE VIEW app.uses AS SELECT app.cfun(1) AS one;
CREATE AGGREGATE app.agg (int) (SFUNC = int4pl, STYPE = int);
CREATE POLICY pol ON app.t FOR SELECT TO mon USING (true); ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
CREATE RULE r AS ON DELETE TO app.t DO ALSO NOTHING;
COMMENT ON SCHEMA app IS 'x'; COMMENT ON OPERATOR app.=== (text, text) IS 'op';
SELECT lo_create(77); ALTER LARGE OBJECT 77 OWNER TO app; GRANT SELECT ON LARGE OBJECT 77 TO mon;
CREATE SUBSCRIPTION sub CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false);
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE app.other_am (id int) USING heap2; INSERT INTO app.other_am VALUES (1);
CREATE TABLE app.after_am (id int); INSERT INTO app.after_am VALUES (1);
CREATE UNLOGGED TABLE app.un (id int); INSERT INTO app.un VALUES (3);
CREATE MATERIALIZED VIEW app.mv AS SELECT app.cfun(2)`;

describe('a restore test passes', () => {
  it('tables of several owners, those that nobody sees, and a materialized view of another', async () => {
    const { id } = await storeArchive(store, { dump: await dumpWith('owners', owners), takenAt });
    const report = await testing(id);
    expect(report).toMatchObject({ outcome: 'passed' });
    const found = Object.fromEntries(report.comparisons.map(({ what, found }) => [what, found]));
    expect(found).toMatchObject({ 'shared.a': 9, 'shared.b': 7, 'shared.secret': 5 });
    expect(report.skipped).toBeUndefined();
  });

  const options = ['--load-via-partition-root', '--no-comments', '--use-set-session-authorization'];
  it.each(isLong ? options.map((option) => [option]) : [options])(
    'partitions, an index that no partition has, a typed table with a CHECK (%s …)',
    async (...used) => {
      const dump = await dumpWith(`parts${used[0]?.length}`, partitions, used);
      const { id } = await storeArchive(store, { dump, takenAt });
      const report = await testing(id);
      expect(report).toMatchObject({ outcome: 'passed' });
      expect(report.skipped).toBeUndefined();
    },
  );

  it('and skips by name what needs a superuser or a tablespace; all the rest is compared', async () => {
    const written = (await dumpWith('superusers', superusers)).toString('latin1');
    // As pg_dump writes what SELinux has labelled: no provider can be loaded here.
    const label =
      "SECURITY LABEL FOR selinux ON TABLE public.torrents IS 'system_u:object_r:sepgsql_table_t:s0';";
    const dump = Buffer.from(
      written.replace('\n-- PostgreSQL database dump complete', `\n${label}\n\n$&`),
      'latin1',
    );
    const { id } = await storeArchive(store, { dump, takenAt });
    const report = await testing(id);
    expect(report).toMatchObject({ outcome: 'passed' });
    const skipped = skippedOf(report).join('\n');
    for (const one of [
      'CREATE EVENT TRIGGER noted ON ddl_command_end',
      'CREATE PUBLICATION everything FOR ALL TABLES',
      'CREATE FUNCTION public.tight',
      'CREATE TYPE public.shell',
      'CREATE TYPE public.pair',
      'CREATE EXTENSION IF NOT EXISTS postgres_fdw',
    ]) {
      expect(skipped).toMatch(new RegExp(`^${one}.*: needs a superuser$`, 'm'));
    }
    expect(skipped).toMatch(/^SECURITY LABEL FOR selinux.*: needs a provider of security labels$/m);
    expect(skipped).toMatch(/^SET default_tablespace = fast: this server has no tablespace/m);
    expect(skipped).toMatch(/^CREATE TABLE public\.of_pairs.*: needs what was left out before$/m);
    expect(skipped).toMatch(/^CREATE FOREIGN TABLE public\.far_rows.*: needs what/m);
    const compared = report.comparisons.map(({ what }) => what);
    expect(compared).toContain('public.quick');
    expect(compared).not.toContain('public.of_pairs');
    const { subject, text } = restoreTestMail(report);
    expect(subject).toMatch(/passed: bitagent, 300 torrents, .* rows in .*, \d+ statements skipped$/);
    expect(text).toMatch(/- +\d+ statements +skipped, not tested: /);
  });

  it.each([[[]], [['--inserts']]])('whatever else pg_dump knows to write (%j)', async (args) => {
    const dump = await dumpWith(
      `more${args.length}`,
      args.length === 0 ? more : more.replace(/.*ROLE.*/, ''),
      args,
    );
    const { id } = await storeArchive(store, { dump, takenAt });
    const report = await testing(id);
    expect(report).toMatchObject({ outcome: 'passed' });
    expect(skippedOf(report).length).toBeLessThan(20);
    const rows = Object.fromEntries(report.comparisons.map(({ what, found }) => [what, found]));
    expect(rows).toMatchObject({ 'app.t': 20, 'app.other_am': 1, 'app.after_am': 1, 'app.un': 1 });
  });

  it('but for a row that is missing beside what was skipped', async () => {
    const dump = await dumpWith('beside', superusers.replace(/CREATE TABLESPACE[^;]*;;/, ''));
    const inventory = scan(dump);
    inventory.rows['public.goose_db_version'] = 62;
    const { id } = await storeArchive(store, { dump, takenAt, inventory });
    const report = await testing(id);
    expect(report).toMatchObject({ outcome: 'failed', failure: { code: 'RESTORE_FAILED' } });
    expect(report.comparisons.filter(({ same }) => !same).map(({ what }) => what)).toEqual([
      'public.goose_db_version',
    ]);
  });

  it("bitmagnet's own schema: checks of what it never had do not apply", async () => {
    const older = `DROP TABLE public.torrent_canonical_labels, public.label_evidence CASCADE`;
    const { id } = await storeArchive(store, { dump: await dumpWith('older', older), takenAt });
    const report = await testing(id);
    expect(report.checks.filter(({ outcome }) => outcome === 'fail' || outcome === 'warn')).toEqual([]);
    expect(report.checks.filter(({ outcome }) => outcome === 'skip').map(({ name }) => name)).toEqual([
      'orphan_evidence',
      'sequences_ahead',
    ]);
    expect(report).toMatchObject({ outcome: 'passed' });
  });

  it.each([
    ['without a torrent', 'TRUNCATE public.torrents CASCADE', 0],
    ['without the table', 'DROP TABLE public.torrents CASCADE', null],
  ])('an archive that was accepted %s', async (_, sql, torrents) => {
    const dump = await dumpWith(`none${torrents ?? ''}`, sql);
    const deviations = [{ what: 'torrents', expected: 'some', found: 'none' }];
    const verdict = { verdict: 'suspicious', deviations } as object;
    const id = await storeArchive(store, { dump, takenAt, verdict });
    await accept({ store, id, now: takenAt });
    const report = await testing(id.id);
    expect(report.checks.filter(({ outcome }) => outcome === 'fail')).toEqual([]);
    expect(report).toMatchObject({ outcome: 'passed' });
    expect(report.torrents).toBe(torrents);
  });
});

describe('a restore test fails', () => {
  it('a dump of a whole kind less than the archives before it, though all of it came back', async () => {
    const whole = await dumpWith('whole', 'SELECT 1');
    const env = { ...origin.connection.env, PGDATABASE: 'whole' };
    const noIndexes = await dumpOf({ via: 'server', env }, ['--section=pre-data', '--section=data']);
    await storeArchive(store, { dump: whole, takenAt: new Date(takenAt.getTime() - 60_000) });
    const { id } = await storeArchive(store, { dump: noIndexes, takenAt });
    const report = await testing(id);
    expect(report).toMatchObject({
      outcome: 'failed',
      failure: {
        code: 'RESTORE_CHECK_FAILED',
        message: expect.stringMatching(/lacks what its source used to have: indexes/),
      },
    });
    expect(report.lacks?.map(({ what }) => what)).toEqual(expect.arrayContaining(['indexes', 'triggers']));
    expect(restoreTestMail(report).text).toMatch(
      /NO +what archives before had +gone from this dump: indexes/,
    );
  });
});

describe('compareWithInventory', () => {
  it('counts thousands of tables', async () => {
    const database = 'many';
    const count = often(3000, 9000);
    await asked(origin.connection, `CREATE DATABASE ${database}`);
    await asked(
      origin.connection,
      `CREATE PROCEDURE make() LANGUAGE plpgsql AS $$ BEGIN FOR n IN 1 .. ${count} LOOP EXECUTE format('CREATE TABLE t%s AS SELECT 1', n); IF n % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$`,
      { database },
    );
    await asked(origin.connection, 'CALL make()', { database });
    const tables = Array.from({ length: count }, (_, index) => `public.t${index + 1}`);
    const inventory = inventoryOf({
      tables,
      rows: Object.fromEntries(tables.map((table) => [table, 1])),
      functions: ['public.make'],
    });
    const inside = (sql: string) => ask(origin.connection, sql, { database });
    const comparisons = await compareWithInventory(origin.connection, inventory, { ask: inside });
    expect(comparisons.filter(({ same }) => !same)).toEqual([]);
    expect(comparisons.filter(({ counted }) => counted === 'rows')).toHaveLength(count);
    expect(splitName(comparisons[0]?.what ?? '')).toEqual(['public', 't1']);
  });
});
