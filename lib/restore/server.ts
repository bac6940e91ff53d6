// The server that is restored into: a place to stand there, and what must be known of it beforehand.

import { existsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { OffsiteError } from '../base/errors.ts';
import { freeBytesOf } from '../base/free-bytes.ts';
import { textOf } from '../base/process.ts';
import { type Connection, ownDatabase } from '../postgres/connection.ts';
import { query } from '../postgres/programs.ts';
import { addressesOf } from './container.ts';
import { askIn, askingSettings, askOnce, openToAsk } from './inside.ts';

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
  readonly direct?: Connection | undefined;
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

const idleMostMs = 30_000;

/** Finds a database to stand in while another is made: not every server has kept `postgres`. */
export async function standBeside(options: ServerOptions): Promise<Server> {
  const { connection, maintenanceDatabase } = options;
  const own = ownDatabase(connection) ?? 'template1';
  const places = [...new Set([maintenanceDatabase ?? 'postgres', 'template1', own])];
  let because =
    connection.via === 'container'
      ? `it is not said which user enters container ${connection.container} (-U)`
      : 'only libpq understands this connection';
  let isFirst = true;
  for await (const direct of directConnections(connection)) {
    const server = await firstThatServes(places, (place) => standDirectly(direct, place));
    if (!(server instanceof Error)) return server;
    if (isFirst) because = server.found;
    isFirst = false;
  }
  const server = await firstThatServes(places, (place) => standByPsql(options, place, because));
  if (server instanceof Error) throw server;
  return server;
}

/** @returns What the first place said, where none serves. */
async function firstThatServes(
  places: readonly string[],
  stand: (place: string) => Promise<Server>,
): Promise<Server | OffsiteError> {
  let refusal: OffsiteError | undefined;
  for (const place of places) {
    const server = await stand(place).catch((error: OffsiteError) => error);
    if (!(server instanceof Error)) return server;
    refusal ??= server;
    // What else is wrong is so in every database.
    if (!/database ".*" (?:does not exist|is not currently accepting)/.test(server.found)) break;
  }
  return refusal as OffsiteError;
}

async function standByPsql(
  { connection, binDir }: ServerOptions,
  place: string,
  because: string,
): Promise<Server> {
  const run: Run = (sql, database = place, signal) =>
    query(connection, `${askingSettings};\n${sql}`, { database, binDir, signal });
  const version = (await run('SHOW server_version'))[0]?.[0] ?? '';
  return { run, version, because, close: async () => undefined };
}

/** By a session that stays, and others that come and go: nothing can be renamed under them. */
async function standDirectly(direct: Connection, place: string): Promise<Server> {
  let beside = await openToAsk(direct, place);
  let usedAt = performance.now();
  const askBeside = async (sql: string) => {
    // While a dump is loaded nothing is asked for hours: by then a firewall may have forgotten it.
    if (performance.now() - usedAt > idleMostMs) {
      beside.destroy();
      beside = await openToAsk(direct, place);
    }
    usedAt = performance.now();
    return askIn(beside, sql).catch(async (error) => {
      // A transaction that it began is not to be gone on with.
      await beside.run('ROLLBACK').catch(() => undefined);
      throw error;
    });
  };
  const run: Run = async (sql, database = place, signal) =>
    database === place ? askBeside(sql) : askOnce(direct, database, sql, signal);
  const version = (await run('SHOW server_version'))[0]?.[0] ?? '';
  return { run, version, direct, because: '', close: () => beside.close().catch(() => undefined) };
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
    // Of another machine, or a container, that folder is not here.
    if (connection.via === 'server')
      return existsSync(join(folder, 'postmaster.pid')) ? await freeBytesOf(folder) : undefined;
    const args = ['exec', connection.container, 'df', '-Pk', folder];
    const words = await textOf({ program: 'docker', args }, { errorOf: ({ stderr }) => new Error(stderr) });
    const freeKib = Number(words.trim().split('\n').at(-1)?.trim().split(/\s+/)[3]);
    return Number.isFinite(freeKib) ? freeKib * 1024 : undefined;
  } catch {
    return undefined;
  }
}

/** What our own driver takes of libpq's environment; with anything else, libpq itself connects. */
const understood = new Set(
  'PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSSLMODE PGCONNECT_TIMEOUT PGAPPNAME PGCLIENTENCODING'.split(
    ' ',
  ),
);
const socketFolders = ['/var/run/postgresql', '/tmp'];
const isLocal = (host: string) => host.startsWith('/') || /^(?:localhost|127\..*|::1)$/.test(host);

/**
 * Connections for our own driver to try, everything spelled out. TLS first where the way is not within this machine, as
 * libpq does; a container by what is in it, then by its address where this machine has a way there.
 */
async function* directConnections(connection: Connection): AsyncGenerator<Connection> {
  if (connection.via === 'server') return yield* ofEnvironment(connection.env);
  const { container, user, password } = connection;
  if (user === undefined) return;
  yield connection;
  for (const address of await addressesOf(container)) {
    const env = { PGHOST: address, PGUSER: user, PGSSLMODE: 'disable' };
    yield { via: 'server', env: password === undefined ? env : { ...env, PGPASSWORD: password } };
  }
}

function* ofEnvironment(env: Readonly<Record<string, string>>): Generator<Connection> {
  const port = env.PGPORT ?? '5432';
  const host = env.PGHOST ?? socketFolders.find((folder) => isSocket(`${folder}/.s.PGSQL.${port}`));
  const mode = env.PGSSLMODE ?? 'prefer';
  const isPlain = Object.keys(env).every((name) => understood.has(name)) && !/^verify/.test(mode);
  if (host === undefined || /,/.test(`${host}${port}`) || !isPlain) return;
  const spelled = { ...env, PGHOST: host, PGPORT: port, PGUSER: env.PGUSER ?? userInfo().username };
  const modes = mode === 'require' || (mode === 'prefer' && !isLocal(host)) ? ['require'] : [];
  if (mode !== 'require') modes.push('disable');
  for (const one of modes) yield { via: 'server', env: { ...spelled, PGSSLMODE: one } };
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}
