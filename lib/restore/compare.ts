// Counts what a restored database really holds, for the comparison with what was dumped: real rows, no estimates, and
// the catalogue without what belongs to extensions or to Postgres itself.

import {
  type Comparison,
  compareCatalogue,
  type ObjectKind,
  objectKinds,
  type RestoredCatalogue,
  splitName,
} from '../archive/comparison.ts';
import type { Inventory } from '../archive/inventory.ts';
import type { OffsiteError } from '../base/errors.ts';
import type { Connection } from '../postgres/connection.ts';
import { type ClientOptions, query, quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { isUndecoded } from '../sql/encoding.ts';

type CompareOptions = ClientOptions & {
  readonly signal?: AbortSignal | undefined;
  /** Asks the database in another way than by psql. */
  readonly ask?: Ask | undefined;
};

type Ask = (sql: string) => Promise<string[][]>;

/** Tables that are counted by one statement at most: of thousands, none takes the locks or the parser's stack. */
const countedAtOnce = 200;

/**
 * Kind and qualified name of every object that pg_dump would write a CREATE (or ADD) for.
 *
 * @remarks The index of a partitioned table is not valid while a partition has none: so it is dumped, and so it comes back.
 */
const catalogueSql = `
WITH space AS (
  SELECT oid, quote_ident(nspname) AS name FROM pg_namespace
  WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'
), own AS (
  SELECT classid, objid FROM pg_depend WHERE deptype IN ('e', 'i') AND classid <> 'pg_class'::regclass
  UNION ALL
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e' AND classid = 'pg_class'::regclass
), relation AS (
  SELECT c.oid, c.relkind, c.relispartition, space.name || '.' || quote_ident(c.relname) AS name
  FROM pg_class c JOIN space ON space.oid = c.relnamespace
  WHERE NOT EXISTS (SELECT FROM own WHERE classid = 'pg_class'::regclass AND objid = c.oid)
)
SELECT 'tables', name FROM relation WHERE relkind IN ('r', 'p', 'f')
UNION ALL SELECT 'views', name FROM relation WHERE relkind IN ('v', 'm')
UNION ALL SELECT 'sequences', name FROM relation WHERE relkind = 'S'
UNION ALL SELECT CASE WHEN (i.indisvalid AND i.indisready) OR (relation.relkind = 'I' AND NOT EXISTS (
    -- A partitioned index that was made ONLY there is not valid, as it was; one whose like lies unattached at a partition lost that.
    SELECT FROM pg_inherits part JOIN pg_index twin ON twin.indrelid = part.inhrelid
    WHERE part.inhparent = i.indrelid AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = twin.indexrelid)
      AND (SELECT array_agg(pg_get_indexdef(twin.indexrelid, k, true) ORDER BY k) FROM generate_series(1, twin.indnatts) k)
        = (SELECT array_agg(pg_get_indexdef(i.indexrelid, k, true) ORDER BY k) FROM generate_series(1, i.indnatts) k)
  )) THEN 'indexes' ELSE 'invalid indexes' END, name
  FROM relation JOIN pg_index i ON i.indexrelid = relation.oid
  WHERE NOT EXISTS (
    SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))
UNION ALL SELECT 'constraints', relation.name || '.' || quote_ident(k.conname)
  FROM pg_constraint k JOIN relation ON relation.oid = k.conrelid
  WHERE k.contype IN ('p', 'u', 'x', 'f', 'c') AND (k.contype <> 'f' OR k.conparentid = 0)
    AND (k.contype <> 'c' OR k.conislocal OR relation.relispartition)
UNION ALL SELECT 'triggers', relation.name || '.' || quote_ident(t.tgname)
  FROM pg_trigger t JOIN relation ON relation.oid = t.tgrelid
  WHERE NOT t.tgisinternal AND t.tgparentid = 0
UNION ALL SELECT 'extensions', quote_ident(extname) FROM pg_extension
UNION ALL SELECT 'types', space.name || '.' || quote_ident(t.typname)
  FROM pg_type t JOIN space ON space.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c') OR (t.typtype = 'p' AND NOT t.typisdefined)
    OR (t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)))
    AND NOT EXISTS (SELECT FROM own WHERE classid = 'pg_type'::regclass AND objid = t.oid)
UNION ALL SELECT 'functions', space.name || '.' || quote_ident(p.proname)
  FROM pg_proc p JOIN space ON space.oid = p.pronamespace
  WHERE p.prokind IN ('f', 'p', 'w', 'a') AND NOT EXISTS (
    SELECT FROM own WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
UNION ALL SELECT 'large objects', count(*)::text FROM pg_largeobject_metadata`;

/**
 * Compares a database with the inventory of the dump that it was restored from.
 *
 * @param connection - To a role that may read every table.
 * @returns One comparison for each table and each kind of object; see {@link compareCatalogue}.
 * @throws `OffsiteError` as {@link query}.
 */
export async function compareWithInventory(
  connection: Connection,
  inventory: Inventory,
  options: CompareOptions = {},
): Promise<Comparison[]> {
  const asked = options.ask ?? ((sql: string) => query(connection, sql, options));
  const ask: Ask = (sql) => asked(`${asTheyAreSql};\n${sql}`);
  const catalogue = await ask(catalogueSql);
  const { dumped, isCompared } = readable(inventory);
  const namesOf = (kind: string) =>
    catalogue.filter(([of, name = '']) => of === kind && isCompared(name)).map(([, name = '']) => name);
  const objects = Object.fromEntries(objectKinds.map((kind) => [kind, namesOf(kind)])) as Record<
    ObjectKind,
    string[]
  >;
  const restored: RestoredCatalogue = {
    rows: await countRows(ask, dumped.rows),
    objects,
    invalidIndexes: namesOf('invalid indexes'),
    largeObjects: Number(catalogue.find(([of]) => of === 'large objects')?.[1] ?? 0),
  };
  return compareCatalogue(dumped, restored);
}

/** Text of a database in SQL_ASCII has no encoding, and may be none in UTF-8. */
const asTheyAreSql = `DO $$ BEGIN IF current_setting('server_encoding') = 'SQL_ASCII' THEN SET client_encoding = 'SQL_ASCII'; END IF; END $$`;

/** Where names are in bytes that cannot be read here, what has a name in ASCII is compared. */
function readable(inventory: Inventory): {
  readonly dumped: Inventory;
  readonly isCompared: (name: string) => boolean;
} {
  const names = [...Object.keys(inventory.rows), ...objectKinds.flatMap((kind) => inventory[kind])];
  if (!names.some(isUndecoded)) return { dumped: inventory, isCompared: () => true };
  const isCompared = (name: string) => /^[ -~]*$/.test(name) && !isUndecoded(name);
  const objects = Object.fromEntries(objectKinds.map((kind) => [kind, inventory[kind].filter(isCompared)]));
  const rows = Object.entries(inventory.rows).filter(([table]) => isCompared(table));
  return { dumped: { ...inventory, ...objects, rows: Object.fromEntries(rows) }, isCompared };
}

/** What is counted of a table, and what of it. */
const countedSql = `SELECT c.oid, c.relkind, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f')`;

async function countRows(ask: Ask, dumped: Inventory['rows']): Promise<Record<string, number | null>> {
  const tables = Object.keys(dumped);
  // Names come from a dump's text: they are taken apart and quoted anew, never spliced into SQL as they stand.
  const known = new Map(
    (await ask(countedSql)).map(([oid = '', kind, name = '']) => [qualified(name), { oid, kind }]),
  );
  const present = tables.flatMap((table) => {
    const found = known.get(qualified(table));
    return found === undefined ? [] : [{ table, ...found }];
  });
  const oids = present.map(({ oid }) => oid).join(',');
  const counts = new Map<string, number>();
  // Rows of --include-foreign-data lie on another server, beside what was there.
  for (const { table, kind } of present) if (kind === 'f') counts.set(table, dumped[table] as number);
  const own = present.filter(({ kind }) => kind !== 'f');
  const statements = own.map(({ table, oid, kind }) => {
    // Rows that went in by the root of a partitioned table lie in its partitions; those that were dumped by
    // themselves are counted by themselves.
    const where = `tableoid NOT IN (SELECT relid FROM pg_catalog.pg_partition_tree(${oid})
      WHERE relid::oid = ANY ('{${oids}}'::oid[]) AND relid::oid <> ${oid})`;
    const from = kind === 'p' ? `${qualified(table)} WHERE ${where}` : `ONLY ${qualified(table)}`;
    return `SELECT ${quoteLiteral(table)}, pg_catalog.count(*) FROM ${from}`;
  });
  let most = countedAtOnce;
  while (statements.length > 0) {
    const rows = await ask(statements.slice(0, most).join('\nUNION ALL ')).catch((error: OffsiteError) => {
      if (most === 1 || !/out of shared memory/.test(error.found)) throw error;
    });
    // Each index is locked, too, and a small server has few locks.
    if (rows === undefined) most = Math.ceil(most / 4);
    else statements.splice(0, most);
    for (const [table = '', count] of rows ?? []) counts.set(table, Number(count));
  }
  return Object.fromEntries(tables.map((table) => [table, counts.get(table) ?? null]));
}

function qualified(table: string): string {
  return splitName(table).map(quoteIdentifier).join('.');
}
