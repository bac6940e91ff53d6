// Restores a plain dump into a fresh database, whole or not at all: what fails half-way is dropped again, and a
// database that was there before is never touched.

import { splitName } from '../archive/comparison.ts';
import { OffsiteError } from '../base/errors.ts';
import { type Connection, describeConnection } from '../postgres/connection.ts';
import { query, quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { knownSettingsSql, unknownSettings } from './plan.ts';
import { feedPsql } from './psql.ts';

export type RestoreOptions = {
  /** To the server, as a role that may create databases. */
  readonly connection: Connection;
  /** The database to make; must not exist. */
  readonly database: string;
  /** The dump's plain text. It must fail rather than end when it was cut. */
  readonly dump: AsyncIterable<Uint8Array>;
  /** Roles that the dump names, as it writes them; it cannot be restored without them. */
  readonly roles?: readonly string[] | undefined;
  /** Creates missing roles without the right to log in, instead of refusing. */
  readonly createRoles?: boolean | undefined;
  /** Who shall own the database, as the dump spells it; the connection's role when not given. */
  readonly owner?: string | undefined;
  /** Where to stand while creating and dropping. */
  readonly maintenanceDatabase?: string | undefined;
  readonly binDir?: string | undefined;
  /** Told what the operator should know before anything of the dump is run. */
  readonly warn?: ((sentence: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Asks the server, standing in a database that is not the one to be made. */
type Run = (sql: string) => Promise<string[][]>;

/** Of a name; Postgres cuts longer ones without an error. */
const nameBytesMax = 63;

/**
 * Restores a dump into a database that it creates.
 *
 * @throws `OffsiteError` `DATABASE_EXISTS`, `ROLE_MISSING`, `RESTORE_FAILED` with psql's first error, `INTERRUPTED`,
 *   or what the dump's own stream failed with. The database is dropped again; roles that were created remain.
 */
export async function restore(options: RestoreOptions): Promise<void> {
  const { connection, database, signal } = options;
  const nameBytes = Buffer.byteLength(database);
  if (nameBytes > nameBytesMax) throw nameTooLong(database, nameBytes);
  const run = await standBeside(options);
  await refuseExisting(run, database);
  await warnOfSuperuser(run, options.warn);
  await provideRoles(run, options.roles ?? [], options.createRoles ?? false);
  const unknown = unknownSettings(await run(knownSettingsSql));
  throwIfInterrupted(signal);
  const owner = options.owner === undefined ? '' : ` OWNER ${quoteIdentifier(plainName(options.owner))}`;
  await run(`CREATE DATABASE ${quoteIdentifier(database)}${owner} TEMPLATE template0 ENCODING 'UTF8'`).catch(
    (error) => {
      throw creationError(error, database, describeConnection(connection));
    },
  );
  try {
    await feedPsql({ ...options, unknownSettings: unknown });
    throwIfInterrupted(signal);
  } catch (error) {
    await run(`DROP DATABASE IF EXISTS ${quoteIdentifier(database)} WITH (FORCE)`).catch((dropError) => {
      throw remains(database, error, dropError);
    });
    throw withWayToRows(error);
  }
}

/** Finds a database to stand in while another is made: not every server has kept `postgres`. */
async function standBeside({ connection, maintenanceDatabase, binDir }: RestoreOptions): Promise<Run> {
  const own = connection.via === 'server' ? connection.env.PGDATABASE : connection.database;
  let refusal: unknown;
  for (const database of new Set([maintenanceDatabase ?? 'postgres', own ?? 'template1', 'template1'])) {
    const run: Run = (sql) => query(connection, sql, { database, binDir });
    const error = await run('SELECT 1').then(
      () => undefined,
      (thrown: OffsiteError) => thrown,
    );
    if (error === undefined) return run;
    refusal ??= error;
    if (!/database ".*" (?:does not exist|is not currently accepting)/.test(error.found)) break;
  }
  throw refusal;
}

/** SQL of a dump may do whatever the role may that restores it. */
async function warnOfSuperuser(run: Run, warn: RestoreOptions['warn']): Promise<void> {
  const [row] = await run(`SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user`);
  if (row?.[1] !== 't') return;
  warn?.(
    `${row[0]} is a superuser: what the dump says in SQL may run programs on the database server. If anybody else could have written this archive, restore as an ordinary role (docs/restore-test.md), or into a server that is nothing to lose`,
  );
}

async function refuseExisting(run: Run, database: string): Promise<void> {
  const found = await run(`SELECT 1 FROM pg_database WHERE datname = ${quoteLiteral(database)}`);
  if (found.length > 0) throw databaseExists(database);
}

async function provideRoles(run: Run, names: readonly string[], create: boolean): Promise<void> {
  const existing = new Set((await run('SELECT rolname FROM pg_roles')).map(([name]) => name));
  const missing = names.map(plainName).filter((name) => !existing.has(name));
  if (missing.length === 0) return;
  const statements = missing.map((name) => `CREATE ROLE ${quoteIdentifier(name)} NOLOGIN;`);
  if (!create) throw roleMissing(missing, statements);
  await run(statements.join('\n'));
}

function plainName(name: string): string {
  return splitName(name)[0] ?? name;
}

function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  if (signal.reason instanceof OffsiteError) throw signal.reason;
  throw new OffsiteError('INTERRUPTED', 'the restore was interrupted', {
    expected: 'to be left alone until the end',
    found: 'a signal to stop',
    hint: 'the half-restored database was dropped again; start anew',
    cause: signal.reason,
  });
}

function databaseExists(database: string): OffsiteError {
  return new OffsiteError('DATABASE_EXISTS', `database ${database} exists and was left as it is`, {
    expected: 'the name of a database that does not exist: a restore makes its own',
    found: `a database ${database}`,
    hint: 'restore under another name, look at it, then rename: ALTER DATABASE … RENAME TO …',
  });
}

function nameTooLong(database: string, bytes: number): OffsiteError {
  return new OffsiteError('USAGE', `${database} is too long for the name of a database`, {
    expected: `at most ${nameBytesMax} bytes`,
    found: `${bytes} bytes, which the server would cut`,
    hint: 'name another with --into',
  });
}

function creationError(error: OffsiteError, database: string, at: string): OffsiteError {
  if (/already exists/.test(error.found)) return databaseExists(database);
  if (!/permission denied/.test(error.found)) return error;
  return new OffsiteError('DATABASE_REFUSED', `the database ${database} may not be made`, {
    expected: `a role that may create databases: ${at}`,
    found: error.found,
    hint: 'give it the right (ALTER ROLE … CREATEDB), or connect as a superuser',
    cause: error,
  });
}

/** Whatever stands in the way of the whole: rows are better than nothing on the day that they are needed. */
function withWayToRows(error: unknown): unknown {
  if (!(error instanceof OffsiteError) || !waysToRowsFor.has(error.code)) return error;
  const { code, message, expected, found, hint, exitCode } = error;
  const way =
    "the rows can be had all the same: 'offsite fetch ID --any', then psql without ON_ERROR_STOP, as docs/format.md says";
  return new OffsiteError(code, message, {
    expected,
    found,
    hint: `${hint}; ${way}`,
    exitCode,
    cause: error,
  });
}

const waysToRowsFor: ReadonlySet<string> = new Set([
  'RESTORE_FAILED',
  'RESTORE_REFUSED',
  'RESTORE_DISK_FULL',
  'RESTORE_OUT_OF_MEMORY',
  'SERVER_TOO_OLD',
  'DUMP_INCOMPLETE',
]);

function roleMissing(missing: readonly string[], statements: readonly string[]): OffsiteError {
  return new OffsiteError('ROLE_MISSING', 'the dump belongs to roles that this server does not have', {
    expected: 'every role that owns something in the dump',
    found: `no role ${missing.join(', ')}`,
    hint: `create it first: ${statements.join(' ')} or let the restore create it (--create-roles)`,
  });
}

function remains(database: string, error: unknown, dropError: unknown): OffsiteError {
  const { code, message, expected, found } = error as OffsiteError;
  return new OffsiteError(code ?? 'RESTORE_FAILED', message, {
    expected: expected ?? 'a whole restore',
    found: `${found ?? message}; and dropping the database again failed: ${(dropError as OffsiteError).found}`,
    hint: `drop it yourself: DROP DATABASE ${quoteIdentifier(database)} WITH (FORCE)`,
    cause: error,
  });
}
