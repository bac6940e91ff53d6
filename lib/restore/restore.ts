// Restores a plain dump into a fresh database, whole or not at all: what fails half-way is dropped again, and a
// database that was there before is never touched.

import type { SourceDatabase } from '../archive/source-database.ts';
import { OffsiteError } from '../base/errors.ts';
import { type Connection, describeConnection } from '../postgres/connection.ts';
import { query, quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { createDatabase, databaseExists, type Run } from './create-database.ts';
import { plainName, readHead } from './dump-head.ts';
import { makingOf } from './new-database.ts';
import { knownSettingsSql, type LeavesOut, setsOneOf, unknownSettings } from './plan.ts';
import { giveProperties } from './properties.ts';
import { feedPsql } from './psql.ts';
import { provideRoles, withoutGrants } from './roles.ts';

export type RestoreOptions = {
  /** To the server, as a role that may create databases. */
  readonly connection: Connection;
  /** The database to make; must not exist. */
  readonly database: string;
  /** The dump's plain text. It must fail rather than end when it was cut. */
  readonly dump: AsyncIterable<Uint8Array>;
  /** What the agent was told of the database that was dumped; else the dump's own words decide. */
  readonly source?: SourceDatabase | undefined;
  /** All roles that the dump names, as it writes them, where that is known. */
  readonly roles?: readonly string[] | undefined;
  /** Creates missing roles, instead of refusing what they own and leaving out what they were granted. */
  readonly createRoles?: boolean | undefined;
  /** Where to stand while creating and dropping. */
  readonly maintenanceDatabase?: string | undefined;
  readonly binDir?: string | undefined;
  /** Told what the operator should know. */
  readonly warn?: ((sentence: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Of a name; Postgres cuts longer ones without an error. */
const nameBytesMax = 63;

/**
 * Restores a dump into a database that it creates, and gives that what its source had of its own.
 *
 * @throws `OffsiteError` `DATABASE_EXISTS`, `ROLE_MISSING`, `RESTORE_FAILED` with psql's first error, `INTERRUPTED`,
 *   or what the dump's own stream failed with. The database is dropped again; roles that were created remain.
 */
export async function restore(options: RestoreOptions): Promise<void> {
  const { connection, database, signal, source, warn = () => undefined } = options;
  const nameBytes = Buffer.byteLength(database);
  if (nameBytes > nameBytesMax) throw nameTooLong(database, nameBytes);
  const run = await standBeside(options);
  await refuseExisting(run, database);
  await warnOfSuperuser(run, options.warn);
  const { head, dump } = await readHead(options.dump, signal).catch((error: unknown) => {
    throwIfInterrupted(signal);
    throw error;
  });
  const { making, warnings } = makingOf(source, head);
  for (const sentence of warnings) warn(sentence);
  const existing = await provideRoles(run, {
    owners: head.owners,
    named: [...(options.roles ?? []).map(plainName), ...(source === undefined ? [] : [source.owner])],
    logins: source?.logins ?? [],
    create: options.createRoles ?? false,
  });
  const owners = [source?.owner, head.databaseOwner, ...head.owners].filter(
    (name): name is string => name !== undefined && existing.has(name),
  );
  const unknown = unknownSettings(await run(knownSettingsSql));
  throwIfInterrupted(signal);
  const at = describeConnection(connection);
  const owner = await createDatabase(run, { database, making, owners: [...new Set(owners)], warn, at });
  if (source !== undefined && source.owner !== owner) warn(otherOwner(source.owner, owner));
  const withoutMissing = withoutGrants(existing, (role) => warn(grantsLeftOut(role)));
  const leavesOut: LeavesOut = (tokens) => setsOneOf(tokens, unknown) || withoutMissing(tokens);
  const leftOut: Buffer[] = [];
  try {
    await feedPsql({ ...options, dump, leavesOut, onLeftOut: (statement) => leftOut.push(statement) });
    throwIfInterrupted(signal);
    await analyze(options, warn);
    await giveProperties({ ...options, run, owner, leftOut, encoding: head.encoding, warn });
    throwIfInterrupted(signal);
  } catch (error) {
    await run(`DROP DATABASE IF EXISTS ${quoteIdentifier(database)} WITH (FORCE)`).catch((dropError) => {
      throw remains(database, error, dropError);
    });
    throw withWayToRows(error);
  }
}

/** Until then the planner knows nothing of the tables: every query would be slow for a while. */
async function analyze(
  { connection, database, binDir, signal }: RestoreOptions,
  warn: (sentence: string) => void,
): Promise<void> {
  await query(connection, 'ANALYZE', { database, binDir, signal }).catch((error: unknown) => {
    if (signal?.aborted) return;
    const found = error instanceof OffsiteError ? error.found : String(error);
    warn(
      `the planner's statistics could not be made (${found}): run ANALYZE in ${database}, or its queries are slow until autovacuum does`,
    );
  });
}

function otherOwner(wanted: string, owner: string): string {
  return `the database belonged to ${wanted}, which this server lacks or this role may not give it to: it belongs to ${owner} (ALTER DATABASE … OWNER TO …)`;
}

function grantsLeftOut(role: string): string {
  return `what the dump grants to ${role} is left out: this server has no such role (with --create-roles it is made)`;
}

/** Finds a database to stand in while another is made: not every server has kept `postgres`. */
async function standBeside({ connection, maintenanceDatabase, binDir }: RestoreOptions): Promise<Run> {
  const own = connection.via === 'server' ? connection.env.PGDATABASE : connection.database;
  let refusal: unknown;
  for (const database of new Set([maintenanceDatabase ?? 'postgres', own ?? 'template1', 'template1'])) {
    // psql's encoding is else the server's, inside a container.
    const run: Run = (sql) =>
      query(connection, `SET client_encoding = 'UTF8';\n${sql}`, { database, binDir });
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

function nameTooLong(database: string, bytes: number): OffsiteError {
  return new OffsiteError('USAGE', `${database} is too long for the name of a database`, {
    expected: `at most ${nameBytesMax} bytes`,
    found: `${bytes} bytes, which the server would cut`,
    hint: 'name another with --into',
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

function remains(database: string, error: unknown, dropError: unknown): OffsiteError {
  const { code, message, expected, found } = error as OffsiteError;
  return new OffsiteError(code ?? 'RESTORE_FAILED', message, {
    expected: expected ?? 'a whole restore',
    found: `${found ?? message}; and dropping the database again failed: ${(dropError as OffsiteError).found}`,
    hint: `drop it yourself: DROP DATABASE ${quoteIdentifier(database)} WITH (FORCE)`,
    cause: error,
  });
}
