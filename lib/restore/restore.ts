// Restores a plain dump into a fresh database, whole or not at all: what fails half-way is dropped again, and a
// database that was there before is never touched.

import { OffsiteError } from '../base/errors.ts';
import { psqlLine } from '../postgres/connection.ts';
import { quoteIdentifier } from '../postgres/programs.ts';
import { assertServerFits, majorOf } from '../postgres/server-versions.ts';
import { dumpByHand } from '../postgres/statement-error.ts';
import { assertNameFits, createDatabase, databaseExists } from './create-database.ts';
import { plainName } from './dump-head.ts';
import { DumpParts } from './dump-parts.ts';
import { fill, Kept, type Made, type Under } from './fill.ts';
import { dropHalfMade, exists } from './leftovers.ts';
import { firstMarkSql, newMark, timeInName } from './mark.ts';
import { makingOf } from './new-database.ts';
import { type LeavesOut, withoutFirstDrops } from './plan.ts';
import { sourceFailure } from './psql.ts';
import { takenFrom } from './replaced.ts';
import { type Restored, type RestoreOptions, throwIfInterrupted } from './restoring.ts';
import { provideRoles, withoutGrants, withoutTablespaces } from './roles.ts';
import { type Server, standBeside, warnOfSuperuser } from './server.ts';

/**
 * Restores a dump into a database that it creates, and gives that what its source had of its own.
 *
 * @throws `OffsiteError` `DATABASE_EXISTS`, `ROLE_MISSING`, `SERVER_TOO_OLD`, `RESTORE_FAILED` with the first error,
 *   `INTERRUPTED`, or what the dump's own stream failed with. The database is dropped again; roles that were created remain.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const server = options.server ?? (await standBeside(options));
  try {
    return await restoreOn(server, options);
  } finally {
    if (options.server === undefined) await server.close();
  }
}

async function restoreOn(server: Server, options: RestoreOptions): Promise<Restored> {
  const { database, signal, warn = () => undefined } = options;
  assertNameFits(database);
  if (options.beforeCreate === undefined && (await exists(server.run, database)))
    throw databaseExists(database);
  await warnOfSuperuser(server, warn);
  const takesInventory = options.compare !== undefined && options.compare.inventory === undefined;
  const dump = new DumpParts(options.dump, { takesInventory });
  const head = await dump.readHead(signal).catch((error: unknown) => {
    throwIfInterrupted(signal);
    throw sourceFailure(error);
  });
  assertServerFits(head, server.version);
  const mark = options.mark ?? newMark(database, timeInName(new Date()));
  const source = options.source ?? (options.replaced && takenFrom(options.replaced, head, warn));
  const made = await makeDatabase({ ...options, source }, { server, head, mark, warn });
  try {
    throwIfInterrupted(signal);
    return await fill({ ...options, source }, { ...made, server, head, mark, warn, dump });
  } catch (error) {
    if (error instanceof Kept) throw error.refusal;
    await dropHalfMade(server.run, database).catch((dropError) => {
      throw remains(options, error, dropError);
    });
    throwIfInterrupted(signal);
    throw withWayToRows(error, options.byHand);
  }
}

async function makeDatabase(options: RestoreOptions, { server, head, mark, warn }: Under): Promise<Made> {
  const { database, source, replaced, signal } = options;
  const { run } = server;
  const { making, warnings } = makingOf(replaced ? undefined : source, head, replaced);
  for (const sentence of warnings) warn(sentence);
  const ofSource =
    source === undefined
      ? []
      : [source.owner, ...(source.grants ?? []).flatMap(({ grantee }) => grantee ?? [])];
  const existing = await provideRoles(run, {
    owners: head.owners,
    named: [...(options.roles ?? []).map(plainName), ...ofSource],
    logins: source?.logins ?? [],
    create: options.createRoles ?? false,
  });
  const owners = [source?.owner, head.databaseOwner, ...head.owners].filter(
    (name): name is string => name !== undefined && existing.has(name),
  );
  throwIfInterrupted(signal);
  await options.beforeCreate?.(server, head);
  throwIfInterrupted(signal);
  const owner = await createDatabase(run, {
    database,
    making,
    major: majorOf(server.version),
    owners: [...new Set(owners)],
    tablespace: head.tablespace ?? source?.tablespace,
    marking: firstMarkSql(database, mark),
    warn,
  });
  if (source !== undefined && source.owner !== owner) warn(otherOwner(source.owner, owner));
  const withoutMissing = withoutGrants(existing, (role) => warn(grantsLeftOut(role)));
  const withoutMissingSpaces = await withoutTablespaces(run, warn);
  const withoutDrops = withoutFirstDrops();
  const leavesOut: LeavesOut = (tokens) =>
    withoutDrops(tokens) || withoutMissing(tokens) || withoutMissingSpaces(tokens);
  return { owner, leavesOut };
}

function otherOwner(wanted: string, owner: string): string {
  return `the database belonged to ${wanted}, which this server lacks or this role may not give it to: it belongs to ${owner} (ALTER DATABASE … OWNER TO …)`;
}

function grantsLeftOut(role: string): string {
  return `what the dump grants to ${role} is left out: this server has no such role (with --create-roles it is made)`;
}

/** Whatever stands in the way of the whole: rows are better than nothing on the day that they are needed. */
function withWayToRows(error: unknown, byHand = dumpByHand): unknown {
  if (!(error instanceof OffsiteError) || !waysToRowsFor.has(error.code)) return error;
  const way = `an older archive may come back whole ('offsite list', then 'offsite restore ID'); the rows of this one can be had all the same: '${dumpByHand}' into a psql without ON_ERROR_STOP, as docs/format.md says`;
  return new OffsiteError(error.code, error.message, {
    ...error,
    hint: `${error.hint}; ${way}`.replaceAll(dumpByHand, byHand),
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

function remains({ connection, database }: RestoreOptions, error: unknown, dropError: unknown): OffsiteError {
  const { code, message, expected, found, hint } = error as Error & Partial<OffsiteError>;
  const sql = `DROP DATABASE ${quoteIdentifier(database)} WITH (FORCE)`;
  return new OffsiteError(code ?? 'RESTORE_FAILED', message, {
    expected: expected ?? 'a whole restore',
    found: `${found ?? message}; and dropping the database again failed: ${(dropError as OffsiteError).found}`,
    hint: `${hint === undefined ? '' : `${hint}; `}what is half restored can be dropped by hand: ${psqlLine(connection, 'postgres', sql)}`,
    cause: error,
  });
}
