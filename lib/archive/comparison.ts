// The inventory of a dump against the catalogue of the database that it was restored into. A count proves little: a
// dump that was cut before its indexes restores with the right count(*) and no index at all.

import * as z from 'zod';
import { OffsiteError } from '../base/errors.ts';
import { formatCount } from '../base/quantities.ts';
import type { Inventory } from './inventory.ts';

export const comparisonSchema = z.strictObject({
  /** A table's qualified name, or what was counted: `indexes`, `large objects` … */
  what: z.string(),
  /** Whether rows of a table were counted, or objects of a kind. */
  counted: z.enum(['rows', 'objects']),
  expected: z.number().int().nonnegative(),
  /** Null: there is no such table. */
  found: z.number().int().nonnegative().nullable(),
  same: z.boolean(),
  /** Names in the dump that did not come back; the first few. */
  missing: z.array(z.string()).optional(),
  /** Names that came from elsewhere; the first few. */
  unexpected: z.array(z.string()).optional(),
});

/** One thing that was counted in the dump and again in the restored database. */
export type Comparison = z.infer<typeof comparisonSchema>;

/** Kinds of objects that are compared by name, each a list of the inventory; and the word for one of them. */
const words = {
  tables: 'table',
  indexes: 'index',
  constraints: 'constraint',
  triggers: 'trigger',
  sequences: 'sequence',
  extensions: 'extension',
  types: 'type',
  functions: 'function',
  views: 'view',
} as const satisfies Partial<Record<keyof Inventory, string>>;

export type ObjectKind = keyof typeof words;

export const objectKinds = Object.keys(words) as ObjectKind[];

/** What a database really holds. */
export type RestoredCatalogue = {
  /** By the inventory's own table names; null for a table that is not there. */
  readonly rows: Readonly<Record<string, number | null>>;
  readonly objects: Readonly<Record<ObjectKind, readonly string[]>>;
  /** Indexes that are there and that no query uses: they do not count as having come back. */
  readonly invalidIndexes: readonly string[];
  readonly largeObjects: number;
};

const namesShown = 20;

/** Installed in every database from the beginning, and so in no dump. */
const preinstalled: readonly string[] = ['plpgsql'];

/**
 * Compares what was dumped with what came back.
 *
 * @returns A comparison for each table of the inventory, in its order, then one for each kind of object and the large
 *   objects.
 * @remarks Objects are told apart by their own name without schema or table, as often as it occurs: that is what the
 *   text of a dump and the catalogue both spell in one way.
 */
export function compareCatalogue(inventory: Inventory, restored: RestoredCatalogue): Comparison[] {
  const rows = Object.entries(inventory.rows).map(([table, expected]): Comparison => {
    const found = restored.rows[table] ?? null;
    return { what: table, counted: 'rows', expected, found, same: expected === found };
  });
  const objects = objectKinds.map((kind) =>
    compareNames(kind, inventory[kind], restored.objects[kind], restored.invalidIndexes),
  );
  const largeObjects: Comparison = {
    what: 'large objects',
    counted: 'objects',
    expected: inventory.largeObjects,
    found: restored.largeObjects,
    same: inventory.largeObjects === restored.largeObjects,
  };
  return [...rows, ...objects, largeObjects];
}

/**
 * Fails if anything differs.
 *
 * @throws {@link OffsiteError} `RESTORE_FAILED`: its message names the first thing that differs, so that a mail's subject does.
 */
export function assertSame(comparisons: readonly Comparison[], hint: string): void {
  const different = comparisons.filter(({ same }) => !same);
  if (different.length === 0) return;
  const list = (which: 'expected' | 'found') =>
    different.map((one) => `${one.what}: ${one[which] ?? 'not there'}`).join(', ');
  throw new OffsiteError('RESTORE_FAILED', describeDifference(different), {
    expected: list('expected'),
    found: list('found'),
    hint,
  });
}

/**
 * Names the first thing that differs, for a subject: `index content_tsv_idx is missing`.
 *
 * @remarks It never begins with the name, which must not get a capital letter where a sentence begins with it.
 */
export function describeDifference(different: readonly Comparison[]): string {
  const [first] = different as [Comparison];
  const { missing = [], unexpected = [] } = first;
  const isMore = different.length > 1 || missing.length + unexpected.length > 1;
  return `${describeFirst(first)}${isMore ? ', and more' : ''}`;
}

function describeFirst({ what, counted, expected, found, missing, unexpected }: Comparison): string {
  const word = words[what as ObjectKind] ?? what;
  if (missing?.[0] !== undefined) return `${word} ${missing[0]} is missing`;
  if (unexpected?.[0] !== undefined) return `${word} ${unexpected[0]} was not dumped`;
  if (found === null) return `table ${what} is missing`;
  const counts = `${formatCount(found)} of ${formatCount(expected)}`;
  return counted === 'rows' ? `${counts} rows of ${what}` : `${counts} ${what}`;
}

/**
 * Takes a qualified name apart.
 *
 * @param text - As SQL has it: `public."My Table"`; what follows a parenthesis outside of quotes is left away.
 * @returns The plain names: `['public', 'My Table']`.
 */
export function splitName(text: string): string[] {
  const parts: string[] = [];
  const part = /(?:"((?:[^"]|"")*)"|([^".(]+))(\.|\(|$)/y;
  for (let match = part.exec(text); match !== null; match = part.exec(text)) {
    const [, quoted, bare = '', end] = match;
    parts.push(quoted === undefined ? bare.trim() : quoted.replaceAll('""', '"'));
    if (end !== '.') break;
  }
  return parts;
}

function compareNames(
  kind: ObjectKind,
  dumped: readonly string[],
  restored: readonly string[],
  invalid: readonly string[],
): Comparison {
  const [expected, found, spoilt] = [dumped, restored, kind === 'indexes' ? invalid : []].map((names) =>
    names.map((name) => splitName(name).at(-1) ?? name).filter((name) => !preinstalled.includes(name)),
  ) as [string[], string[], string[]];
  const missing = without(expected, found).map((name) =>
    spoilt.includes(name) ? `${name} (there, but not valid)` : name,
  );
  const unexpected = without(found, expected);
  return {
    what: kind,
    counted: 'objects',
    expected: expected.length,
    found: found.length,
    same: missing.length === 0 && unexpected.length === 0,
    ...(missing.length > 0 ? { missing: missing.slice(0, namesShown) } : {}),
    ...(unexpected.length > 0 ? { unexpected: unexpected.slice(0, namesShown) } : {}),
  };
}

/** The names of one list that the other lacks, counting how often each occurs. */
export function without(names: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const name of others) left.set(name, (left.get(name) ?? 0) + 1);
  return names.filter((name) => {
    const count = left.get(name) ?? 0;
    left.set(name, count - 1);
    return count <= 0;
  });
}
