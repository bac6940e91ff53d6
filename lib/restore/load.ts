// Brings a dump's statements and rows into a database: by several sessions of our own where the server can be reached so,
// else by one psql.

import { availableParallelism } from 'node:os';
import type { Connection } from '../postgres/connection.ts';
import { query } from '../postgres/programs.ts';
import { openDatabase, type ServerConnection } from '../postgres/session.ts';
import { restoreParallel } from './parallel.ts';
import type { LeavesOut } from './plan.ts';
import { feedPsql } from './psql.ts';
import type { Server } from './server.ts';

/** How a dump is loaded. */
export type Way =
  | { readonly by: 'sessions'; readonly connection: ServerConnection; readonly sessions: number }
  /** Why not by several sessions. */
  | { readonly by: 'psql'; readonly because: string };

export type LoadOptions = {
  readonly connection: Connection;
  readonly database: string;
  readonly dump: AsyncIterable<Uint8Array>;
  readonly way: Way;
  readonly leavesOut: LeavesOut;
  readonly onLeftOut: (statement: Buffer) => void;
  readonly binDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** More sessions than this only wait for each other. */
const sessionsMost = 8;

/** How many sessions load at the same time, where nobody says. */
export function usualSessions(): number {
  return Math.min(Math.max(2, availableParallelism()), sessionsMost);
}

/** @param jobs - Sessions that load at the same time. */
export function chooseWay({ direct, because }: Server, jobs: number): Way {
  return direct === undefined
    ? { by: 'psql', because }
    : { by: 'sessions', connection: direct, sessions: jobs };
}

/** @throws As {@link restoreParallel} and {@link feedPsql}. */
export async function loadDump(options: LoadOptions): Promise<void> {
  const { way, database, dump, leavesOut, onLeftOut, signal } = options;
  if (way.by === 'psql') return feedPsql(options);
  const { connection, sessions } = way;
  await restoreParallel({ connection, database, dump, sessions, skips: leavesOut, onLeftOut, signal });
}

/** Tables that hold rows, the largest first; partitioned ones after what they are made of. */
const analyzableSql = `
  SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm', 'p') AND c.oid >= 16384 AND n.nspname !~ '^pg_'
    AND (c.relkind = 'p' OR pg_relation_size(c.oid) > 0)
  ORDER BY c.relkind = 'p', pg_relation_size(c.oid) DESC`;

/**
 * Makes the planner's statistics: until then it knows nothing of the tables, and every query would be slow.
 *
 * @throws What the server says.
 */
export async function analyze({
  connection,
  database,
  way,
  binDir,
  signal,
}: Omit<LoadOptions, 'dump'>): Promise<void> {
  if (way.by === 'psql') {
    await query(connection, 'ANALYZE', { database, binDir, signal });
    return;
  }
  const sessions = await Promise.all(
    Array.from({ length: way.sessions }, () => openDatabase(way.connection, database)),
  );
  const breakOff = () => {
    for (const session of sessions) session.destroy();
  };
  signal?.addEventListener('abort', breakOff, { once: true });
  try {
    const tables = ((await sessions[0]?.rows(analyzableSql)) ?? []).map(([name]) => name);
    await Promise.all(
      sessions.map(async (session) => {
        for (let table = tables.shift(); table !== undefined; table = tables.shift())
          await session.run(`ANALYZE ${table}`);
      }),
    );
  } finally {
    signal?.removeEventListener('abort', breakOff);
    await Promise.all(sessions.map((session) => session.close().catch(() => undefined)));
  }
}
