// Brings a dump's statements and rows into a database: by several sessions of our own where the server can be reached so,
// else by one psql.

import { availableParallelism } from 'node:os';
import type { Connection } from '../postgres/connection.ts';
import type { Session } from '../postgres/session.ts';
import type { BuildProgress } from './indexes.ts';
import { Inside } from './inside.ts';
import { restoreParallel } from './parallel.ts';
import { knownSettingsSql, setsOneOf, unknownSettings } from './plan.ts';
import { feedPsql, type PsqlOptions } from './psql.ts';
import type { Run, Server } from './server.ts';

export type Way =
  | { readonly by: 'sessions'; readonly connection: Connection; readonly sessions: number }
  /** Why not by several sessions. */
  | { readonly by: 'psql'; readonly because: string };

type LoadOptions = PsqlOptions & {
  readonly way: Way;
  /** From beside. */
  readonly run: Run;
  readonly onBuild?: ((build: BuildProgress) => void) | undefined;
};

/** More sessions than this only wait for each other. */
const sessionsMost = 8;

/** Opening more sessions would take longer than they save. */
const smallPlainBytes = 1024 ** 2;

/**
 * How many sessions load at the same time, where nobody says.
 *
 * @param plainBytes - The plain dump's length, as far as that is known.
 */
export function usualSessions(plainBytes = Number.POSITIVE_INFINITY): number {
  return plainBytes < smallPlainBytes ? 1 : Math.min(Math.max(2, availableParallelism()), sessionsMost);
}

/** @param jobs - Sessions that load at the same time; without, one psql does. */
export function chooseWay({ direct, because }: Server, jobs: number | undefined): Way {
  if (jobs === undefined) return { by: 'psql', because: 'asked for' };
  return direct ? { by: 'sessions', connection: direct, sessions: jobs } : { by: 'psql', because };
}

/**
 * @returns Where the database can be asked, as long as it is not closed.
 * @throws As {@link restoreParallel} and {@link feedPsql}.
 */
export async function loadDump(options: LoadOptions): Promise<Inside | undefined> {
  const { way, database, dump, leavesOut, onLeftOut, onBuild, signal } = options;
  if (way.by === 'psql') {
    const unknown = unknownSettings(await options.run(knownSettingsSql));
    await feedPsql({
      ...options,
      leavesOut: (tokens) => setsOneOf(tokens, unknown) || leavesOut(tokens),
    });
    return undefined;
  }
  const { connection, sessions } = way;
  const inside = new Inside(connection, database, signal);
  const more = { skips: leavesOut, onLeftOut, onBuild, signal };
  try {
    await restoreParallel({ connection, database, inside, dump, sessions, ...more });
    return inside;
  } catch (error) {
    await inside.close();
    throw error;
  }
}

/** Less than a hundredth of a second each. */
const smallTablesAtOnce = 8;

/** Tables that hold rows, the largest first, and whether it is a small one; partitioned ones after what they are made of. */
const analyzableSql = `
  SELECT format('%I.%I', n.nspname, c.relname), c.relkind <> 'p' AND pg_relation_size(c.oid) < 1048576 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm', 'p') AND c.oid >= 16384 AND n.nspname !~ '^pg_'
    AND (c.relkind = 'p' OR pg_relation_size(c.oid) > 0)
  ORDER BY c.relkind = 'p', pg_relation_size(c.oid) DESC`;

/**
 * Makes the planner's statistics: until then it knows nothing of the tables, and every query would be slow.
 *
 * @throws What the server says.
 */
export async function analyze(sessions: readonly Session[]): Promise<void> {
  // Nothing is lost with statistics that a power cut takes; the names that change in the end are waited for.
  await Promise.all(sessions.map((session) => session.run('SET synchronous_commit = off')));
  const tables = (await sessions[0]?.rows(analyzableSql)) ?? [];
  const next = () => tables.splice(0, tables[0]?.[1] === 't' ? smallTablesAtOnce : 1);
  await Promise.all(
    sessions.map(async (session) => {
      for (let some = next(); some.length > 0; some = next())
        await session.run(`ANALYZE ${some.map(([name]) => name).join(', ')}`);
    }),
  );
}
