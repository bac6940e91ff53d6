// What is in the database that BitAgent will ask for: nothing, what was restored, or what somebody needs.

import { countedTable } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import type { Connection } from '../postgres/connection.ts';
import { query, quoteLiteral } from '../postgres/programs.ts';
import type { DatabaseIdentity } from './noted.ts';

/** What a database is found to be. */
export type Found =
  | { readonly is: 'missing'; readonly system: string }
  /** It has no tables. */
  | ({ readonly is: 'empty' } & DatabaseIdentity)
  | ({
      readonly is: 'filled';
      readonly tables: number;
      readonly rows: number | undefined;
    } & DatabaseIdentity);

type Ask = { readonly connection: Connection; readonly database: string; readonly signal: AbortSignal };

/**
 * Looks into a database.
 *
 * @throws {@link OffsiteError} if the server does not answer, or refuses.
 */
export async function lookInto({ connection, database, signal }: Ask): Promise<Found> {
  const identitySql = `SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = ${quoteLiteral(database)})
    FROM pg_control_system()`;
  const [[system = '', oid = ''] = []] = await queryAnywhere({ connection, database, signal }, identitySql);
  if (oid === '') return { is: 'missing', system };
  const tablesSql = `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e')`;
  const [[tables = '0'] = []] = await query(connection, tablesSql, { database, signal });
  if (tables === '0') return { is: 'empty', system, oid };
  return {
    is: 'filled',
    system,
    oid,
    tables: Number(tables),
    rows: await countRows({ connection, database, signal }),
  };
}

/** Rows of the counted table. @returns `undefined` if there is no such table. */
export async function countRows({ connection, database, signal }: Ask): Promise<number | undefined> {
  const there = `SELECT to_regclass('${countedTable}') IS NOT NULL`;
  if ((await query(connection, there, { database, signal }))[0]?.[0] !== 't') return undefined;
  const rows = await query(connection, `SELECT count(*) FROM ${countedTable}`, { database, signal });
  return Number(rows[0]?.[0]);
}

/** Stands in whichever database there is. */
async function queryAnywhere({ connection, database, signal }: Ask, sql: string): Promise<string[][]> {
  let refusal: unknown;
  for (const place of ['postgres', database, 'template1']) {
    try {
      return await query(connection, sql, { database: place, signal });
    } catch (error) {
      refusal ??= error;
      if (!(error instanceof OffsiteError) || !/database ".*" does not exist/.test(error.found)) throw error;
    }
  }
  throw refusal;
}
