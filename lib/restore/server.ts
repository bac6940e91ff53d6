// The server that is restored into: a place to stand there, and what must be known of it beforehand.

import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../base/errors.ts';
import { textOf } from '../base/process.ts';
import { clientError } from '../postgres/client-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { query } from '../postgres/programs.ts';
import { openDatabase, type ServerConnection, type Session } from '../postgres/session.ts';
import { directConnections } from './direct.ts';

/**
 * Asks the server, in a database that is not the one to be made unless another is named.
 *
 * @param sql - One statement, or several that may share a transaction.
 * @param signal - Breaks off what is asked in a database that is named.
 * @throws {@link OffsiteError}
 */
export type Run = (sql: string, database?: string, signal?: AbortSignal) => Promise<string[][]>;

export type Server = {
  readonly run: Run;
  readonly version: string;
  /** Where sessions of our own can be opened. */
  readonly direct?: ServerConnection | undefined;
  /** Why they cannot. */
  readonly because: string;
  close(): Promise<void>;
};

export type ServerOptions = {
  readonly connection: Connection;
  /** Where to stand while creating and dropping. */
  readonly maintenanceDatabase?: string | undefined;
  readonly binDir?: string | undefined;
};

/** psql's encoding is else the server's, inside a container; and a database's own settings hold for whoever enters it. */
const first =
  "SET client_encoding = 'UTF8'; SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = 0";

const idleMostMs = 30_000;

/** Finds a database to stand in while another is made: not every server has kept `postgres`. */
export async function standBeside(options: ServerOptions): Promise<Server> {
  const { connection, maintenanceDatabase } = options;
  const own = connection.via === 'server' ? connection.env.PGDATABASE : connection.database;
  const places = [...new Set([maintenanceDatabase ?? 'postgres', 'template1', own ?? 'template1'])];
  const refusals: string[] = [];
  for (const direct of connection.via === 'server' ? directConnections(connection.env) : []) {
    for (const place of places) {
      const server = await standDirectly(direct, place).catch((error: OffsiteError) => error);
      if (!(server instanceof Error)) return server;
      refusals.push(server.found);
    }
  }
  const because =
    connection.via === 'container'
      ? `container ${connection.container} is entered by docker exec`
      : (refusals[0] ?? 'only libpq understands this connection');
  return standByPsql(options, places, because);
}

async function standByPsql(
  { connection, binDir }: ServerOptions,
  places: readonly string[],
  because: string,
): Promise<Server> {
  let refusal: unknown;
  for (const place of places) {
    const run: Run = (sql, database = place, signal) =>
      query(connection, `${first};\n${sql}`, { database, binDir, signal });
    const answer = await run('SHOW server_version').catch((error: OffsiteError) => error);
    if (!(answer instanceof Error))
      return { run, version: answer[0]?.[0] ?? '', because, close: async () => undefined };
    refusal ??= answer;
    if (!/database ".*" (?:does not exist|is not currently accepting)/.test(answer.found)) break;
  }
  throw refusal;
}

/** By a session that stays, and others that come and go: nothing can be renamed under them. */
async function standDirectly(direct: ServerConnection, place: string): Promise<Server> {
  const enter = async (database: string) => {
    const session = await openDatabase(direct, database).catch(told);
    await session.run(first).catch(told);
    return session;
  };
  const ask = async (session: Session, sql: string) =>
    (await session.rows(sql).catch(told)).map((row) => row.map((field) => field ?? ''));
  let beside = await enter(place);
  let usedAt = performance.now();
  const askBeside = async (sql: string) => {
    // While a dump is loaded nothing is asked for hours: by then a firewall may have forgotten it.
    if (performance.now() - usedAt > idleMostMs) {
      beside.destroy();
      beside = await enter(place);
    }
    usedAt = performance.now();
    return ask(beside, sql).catch(async (error) => {
      // A transaction that it began is not to be gone on with.
      await beside.run('ROLLBACK').catch(() => undefined);
      throw error;
    });
  };
  const run: Run = async (sql, database, signal) => {
    if (database === undefined || database === place) return askBeside(sql);
    const session = await enter(database);
    const breakOff = () => session.destroy();
    signal?.addEventListener('abort', breakOff, { once: true });
    try {
      return await ask(session, sql);
    } finally {
      signal?.removeEventListener('abort', breakOff);
      await session.close().catch(() => undefined);
    }
  };
  const version = (await run('SHOW server_version'))[0]?.[0] ?? '';
  return { run, version, direct, because: '', close: () => beside.close().catch(() => undefined) };
}

function told(error: Error): never {
  if (error instanceof OffsiteError) throw error;
  const { detail } = error as Error & { detail?: string };
  throw new OffsiteError('DATABASE_REFUSED', 'the database server refused what it was asked', {
    expected: 'to be served',
    found: `ERROR: ${error.message}${detail === undefined ? '' : `; ${detail}`}`,
    hint: 'what was found is the server’s own word; its log may say more',
    cause: error,
  });
}

/** SQL of a dump may do whatever the role may that restores it. */
export async function warnOfSuperuser({ run }: Server, warn: (sentence: string) => void): Promise<void> {
  const [row] = await run(`SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user`);
  if (row?.[1] !== 't') return;
  warn(
    `${row[0]} is a superuser: what the dump says in SQL may run programs on the database server. If anybody else could have written this archive, restore as an ordinary role (docs/restore-test.md), or into a server that is nothing to lose`,
  );
}

/**
 * How much room there is where the server keeps its databases.
 *
 * @returns `undefined` where that cannot be seen from here.
 */
export async function freeBytesOn({ run }: Server, connection: Connection): Promise<number | undefined> {
  try {
    const folder = (await run('SHOW data_directory'))[0]?.[0] ?? '';
    if (connection.via === 'container') {
      const args = ['exec', connection.container, 'df', '-Pk', folder];
      const errorOf = (failure: Parameters<typeof clientError>[2]) => clientError(connection, 'df', failure);
      const lines = (await textOf({ program: 'docker', args }, { errorOf })).trim().split('\n');
      const freeKib = Number(lines.at(-1)?.trim().split(/\s+/)[3]);
      return Number.isFinite(freeKib) ? freeKib * 1024 : undefined;
    }
    // Of another machine, or a container, that folder is not here.
    if (!existsSync(join(folder, 'postmaster.pid'))) return undefined;
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    if (error instanceof OffsiteError || error instanceof Error) return undefined;
    throw error;
  }
}
