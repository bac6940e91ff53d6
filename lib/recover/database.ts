// What is in the database that BitAgent will ask for: nothing, what was restored, or what somebody needs.

import { countedTable } from '../archive/verdict.ts';
import type { Connection } from '../postgres/connection.ts';
import { query, quoteLiteral } from '../postgres/programs.ts';
import { tidyLeftovers } from '../restore/leftovers.ts';
import { standBeside } from '../restore/server.ts';
import { lookAtTarget, type Target } from '../restore/target.ts';
import type { DatabaseIdentity } from './noted.ts';

/** What a database is found to be; the oid of one that is absent is empty. */
export type Found = DatabaseIdentity & {
  readonly is: Target;
};

type Place = { readonly connection: Connection; readonly database: string; readonly signal: AbortSignal };

/**
 * Looks into a database.
 *
 * @throws {@link OffsiteError} if the server does not answer, or refuses.
 */
export async function lookInto({ connection, database }: Place): Promise<Found> {
  const { run } = await standBeside({ connection });
  const [[system = '', oid = ''] = []] = await run(
    `SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = ${quoteLiteral(database)})
     FROM pg_control_system()`,
  );
  return { is: await lookAtTarget(run, database), system, oid };
}

/** Finishes or undoes what a restore left that was killed. */
export async function tidy({ connection, database }: Place, warn: (sentence: string) => void): Promise<void> {
  await tidyLeftovers((await standBeside({ connection })).run, database, warn);
}

/** Rows of the counted table. @returns `undefined` if there is no such table. */
export async function countRows({ connection, database, signal }: Place): Promise<number | undefined> {
  const there = `SELECT to_regclass('${countedTable}') IS NOT NULL`;
  if ((await query(connection, there, { database, signal }))[0]?.[0] !== 't') return undefined;
  const rows = await query(connection, `SELECT count(*) FROM ${countedTable}`, { database, signal });
  return Number(rows[0]?.[0]);
}
