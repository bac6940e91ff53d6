// What a dump's objects say of it. A dump can be whole, with every row, and lack its indexes, its keys or an extension:
// one of -n, -t, --section or pg_dump's many --no-… made it, and it cannot bring the source back. Single objects go with a
// migration of the schema; whole kinds of them do not.

import { formatCount } from '../base/quantities.ts';
import type { Inventory } from './inventory.ts';

/** One thing that is not as it should be; as a verdict has it. */
export type Doubt = { readonly what: string; readonly expected: string; readonly found: string };

/** Names that are said: a verdict and its mail stay short, however much is missing. */
const namesShown = 10;

/** Kinds whose names the inventory keeps. */
const namedKinds = [
  'tables',
  'indexes',
  'constraints',
  'triggers',
  'sequences',
  'extensions',
  'types',
  'functions',
  'views',
  'roles',
] as const satisfies readonly (keyof Inventory)[];

/** All of one kind: those with a name, and how many. */
type Objects = { readonly names: ReadonlySet<string>; readonly count: number };

const kinds: readonly { readonly what: string; readonly of: (inventory: Inventory) => Objects }[] = [
  ...namedKinds.map((kind) => ({
    what: kind,
    of: (inventory: Inventory) => {
      const names = new Set(inventory[kind]);
      return { names, count: names.size };
    },
  })),
  { what: 'large objects', of: ({ largeObjects }) => ({ names: new Set<string>(), count: largeObjects }) },
];

/**
 * Compares the objects of a dump with what its source used to have.
 *
 * @param history - What known archives had, newest first.
 * @param fewestKnown - How many of them say what is usual. That a whole kind is gone, a single one says.
 * @returns A doubt for each kind of which nothing is left, or less than half: how many every archive had, and which of
 *   them are missing.
 */
export function missingKinds(
  found: Inventory,
  history: readonly Inventory[],
  fewestKnown: number,
): readonly Doubt[] {
  if (history.length === 0) return [];
  return kinds.flatMap(({ what, of }) => {
    const here = of(found);
    const before = history.map(of);
    const least = Math.min(...before.map(({ count }) => count));
    const always = [...(before[0]?.names ?? [])].filter((name) =>
      before.every(({ names }) => names.has(name)),
    );
    const missing = always.filter((name) => !here.names.has(name));
    const isGone = here.count === 0 && least > 0;
    const isMostGone = 2 * here.count < least || 2 * missing.length > always.length;
    if (!isGone && !(isMostGone && history.length >= fewestKnown)) return [];
    const whose =
      history.length === 1 ? 'the archive before has' : `all ${history.length} archives before have`;
    const lacks =
      missing.length > 0
        ? `${formatCount(here.count)}; missing: ${listed(missing)}`
        : formatCount(here.count);
    return [{ what, expected: `${formatCount(least)} at least: ${whose} them`, found: lacks }];
  });
}

/**
 * Holds the objects of a dump against each other.
 *
 * @param newestKnown - What it lacked, too, was accepted.
 * @returns A doubt if rows are those of tables that the dump does not create, as with --data-only.
 * @remarks An extension makes tables of its own, which a dump does not create: beside one, nothing is doubted.
 */
export function missingParts(inventory: Inventory, newestKnown: Inventory | undefined): readonly Doubt[] {
  const accepted = new Set(newestKnown === undefined ? [] : rowsWithoutTable(newestKnown));
  const missing = rowsWithoutTable(inventory).filter((table) => !accepted.has(table));
  if (missing.length === 0) return [];
  return [
    {
      what: 'tables',
      expected: 'each table that has rows is created by the dump',
      found: `rows of ${formatCount(missing.length)} that it does not create: ${listed(missing)}`,
    },
  ];
}

function rowsWithoutTable({ rows, tables, extensions }: Inventory): string[] {
  if (extensions.some((name) => name !== 'plpgsql')) return [];
  const made = new Set(tables);
  return Object.keys(rows).filter((table) => !made.has(table));
}

/** @returns The first of them; of more, how many. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).join(', ');
  return names.length > namesShown ? `${shown} and ${formatCount(names.length - namesShown)} more` : shown;
}
