// What a dump's objects say of it. A dump can be whole, with every row, and lack its indexes, its keys or an extension:
// one of -n, -t, --section or pg_dump's many --no-… made it, and it cannot bring the source back. Single objects go with a
// migration of the schema; whole kinds of them do not.

import { formatCount } from '../base/quantities.ts';
import { objectKinds } from './comparison.ts';
import type { Inventory } from './inventory.ts';

/** One thing that is not as it should be; as a verdict has it. */
export type Doubt = { readonly what: string; readonly expected: string; readonly found: string };

/** Names that are said: a verdict and its mail stay short, however much is missing. */
const namesShown = 10;

/** Kinds whose names every inventory keeps. */
const namedKinds = [...objectKinds, 'roles'] as const;

/** All of one kind: those with a name, and how many. */
type Objects = { readonly names: ReadonlySet<string>; readonly count: number };

function objectsOf(inventory: Inventory): ReadonlyMap<string, Objects> {
  const named = [
    ...namedKinds.map((kind) => [kind, inventory[kind]] as const),
    ...Object.entries(inventory.further ?? {}),
  ].map(([kind, list]) => [kind, { names: new Set(list), count: new Set(list).size }] as const);
  return new Map([...named, ['large objects', { names: new Set(), count: inventory.largeObjects }]]);
}

const nothing: Objects = { names: new Set(), count: 0 };

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
  const here = objectsOf(found);
  const [newest, ...older] = history.map(objectsOf);
  return [...(newest ?? [])].flatMap(([what, { names, count }]) => {
    const now = here.get(what) ?? nothing;
    const before = older.map((one) => one.get(what) ?? nothing);
    const least = Math.min(count, ...before.map((one) => one.count));
    const always = [...names].filter((name) => before.every((one) => one.names.has(name)));
    const missing = always.filter((name) => !now.names.has(name));
    const isGone = now.count === 0 && least > 0;
    const isMostGone = 2 * now.count < least || 2 * missing.length > always.length;
    if (!isGone && !(isMostGone && history.length >= fewestKnown)) return [];
    const whose =
      older.length === 0 ? 'the archive before has' : `all ${history.length} archives before have`;
    const lacks = missing.length > 0 ? `; missing: ${listed(missing)}` : '';
    return [
      {
        what,
        expected: `${formatCount(least)} at least: ${whose} them`,
        found: `${formatCount(now.count)}${lacks}`,
      },
    ];
  });
}

/**
 * Holds the objects of a dump against each other.
 *
 * @param newestKnown - What it lacked, too, was accepted.
 * @returns Doubts if rows are those of tables that the dump does not create, as with --data-only, or its tables, keys,
 *   indexes or triggers need what it does not make, as with -t and -n.
 * @remarks An extension makes types and functions that no dump creates, and some make tables: beside one, less is doubted.
 */
export function missingParts(inventory: Inventory, newestKnown: Inventory | undefined): readonly Doubt[] {
  const checks = [
    ['tables', 'each table that has rows is created by the dump', rowsWithoutTable],
    ['parts', 'all that tables, keys, indexes and triggers need is created by the dump', unmetNeeds],
  ] as const;
  return checks.flatMap(([what, expected, missingIn]) => {
    const accepted = new Set(newestKnown && missingIn(newestKnown));
    const missing = missingIn(inventory).filter((name) => !accepted.has(name));
    if (missing.length === 0) return [];
    return [
      { what, expected, found: `${formatCount(missing.length)} that it does not create: ${listed(missing)}` },
    ];
  });
}

function rowsWithoutTable(inventory: Inventory): string[] {
  if (hasExtension(inventory)) return [];
  const made = new Set(inventory.tables);
  return Object.keys(inventory.rows).filter((table) => !made.has(table));
}

/** Extensions that make no tables, as far as they are known. */
const tableless = new Set(
  `plpgsql amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw fuzzystrmatch
  hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_trgm pgcrypto pgrowlocks pgstattuple postgres_fdw
  refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp "uuid-ossp" vector xml2`.split(
    /\s+/,
  ),
);

/** What dumps of BitAgent and its like need of extensions, which -e and --exclude-extension leave away. */
const extensionNames: readonly (readonly [string, RegExp])[] = [
  ['pg_trgm', /\.(?:gin|gist)_trgm_ops$/],
  ['citext', /\.citext$/],
  ['hstore', /\.hstore$/],
  ['ltree', /\.l(?:tree|query)$/],
  ['"uuid-ossp"', /\.uuid_generate_v\d\w*$/],
  ['postgis', /\.geo(?:metry|graphy)$/],
];

function unmetNeeds({ extensions, needs = [] }: Inventory): readonly string[] {
  if (extensions.every((name) => name === 'plpgsql'))
    return needs.filter((name) => !needs.includes(`table ${name}`));
  const others = extensionNames.filter(([extension]) => !extensions.includes(extension));
  const isOfOther = (name: string) => others.some(([, names]) => names.test(name));
  const isTable = (name: string) => /^(?:table|rows of) /.test(name);
  const isTableless = extensions.every((name) => tableless.has(name));
  return needs.filter((name) => isOfOther(name) || (isTableless && isTable(name)));
}

function hasExtension({ extensions }: Inventory): boolean {
  return extensions.some((name) => name !== 'plpgsql');
}

/** @returns The first of them; of more, how many. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).join(', ');
  return names.length > namesShown ? `${shown} and ${formatCount(names.length - namesShown)} more` : shown;
}
