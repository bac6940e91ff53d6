// Restores a plain dump into a fresh database, whole or not at all: what fails half-way is dropped again, and a
// database that was there before is never touched.

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { splitName } from '../archive/comparison.ts';
import { OffsiteError } from '../base/errors.ts';
import type { Connection } from '../postgres/connection.ts';
import { errorLine, explainClientFailure } from '../postgres/errors.ts';
import { clientCommand, query, quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { DumpSplitter } from '../sql/splitter.ts';

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
  readonly signal?: AbortSignal | undefined;
};

const stderrTailChars = 16_384;
const feederGraceMs = 1000;

/**
 * Restores a dump into a database that it creates.
 *
 * @throws `OffsiteError` `DATABASE_EXISTS`, `ROLE_MISSING`, `RESTORE_FAILED` with psql's first error, `INTERRUPTED`,
 *   or what the dump's own stream failed with. The database is dropped again; roles that were created remain.
 */
export async function restore(options: RestoreOptions): Promise<void> {
  const { connection, database, binDir, signal } = options;
  const maintenance = { database: options.maintenanceDatabase ?? 'postgres', binDir };
  const run = (sql: string) => query(connection, sql, maintenance);
  await refuseExisting(run, database);
  await provideRoles(run, options.roles ?? [], options.createRoles ?? false);
  throwIfInterrupted(signal);
  const owner = options.owner === undefined ? '' : ` OWNER ${quoteIdentifier(plainName(options.owner))}`;
  await run(`CREATE DATABASE ${quoteIdentifier(database)}${owner} TEMPLATE template0 ENCODING 'UTF8'`).catch(
    (error) => {
      throw /already exists/.test((error as OffsiteError).found) ? databaseExists(database) : error;
    },
  );
  try {
    await feedPsql(options);
  } catch (error) {
    await run(`DROP DATABASE IF EXISTS ${quoteIdentifier(database)} WITH (FORCE)`).catch((dropError) => {
      throw remains(database, error, dropError);
    });
    throw error;
  }
}

async function refuseExisting(run: (sql: string) => Promise<string[][]>, database: string): Promise<void> {
  const found = await run(`SELECT 1 FROM pg_database WHERE datname = ${quoteLiteral(database)}`);
  if (found.length > 0) throw databaseExists(database);
}

async function provideRoles(
  run: (sql: string) => Promise<string[][]>,
  names: readonly string[],
  create: boolean,
): Promise<void> {
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

/** Feeds the dump to psql; whichever of the two fails first, the other is ended and waited for. */
async function feedPsql({ connection, database, dump, binDir, signal }: RestoreOptions): Promise<void> {
  // Given as a file, stdin's lines are counted in errors.
  const args = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', '-'];
  const command = clientCommand(connection, 'psql', args, { database, binDir });
  const child = execa(command.program, command.args, {
    env: command.env,
    extendEnv: false,
    stdin: 'pipe',
    stdout: 'ignore',
    buffer: false,
    reject: false,
    forceKillAfterDelay: 3000,
    ...(signal && { cancelSignal: signal }),
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-stderrTailChars);
  });
  let fed = false;
  let sourceError: unknown;
  const source = watched(guarded(dump), (error) => {
    sourceError = error;
  });
  const feeding = pipeline(
    Readable.from(source, { objectMode: false }),
    child.stdin,
    signal ? { signal } : {},
  )
    .then(() => {
      fed = true;
    })
    // psql has got less than everything: it must not end as if that were all. EPIPE: it is gone already.
    .catch(() => child.kill());
  const result = await child;
  // psql may be gone before its pipe tells. A psql that read less than everything leaves a feeder that never ends.
  if (!result.failed) await Promise.race([feeding, sleep(feederGraceMs, undefined, { ref: false })]);
  if (!fed) child.stdin.destroy();
  throwIfInterrupted(signal);
  if (sourceError !== undefined) throw sourceFailed(sourceError);
  if (result.failed || !fed) {
    throw psqlFailed(connection, database, { ...result, startError: result.code, stderr });
  }
}

/** Gives psql whole statements and rows only, and none of its own commands: it could run programs with them. */
async function* guarded(dump: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const splitter = new DumpSplitter();
  for await (const chunk of dump) {
    for (const { bytes } of splitter.push(chunk)) yield bytes;
  }
  for (const { bytes } of splitter.finish()) yield bytes;
}

/** Tells the dump's own failures from those of psql's pipe, which a stream throws into its source. */
async function* watched(
  dump: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  const iterator = dump[Symbol.asyncIterator]();
  const next = () =>
    iterator.next().catch((error: unknown) => {
      onError(error);
      throw error;
    });
  try {
    for (let item = await next(); !item.done; item = await next()) yield item.value;
  } finally {
    await iterator.return?.();
  }
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

function roleMissing(missing: readonly string[], statements: readonly string[]): OffsiteError {
  return new OffsiteError('ROLE_MISSING', 'the dump belongs to roles that this server does not have', {
    expected: 'every role that owns something in the dump',
    found: `no role ${missing.join(', ')}`,
    hint: `create it first: ${statements.join(' ')} or let the restore create it (--create-roles)`,
  });
}

function sourceFailed(error: unknown): OffsiteError {
  if (error instanceof OffsiteError) return error;
  return new OffsiteError('RESTORE_FAILED', 'the dump could not be read to its end', {
    expected: 'the whole dump',
    found: error instanceof Error ? error.message : String(error),
    hint: 'the half-restored database was dropped again; try another archive, or this one once more',
    cause: error,
  });
}

type PsqlFailure = Parameters<typeof explainClientFailure>[2] & { readonly stderr: string };

function psqlFailed(connection: Connection, database: string, failure: PsqlFailure): OffsiteError {
  if (failure.startError === 'ENOENT' || failure.startError === 'EACCES') {
    return explainClientFailure(connection, 'psql', failure, database);
  }
  const ending = failure.signal
    ? `psql was ended by ${failure.signal}`
    : `psql ended with ${failure.exitCode}`;
  return new OffsiteError('RESTORE_FAILED', 'psql could not restore the dump', {
    expected: 'psql to read the whole dump without an error',
    found: errorLine(failure.stderr) || `${ending}, before the end of the dump`,
    hint: hintFor(failure.stderr),
  });
}

/** The failures of restoring that the field knows, by psql's words. */
function hintFor(stderr: string): string {
  if (
    /transaction_timeout|unrecognized configuration parameter|unsupported version|\\restrict|invalid command/.test(
      stderr,
    )
  ) {
    return 'restore to a server, and with a psql, of the major version of pg_dump or newer, and up to date';
  }
  if (/No space left|could not extend|disk full/i.test(stderr)) return 'give the server more disk space';
  if (/must be owner of extension|permission denied/.test(stderr)) return 'restore as a superuser';
  if (/role ".*" does not exist/.test(stderr)) return 'create the role first, or let the restore create it';
  return 'the half-restored database was dropped again; the line number is that of the plain dump';
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
