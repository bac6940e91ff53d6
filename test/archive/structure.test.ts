// Dumps that pg_dump made of a part: whole, with rows, and of no use as the source.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Known } from '../../lib/archive/band.ts';
import { objectKinds } from '../../lib/archive/comparison.ts';
import type { Inventory } from '../../lib/archive/inventory.ts';
import { judge } from '../../lib/archive/verdict.ts';
import { exampleManifest, exampleObservation, exampleVerdictMail } from '../fixtures/manifests.ts';
import { inventoryOf } from '../fixtures/postgres.ts';

const kinds = [...objectKinds.filter((kind) => kind !== 'tables'), 'roles'];

const named = (what: string, count: number) =>
  Array.from({ length: count }, (_, index) => `public.${what}_${index}`);

/** A source with so many objects of each kind, its rows in two tables. */
function source(count: number, change: Partial<Inventory> = {}): Inventory {
  return inventoryOf({
    rows: { 'public.torrents': 1000, 'public.content': 10 },
    tables: ['public.torrents', 'public.content', ...named('empty', count)],
    ...Object.fromEntries(kinds.map((kind) => [kind, named(kind, count)])),
    largeObjects: count,
    ...change,
  });
}

const known = (inventory: Inventory, accepted = false): Known => ({ accepted, plainBytes: 300, inventory });
const nights = (count: number, inventory: Inventory) => Array.from({ length: count }, () => known(inventory));

function judged(inventory: Inventory, history: readonly Known[]) {
  const judgement = judge(exampleManifest, { ...exampleObservation, inventory }, history);
  return 'deviations' in judgement ? judgement.deviations : [];
}
const doubts = (inventory: Inventory, history: readonly Known[]) =>
  judged(inventory, history).map(({ what }) => what);

describe('what a source used to have', () => {
  it.each(kinds)('%s: all gone, at one archive before, and most of them, at three', (kind) => {
    expect(judged(source(4, { [kind]: [] }), nights(1, source(4)))).toEqual([
      {
        what: kind,
        expected: '4 at least: the archive before has them',
        found: `0; missing: ${named(kind, 4).join(', ')}`,
      },
    ]);
    expect(doubts(source(4, { [kind]: named(kind, 1) }), nights(3, source(4)))).toEqual([kind]);
    expect(doubts(source(4, { [kind]: named(kind, 1) }), nights(2, source(4)))).toEqual([]);
  });

  it.each(kinds)('%s: one that a migration dropped, or many that it made, are no doubt', (kind) => {
    expect(doubts(source(4, { [kind]: named(kind, 3) }), nights(14, source(4)))).toEqual([]);
    expect(doubts(source(4, { [kind]: named(kind, 400) }), nights(14, source(4)))).toEqual([]);
  });

  it('large objects are counted: -n public leaves them out, and the extensions', () => {
    expect(judged(source(3, { largeObjects: 0, extensions: [] }), nights(5, source(3)))).toEqual([
      {
        what: 'extensions',
        expected: '3 at least: all 5 archives before have them',
        found: '0; missing: public.extensions_0, public.extensions_1, public.extensions_2',
      },
      { what: 'large objects', expected: '3 at least: all 5 archives before have them', found: '0' },
    ]);
    expect(doubts(source(3, { largeObjects: 1 }), nights(5, source(3)))).toEqual(['large objects']);
    expect(doubts(source(3, { largeObjects: 2 }), nights(5, source(3)))).toEqual([]);
  });

  it('looks at kinds that older verdicts do not name once all that are known name them', () => {
    const further = { policies: ['public.torrents.p'] };
    expect(doubts(source(1), [...nights(3, source(1, { further })), ...nights(3, source(1))])).toEqual([]);
    expect(judged(source(1), nights(3, source(1, { further })))).toEqual([
      {
        what: 'policies',
        expected: '1 at least: all 3 archives before have them',
        found: '0; missing: public.torrents.p',
      },
    ]);
  });

  it('says that objects are others, though there are as many', () => {
    const others = source(4, { indexes: named('other', 4) });
    expect(doubts(others, nights(3, source(4)))).toEqual(['indexes']);
  });

  it('never doubts what is as it was, whatever came and went before', () => {
    const some = fc.subarray(named('indexes', 8), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 20 }), some, (before, last) => {
        const history = [last, ...before].map((indexes) => known(source(2, { indexes })));
        expect(doubts(source(2, { indexes: last }), history)).toEqual([]);
      }),
    );
  });

  it('asks once: what the operator has accepted is what it has', () => {
    const reduced = source(4, { indexes: [], extensions: [] });
    const history = [known(reduced, true), ...nights(13, source(4))];
    expect(doubts(reduced, history)).toEqual([]);
    expect(doubts(reduced, [known(reduced), ...history])).toEqual([]);
    expect(doubts(source(4, { indexes: [], extensions: [], triggers: [] }), history)).toEqual(['triggers']);
  });

  it('is said in a mail that SNS takes, of five thousand tables', () => {
    const many = named('table', 5000);
    const full = source(0, {
      rows: { 'public.torrents': 1000, ...Object.fromEntries(many.map((name) => [name, 5])) },
      tables: many,
    });
    const deviations = judged(source(0, { tables: [] }), nights(14, full));
    expect(deviations.map(({ what }) => what)).toEqual(expect.arrayContaining(['tables', 'further tables']));
    const inventory = source(0, { tables: [] });
    const { text } = exampleVerdictMail('suspicious', { deviations, inventory });
    expect(text).toContain('4,990 more');
    expect(text.length).toBeLessThan(20_000);
  });
});

describe('without a history', () => {
  it('rows need their table, unless an extension may have made it', () => {
    const tables = ['public.torrents'];
    expect(judged(source(0, { tables }), [])).toEqual([
      {
        what: 'tables',
        expected: 'each table that has rows is created by the dump',
        found: '1 that it does not create: public.content',
      },
    ]);
    expect(doubts(source(0, { tables, extensions: ['postgis'] }), [])).toEqual([]);
    expect(doubts(source(0, { tables, extensions: ['plpgsql'] }), [])).toEqual(['tables']);
    expect(doubts(source(0, { tables }), [known(source(0, { tables }), true)])).toEqual([]);
  });

  it('what tables, keys, indexes and triggers need is made, unless an extension may have made it', () => {
    const needs = ['public.gin_trgm_ops', 'schema bitmagnet'];
    expect(judged(source(0, { needs }), [])).toEqual([
      {
        what: 'parts',
        expected: 'all that tables, keys, indexes and triggers need is created by the dump',
        found: '2 that it does not create: public.gin_trgm_ops, schema bitmagnet',
      },
    ]);
    expect(doubts(source(0, { needs: ['public.gin_trgm_ops'], extensions: ['pg_trgm'] }), [])).toEqual([]);
    expect(doubts(source(0, { needs: ['schema a', 'table public.b'], extensions: ['postgis'] }), [])).toEqual(
      [],
    );
    for (const name of [
      'table public.b',
      'rows of public.c, to which those of public.d refer',
      'public.citext',
    ])
      expect(doubts(source(0, { needs: [name], extensions: ['pg_trgm'] }), []), name).toEqual(['parts']);
    expect(doubts(source(0, { needs }), [known(source(0, { needs }), true)])).toEqual([]);
  });

  it('a table without rows is there all the same: --schema-only', () => {
    expect(judged(source(0, { rows: {} }), [])).toEqual([
      { what: 'table torrents', expected: 'at least one row', found: 'no rows' },
    ]);
  });
});
