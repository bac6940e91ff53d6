// Brings a database back: restored beside what is there, and compared, before the two change places in one transaction. So
// whatever fails, and whenever, what was there is untouched, or the restored one stands whole in its place.

import { OffsiteError, sayWhatIsSafe } from '../base/errors.ts';
import { assertDiskHolds } from '../cost/task-size.ts';
import { quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { assertAllowed } from './allowed.ts';
import { isRunning, startContainer, stopContainer } from './container.ts';
import { assertOrdinary, databaseExists, refusalOf, serverWords } from './create-database.ts';
import { type Attempt, changedMeanwhile, fateOf, sayInTime, swapError } from './fate.ts';
import { exists, tidyLeftovers } from './leftovers.ts';
import { orderMayExplain } from './load-order.ts';
import { type Mark, markSql, nameBeside, newMark, timeInName } from './mark.ts';
import { warnOfLost } from './properties.ts';
import { lookAtReplaced } from './replaced.ts';
import { restore } from './restore.ts';
import type { Restored, RestoreOptions } from './restoring.ts';
import { rolesIn } from './roles.ts';
import { freeBytesOn, type Run, type Server, standBeside } from './server.ts';
import { tellingOfSilence } from './silence.ts';
import { assertUnused, endSessionsIn, lookAtTarget, type Target } from './target.ts';

/** What becomes of a database of that name that is there already. */
export type Placing =
  /** It keeps its data under another name. One without content is dropped. */
  | { readonly how: 'swap' }
  /** It is left alone; the restored one gets this name. */
  | { readonly how: 'beside'; readonly name?: string | undefined }
  /** It is dropped first. */
  | { readonly how: 'replace' };

export type InPlaceOptions = Omit<RestoreOptions, 'mark' | 'beforeCreate' | 'place' | 'database' | 'dump'> & {
  /** Opens the plain dump: twice, where several sessions may be why it was refused. */
  readonly dump: () => AsyncIterable<Uint8Array>;
  /** The database that is to be back. */
  readonly database: string;
  readonly placing: Placing;
  /** A container that uses it: stopped before they change places, and started again. */
  readonly stop?: string | undefined;
  /** The plain dump's length, where it is known. */
  readonly plainBytes?: number | undefined;
  readonly now?: (() => Date) | undefined;
};

export type RestoredInPlace = Restored & {
  /** What the database that was there is called now. */
  readonly before?: string | undefined;
};

/**
 * Restores a dump, and lets it take the place of the database that it is of.
 *
 * @throws {@link OffsiteError} As {@link restore}; `DATABASE_IN_USE`, `RESTORE_DISK_FULL`, and `DATABASE_EXISTS` if another
 *   took the name meanwhile: then the restored one is kept, and named.
 */
export async function restoreInPlace(options: InPlaceOptions): Promise<RestoredInPlace> {
  const server = await standBeside(options);
  try {
    return await restoreInPlaceOn(server, { ...options, server });
  } finally {
    await server.close();
  }
}

async function restoreInPlaceOn(server: Server, options: InPlaceOptions): Promise<RestoredInPlace> {
  const { database, placing, warn = () => undefined, connection, plainBytes, stop } = options;
  const time = timeInName((options.now ?? (() => new Date()))());
  const name = placing.how === 'beside' ? (placing.name ?? nameBeside(database, 'restore', time)) : database;
  // A name that was given: the marks of one that was killed are for that.
  const final = placing.how === 'beside' && placing.name !== undefined ? name : database;
  await assertAllowed(server.run, { database, how: placing.how, connection, warn });
  const lost = await tidyLeftovers(server.run, final, warn);
  const target = await lookAtTarget(server.run, name);
  const stops = stop !== undefined && (await isRunning(stop));
  if (placing.how !== 'beside') {
    assertOrdinary(database);
    await assertUnused(server.run, database, { connection, stops });
  } else if (target !== 'absent') throw databaseExists(name);
  await assertRoom(server, options, plainBytes, target, warn);
  const isGone = placing.how !== 'beside' && target === 'absent';
  const there = () => (isGone ? lost : lookAtReplaced(server.run, final, target === 'empty'));
  const replaced = options.source === undefined ? await there() : undefined;
  const mark: Mark = { ...newMark(final, time), ...(stops && { stopped: stop }) };
  if (placing.how === 'replace') mark.replaced = replaced;
  const making = placing.how === 'swap' ? nameBeside(database, 'restore', time) : name;
  const wasThere = target !== 'absent';
  const attempt: Attempt = { database, wasThere, making, how: placing.how, hasDropped: false };
  const giveUp = sayInTime(options.signal, attempt);
  try {
    const roles = options.roles ?? (options.createRoles ? await rolesIn(options.dump()) : undefined);
    const more = { ...options, roles, replaced };
    return await tellingOfSilence(server, warn, () =>
      placing.how === 'replace'
        ? replace(more, { mark, stops, target, attempt })
        : restoreBeside(more, { making, mark, target }),
    );
  } catch (error) {
    throw sayWhatIsSafe(error, await fateOf(server.run, attempt, error));
  } finally {
    giveUp();
  }
}

/** Under a name of its own, until it is whole. */
async function restoreBeside(
  options: InPlaceOptions,
  { making: temporary, mark, target }: { making: string; mark: Mark; target: Target },
): Promise<RestoredInPlace> {
  const { placing } = options;
  const place = { before: undefined as string | undefined };
  const restored = await restoreAgain(options, {
    database: temporary,
    mark,
    ...(placing.how === 'swap' && {
      place: async (at: Server, last: Mark) => {
        const swapped = await swap(at, { ...options, temporary, target, mark: last });
        place.before = swapped.before;
        return swapped;
      },
    }),
  });
  return { ...restored, before: place.before };
}

/** By one session in the dump's own order, if several were refused what it may be taken in: then only the dump is blamed. */
async function restoreAgain(
  options: InPlaceOptions,
  more: Pick<RestoreOptions, 'database' | 'mark' | 'beforeCreate' | 'place'>,
): Promise<Restored> {
  const { dump, jobs = 1, warn } = options;
  try {
    return await restore({ ...options, ...more, dump: dump() });
  } catch (error) {
    if (jobs === 1 || !(error instanceof OffsiteError) || !orderMayExplain(error.cause)) throw error;
    warn?.(`${error.found}: loaded once more by one session, as the dump may count on its order`);
    return restore({ ...options, ...more, dump: dump(), jobs: 1 });
  }
}

type SwapOptions = Pick<InPlaceOptions, 'database' | 'stop' | 'warn' | 'connection'> & {
  readonly temporary: string;
  readonly target: Target;
  readonly mark: Mark;
};

type Swapped = { readonly name: string; readonly before?: string; readonly refusal?: OffsiteError };

/** One transaction: whoever ends it, and when, both have their old names or both have their new ones. */
async function swap({ run }: Server, options: SwapOptions): Promise<Swapped> {
  const { connection, database, stop, temporary, target, mark, warn = () => undefined } = options;
  const before = nameBeside(database, 'before', mark.time);
  await run(markSql(temporary, { ...mark, state: 'ready' }));
  try {
    if (mark.stopped !== undefined) await stopContainer(mark.stopped);
    await endSessionsIn(run, temporary);
    const isThere = await exists(run, database);
    if (isThere !== (target !== 'absent'))
      return { name: temporary, refusal: changedMeanwhile(connection, database, temporary, isThere) };
    const renames = [
      ...(isThere
        ? [`ALTER DATABASE ${quoteIdentifier(database)} RENAME TO ${quoteIdentifier(before)};`]
        : []),
      `ALTER DATABASE ${quoteIdentifier(temporary)} RENAME TO ${quoteIdentifier(database)};`,
    ];
    const error = await refusalOf(run(`BEGIN;\n${renames.join('\n')}\nCOMMIT;`));
    if (error !== undefined)
      return { name: temporary, refusal: swapError(error, connection, database, temporary, before) };
    // Looked at again under its new name, which nobody writes to: the restore took its time, and a program may have come.
    if (target !== 'empty' || (await lookAtTarget(run, before)) === 'filled')
      return { name: database, ...(isThere && { before }) };
    // There was nothing in it. If it cannot be dropped, it is one more database.
    const remains = await refusalOf(run(`DROP DATABASE ${quoteIdentifier(before)}`));
    if (remains !== undefined)
      warn(`the empty database that was there is ${before} now: ${serverWords(remains)}`);
    return { name: database };
  } finally {
    if (stop !== undefined && mark.stopped !== undefined) await startContainer(stop, warn);
  }
}

/** Drop and create: where there is no room for both. */
async function replace(
  options: InPlaceOptions,
  { mark, stops, target, attempt }: { mark: Mark; stops: boolean; target: Target; attempt: Attempt },
): Promise<RestoredInPlace> {
  const { database, stop, connection, replaced, warn = () => undefined } = options;
  try {
    return await restoreAgain(options, {
      database,
      mark,
      beforeCreate: async ({ run }) => {
        // By the second time, with one session.
        if (attempt.hasDropped) return;
        const unmark = stops && target !== 'absent' ? await noteStopped(run, database, mark) : undefined;
        try {
          if (stop !== undefined && stops) await stopContainer(stop);
          await assertUnused(run, database, { connection, stops: false });
          if (target !== 'absent') {
            await run(`DROP DATABASE ${quoteIdentifier(database)}`);
            attempt.hasDropped = true;
          }
        } catch (error) {
          await unmark?.();
          throw error;
        }
      },
    });
  } catch (error) {
    if (attempt.hasDropped && replaced !== undefined) warnOfLost(replaced, warn);
    throw error;
  } finally {
    if (stop !== undefined && stops) await startContainer(stop, warn);
  }
}

/**
 * On the old one: until the new one is made, nothing else could say who stopped the container.
 *
 * @returns Takes the note away.
 */
async function noteStopped(run: Run, database: string, mark: Mark): Promise<() => Promise<unknown>> {
  const own = `SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = ${quoteLiteral(database)}`;
  const comment = (await run(own))[0]?.[0] || undefined;
  await run(markSql(database, { ...mark, state: 'replacing', comment }));
  return () => run(markSql(database, undefined, comment)).catch(() => undefined);
}

async function assertRoom(
  server: Server,
  { connection, placing, database }: InPlaceOptions,
  plainBytes: number | undefined,
  target: Target,
  warn: (sentence: string) => void,
): Promise<void> {
  if (plainBytes === undefined) return;
  const freeBytes = await freeBytesOn(server, connection);
  if (freeBytes === undefined) {
    warn(
      'how much room the server’s disk has cannot be seen from here; the restored database takes about twice the plain dump',
    );
    return;
  }
  const isDropped = placing.how === 'replace' && target !== 'absent';
  const [row] = isDropped ? await server.run(`SELECT pg_database_size(${quoteLiteral(database)})`) : [];
  const way =
    placing.how === 'swap' && target === 'filled'
      ? 'let the one that is there go first, once it is not needed any more (--replace)'
      : 'restore into a server with a larger disk';
  assertDiskHolds(plainBytes, freeBytes + Number(row?.[0] ?? 0), way);
}
