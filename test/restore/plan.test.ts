import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertServerFits } from '../../lib/postgres/server-versions.ts';
import { type Claim, planStatement, tableKey, withoutFirstDrops } from '../../lib/restore/plan.ts';
import { BuildQueue, type Waiting } from '../../lib/restore/queue.ts';
import { DumpSplitter } from '../../lib/sql/splitter.ts';

function plan(sql: string) {
  const [part] = [...new DumpSplitter().push(Buffer.from(sql))];
  if (part?.kind !== 'statement') throw new Error('no statement');
  return planStatement(part.tokens);
}

describe('what a dump drops before it makes anything', () => {
  it('is left out, but for the schema and the language that every database has', () => {
    let leavesOut = withoutFirstDrops();
    const run = (sql: string) => {
      const parts = [...new DumpSplitter().push(Buffer.from(sql))];
      return parts.flatMap((part) =>
        part.kind === 'statement' && !leavesOut(part.tokens) ? [part.bytes.toString().trim()] : [],
      );
    };
    const dropping = `
      SET row_security = off; ALTER TABLE ONLY public.t DROP CONSTRAINT k; ALTER TABLE public.t ALTER COLUMN a DROP DEFAULT;
      DROP TRIGGER g ON public.t; DROP INDEX public.i; DROP VIEW public.v; DROP FUNCTION public.f(a integer);
      SELECT pg_catalog.lo_unlink('4711'); ALTER TABLE IF EXISTS ONLY public.t DROP CONSTRAINT IF EXISTS k;
      CREATE OR REPLACE VIEW public.w WITH (security_barrier='true') AS
SELECT
    NULL::integer AS a;
      DROP EXTENSION IF EXISTS pg_trgm; DROP EXTENSION plpgsql; DROP SCHEMA IF EXISTS other; DROP SCHEMA public;`;
    expect(run(dropping)).toEqual([
      'SET row_security = off;',
      'DROP EXTENSION plpgsql;',
      'DROP SCHEMA public;',
    ]);
    // Dropped, it is to be made; else it is there.
    expect(run('CREATE SCHEMA public;')).toHaveLength(1);
    const making = ['CREATE SCHEMA other;', 'DROP VIEW public.v;', 'ALTER TABLE public.t DROP COLUMN a;'];
    expect(run(making.join('\n'))).toEqual(making);
    for (const name of ['public', '"public"']) {
      leavesOut = withoutFirstDrops();
      expect(run(`CREATE SCHEMA ${name}; ALTER SCHEMA ${name} OWNER TO me;`)).toHaveLength(1);
      leavesOut = withoutFirstDrops();
      expect(run(`DROP SCHEMA IF EXISTS ${name}; CREATE SCHEMA ${name};`)).toHaveLength(2);
    }
  });
});

/** Whether two statements may not be run at the same time, nor change places. */
const conflict = (one: readonly Claim[], other: readonly Claim[]) =>
  one.some(({ table, how }) =>
    other.some((claim) => claim.table === table && (how === 'exclusive' || claim.how === 'exclusive')),
  );

const table = (name: string, how: Claim['how']): Claim => ({ table: tableKey(name), how });

describe('planStatement', () => {
  it.each<[string, object]>([
    ['SET statement_timeout = 0;', { how: 'setting' }],
    ["SET default_tablespace = '';", { how: 'setting' }],
    ["SELECT pg_catalog.set_config('search_path', '', false);", { how: 'setting' }],
    // By hand: rows that other sessions load are in that encoding, too.
    ["SET NAMES 'LATIN1';", { how: 'setting' }],
    ["SET SESSION client_encoding = 'LATIN1';", { how: 'setting' }],
    ["SELECT set_config('client_encoding', 'LATIN1', false);", { how: 'setting' }],
    ["SET TIME ZONE 'UTC';", { how: 'setting' }],
    ["SET SESSION AUTHORIZATION 'keeper';", { how: 'ordered' }],
    ['SET ROLE keeper;', { how: 'ordered' }],
    ["SELECT pg_catalog.setval('public.s', 42, true);", { how: 'ordered' }],
    [
      'CREATE INDEX i ON public.t USING gin (a);',
      { how: 'build', claims: [table('public.t', 'shared')], method: 'gin' },
    ],
    [
      'CREATE UNIQUE INDEX i ON public."T" USING btree (a) WHERE (b > 0);',
      { claims: [table('public."T"', 'shared')], method: 'btree' },
    ],
    [
      'ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k PRIMARY KEY (a);',
      { claims: [table('public.t', 'exclusive')], method: 'key' },
    ],
    [
      'ALTER TABLE ONLY public.t\n    ADD CONSTRAINT k FOREIGN KEY (a, b) REFERENCES public.u(a, b) ON DELETE CASCADE;',
      { claims: [table('public.t', 'exclusive'), table('public.u', 'exclusive')], method: 'foreign key' },
    ],
    [
      'CREATE TRIGGER g AFTER INSERT OR UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();',
      { claims: [table('public.t', 'exclusive')], method: 'trigger' },
    ],
  ])('%s', (sql, expected) => {
    expect(plan(sql)).toMatchObject(expected);
  });

  it.each([
    'SET SESSION AUTHORIZATION x;',
    'SET ROLE x;',
    'SET LOCAL work_mem = 1;',
    'CREATE INDEX i ON ONLY public.t USING btree (a);',
    'ALTER INDEX public.i ATTACH PARTITION public.j;',
    'ALTER TABLE public.t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES public.u(a);',
    'ALTER TABLE ONLY public.t ADD CONSTRAINT k CHECK ((a > 0)) NOT VALID;',
    'ALTER TABLE ONLY public.t ADD CONSTRAINT k EXCLUDE USING gist (a WITH &&);',
    'ALTER TABLE ONLY public.t REPLICA IDENTITY USING INDEX i;',
    'CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t FROM u FOR EACH ROW EXECUTE FUNCTION f();',
    'CREATE STATISTICS public.s ON a, b FROM public.t;',
    'REFRESH MATERIALIZED VIEW public.m;',
    "SELECT pg_catalog.lo_create('1');",
    'SELECT setval(1, 2, true);',
    'DO $$ BEGIN END $$;',
  ])('ordered: %s', (sql) => {
    expect(plan(sql)).toEqual({ how: 'ordered' });
  });
});

describe('BuildQueue', () => {
  const claims = fc.array(
    fc.record({
      table: fc.constantFrom('a', 'b', 'c'),
      how: fc.constantFrom('shared' as const, 'exclusive' as const),
    }),
    { minLength: 1, maxLength: 2 },
  );

  it('finishes everything, never runs two that conflict, and never lets one overtake another that it conflicts with', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(claims, fc.nat(9)), { maxLength: 25 }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.nat(3)),
        (given, sessions, choices) => {
          const queue = new BuildQueue<number>();
          for (const [index, [claim, weight]] of given.entries())
            queue.add({ claims: claim, weight, what: index });
          const running: Waiting<number>[] = [];
          const begun: Waiting<number>[] = [];
          while (!queue.isEmpty) {
            for (
              let next = running.length < sessions ? queue.start() : undefined;
              next;
              next = running.length < sessions ? queue.start() : undefined
            ) {
              const started = next;
              expect(running.filter((other) => conflict(other.claims, started.claims))).toEqual([]);
              running.push(started);
              begun.push(started);
            }
            expect(running.length).toBeGreaterThan(0);
            const [done] = running.splice((choices.next().value as number) % running.length, 1);
            queue.finish(done as Waiting<number>);
          }
          expect(begun.map(({ what }) => what).toSorted((one, other) => one - other)).toEqual(
            given.map((_, index) => index),
          );
          for (const [place, one] of begun.entries())
            for (const later of begun.slice(place + 1))
              if (conflict(one.claims, later.claims)) expect(one.what).toBeLessThan(later.what);
        },
      ),
    );
  });

  it('looks at each claim a few times, however many tables there are', () => {
    let looked = 0;
    const claim = (table: number, how: Claim['how']): Claim => ({
      get table() {
        looked += 1;
        return `t${table}`;
      },
      how,
    });
    const queue = new BuildQueue<number>();
    const tables = 10_000;
    for (let table = 0; table < tables; table += 1) {
      queue.add({ claims: [claim(table, 'exclusive')], weight: table % 97, what: table });
      queue.add({ claims: [claim(table, 'shared')], weight: table % 89, what: table });
      queue.add({
        claims: [claim(table, 'exclusive'), claim((table + 1) % tables, 'exclusive')],
        weight: 0,
        what: table,
      });
    }
    let made = 0;
    for (let next = queue.start(); next !== undefined; next = queue.start()) {
      queue.finish(next);
      made += 1;
    }
    expect(made).toBe(3 * tables);
    expect(looked).toBeLessThan(10 * tables);
  });

  it('begins with the heaviest', () => {
    const queue = new BuildQueue<string>();
    for (const [what, weight] of [
      ['small', 1],
      ['large', 9],
      ['middle', 5],
    ] as const)
      queue.add({ claims: [{ table: what, how: 'shared' }], weight, what });
    expect([queue.start(), queue.start(), queue.start(), queue.start()].map((build) => build?.what)).toEqual([
      'large',
      'middle',
      'small',
      undefined,
    ]);
  });
});

describe('assertServerFits', () => {
  it.each([
    ['15.3', '15.18 (Debian 15.18-0+deb12u1)'],
    ['14.2', '16.10'],
    [undefined, '15.18'],
    ['17.1', '17.0'],
  ])('of %s into %s', (serverVersion, server) => {
    expect(() => assertServerFits({ serverVersion }, server)).not.toThrow();
  });

  it.each([
    ['16.4', '15.18', 'PostgreSQL 16 or newer: the archive is of PostgreSQL 16.4'],
    ['17.1', '16.10', 'PostgreSQL 17 or newer: the archive is of PostgreSQL 17.1'],
  ])('refuses one of %s into %s', (serverVersion, server, expected) => {
    expect(() => assertServerFits({ serverVersion }, server)).toThrow(
      expect.objectContaining({ code: 'SERVER_TOO_OLD', expected: expect.stringContaining(expected) }),
    );
  });
});
