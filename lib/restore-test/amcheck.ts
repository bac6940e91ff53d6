// What is on the disk of a recovered cluster, by Postgres's own amcheck: every table's rows, every B-tree's order.

import { inSession, type ServerConnection, type Session } from '../postgres/session.ts';
import type { CheckResult } from '../report/report.ts';

type Tally = { tables: number; indexes: number; otherwise: number; faults: number; readonly first: string[] };

const faultsNamed = 5;

/**
 * Reads every table and B-tree of some databases.
 *
 * @param connection - A superuser's.
 * @returns Skipped where the server does not have the extension.
 */
export async function amcheck(
  connection: ServerConnection,
  databases: readonly string[],
  signal?: AbortSignal,
): Promise<CheckResult> {
  const began = performance.now();
  const tally: Tally = { tables: 0, indexes: 0, otherwise: 0, faults: 0, first: [] };
  let isThere = false;
  for (const database of databases)
    await inSession(connection, database, signal, async (session) => {
      const schema = await schemaOfAmcheck(session);
      if (schema === undefined) return;
      isThere = true;
      await checkDatabase(session, schema, database, tally);
    });
  const result = {
    name: 'amcheck',
    origin: 'shipped',
    durationMs: Math.round(performance.now() - began),
  } as const;
  if (!isThere) return { ...result, outcome: 'skip', detail: 'the server has no extension amcheck' };
  return { ...result, outcome: tally.faults === 0 ? 'pass' : 'fail', detail: describe(tally) };
}

function describe({ tables, indexes, otherwise, faults, first }: Tally): string {
  const named =
    faults > first.length ? `${first.join('; ')} and ${faults - first.length} more` : first.join('; ');
  const left =
    otherwise === 0
      ? ''
      : `; ${otherwise} of text left out, whose order another C library made than the one here (docs/pitr.md)`;
  return `${tables} tables, ${indexes} B-trees${left}${faults === 0 ? '' : `; ${named}`}`;
}

/** It is put into the copy where the server could have it: the copy is thrown away. */
async function schemaOfAmcheck(session: Session): Promise<string | undefined> {
  const [[there] = []] = await session.rows(
    "SELECT count(*) FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck'",
  );
  if (there === '0') return undefined;
  await session.run('CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA pg_catalog');
  const [[schema] = []] = await session.rows(
    "SELECT pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'amcheck'",
  );
  return schema ?? undefined;
}

async function checkDatabase(
  session: Session,
  schema: string,
  database: string,
  tally: Tally,
): Promise<void> {
  const fault = (name: string | null | undefined, what: string) => {
    tally.faults += 1;
    if (tally.first.length < faultsNamed) tally.first.push(`${database}: ${name}: ${what}`);
  };
  for (const [oid, name] of await session.rows(tablesSql)) {
    tally.tables += 1;
    const found = await session
      .rows(`SELECT msg FROM ${schema}.verify_heapam(${oid}, on_error_stop => true)`)
      .catch(wordsOf);
    for (const [words] of found) fault(name, words ?? 'a fault without a word');
  }
  for (const [oid, name, isOrderKnown] of await session.rows(indexesSql(await hasVersions(session)))) {
    if (isOrderKnown === 'f') tally.otherwise += 1;
    else {
      tally.indexes += 1;
      const [[words] = []] = await session
        .rows(`SELECT NULL FROM ${schema}.bt_index_check(${oid}::regclass)`)
        .catch(wordsOf);
      if (typeof words === 'string') fault(name, words);
    }
  }
}

/** What the server finds, it throws. @throws What is not its own word. */
function wordsOf(error: Error): string[][] {
  if ('severity' in error && error.severity === 'ERROR') return [[error.message]];
  throw error;
}

async function hasVersions(session: Session): Promise<boolean> {
  const [[version] = []] = await session.rows('SHOW server_version_num');
  return Number(version) >= 150_000;
}

const tablesSql = `
  SELECT c.oid, c.oid::regclass::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am a ON a.oid = c.relam
  WHERE a.amname = 'heap' AND c.relkind IN ('r', 'm', 't') AND c.relpersistence = 'p'`;

/**
 * Text that another C library has sorted is in another order here, which is no damage: of a collation whose version is not the one that
 * made the index, nothing is said. Before 15 the database's own has none.
 */
function indexesSql(hasVersions: boolean): string {
  const ownVersion = hasVersions
    ? "coalesce(d.datcollversion = pg_catalog.pg_database_collation_actual_version(d.oid), d.datlocprovider <> 'c')"
    : 'false';
  return `
    SELECT i.indexrelid, i.indexrelid::regclass::text, NOT EXISTS (
      SELECT FROM pg_catalog.unnest(i.indcollation::oid[]) u(oid) LEFT JOIN pg_catalog.pg_collation l ON l.oid = u.oid
      WHERE u.oid <> 0 AND NOT CASE
        WHEN u.oid = 100 THEN d.datcollate IN ('C', 'POSIX') OR ${ownVersion}
        ELSE l.collcollate IN ('C', 'POSIX') OR coalesce(l.collversion = pg_catalog.pg_collation_actual_version(l.oid), false) END)
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_am a ON a.oid = c.relam
      JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
    WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p' AND i.indisvalid AND i.indisready`;
}
