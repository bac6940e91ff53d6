// A copy of a SQLite database that its application goes on writing to: made by SQLite's own back-up, and never by copying
// the file, of which the newest commits lie in another one (WAL).

import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { backup, DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { OffsiteError } from '../base/errors.ts';
import { diskFull } from '../base/free-bytes.ts';
import { type ChildFailure, type Command, stdoutOf, textOf } from '../base/process.ts';

/** Where the database is: on this machine, or inside of a container that has `sqlite3`. */
export type SidecarPlace = { readonly path: string; readonly container?: string | undefined };

/** All pages in one step: between two steps, whoever writes would have it begin anew, for ever. */
const pagesAtOnce = 2 ** 31 - 1;
/** For a lock that is not given: of a database without WAL, while it is written. */
const lockWithinMs = 10_000;
const copyWithinMs = 600_000;
/**
 * What was under way when a writer was killed has to be undone or done first, and that is to write: READONLY, with
 * RECOVERY, CANTLOCK, ROLLBACK or CANTINIT. @see https://www.sqlite.org/rescode.html
 */
const needsWriting: ReadonlySet<number> = new Set([264, 520, 776, 1288]);

/**
 * Copies a database as it is at one moment.
 *
 * @param to - A file that is not there yet.
 * @throws {@link OffsiteError} `SIDECAR_UNREADABLE`, `DISK_FULL`, `PROGRAM_MISSING`, `CONTAINER_UNREACHABLE`, or the signal's reason.
 */
export async function copyDatabase(place: SidecarPlace, to: string, signal?: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(copyWithinMs);
  const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  try {
    await (place.container === undefined ? copyHere(place.path, to, either) : copyInside(place, to, either));
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (limit.aborted) throw unreadable(place, `no end within ${copyWithinMs / 60_000} minutes`);
    if (error instanceof OffsiteError) throw error;
    throw (
      diskFull(`a copy of ${place.path} (${to})`, error, 'TMPDIR') ??
      unreadable(place, (error as Error).message)
    );
  }
}

async function copyHere(path: string, to: string, signal: AbortSignal): Promise<void> {
  // SQLite only says that it is "unable to open database file".
  const found = await stat(path);
  if (!found.isFile()) throw new Error('no file');
  try {
    await backUp(new DatabaseSync(path, { readOnly: true, timeout: lockWithinMs }), to, signal);
  } catch (error) {
    if (!needsWriting.has((error as { errcode?: number }).errcode ?? 0)) throw error;
    await rm(to, { force: true });
    await backUp(new DatabaseSync(path, { timeout: lockWithinMs }), to, signal);
  }
}

async function backUp(database: DatabaseSync, to: string, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  if (signal.aborted) reject(signal.reason);
  try {
    await Promise.race([backup(database, to, { rate: pagesAtOnce }), promise]);
  } finally {
    database.close();
  }
}

/** A copy beside it, which is read out and removed: a back-up needs a file to seek in. */
async function copyInside(
  { path, container = '' }: SidecarPlace,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const place = { path, container };
  const copy = `/tmp/offsite-sidecar-${process.pid}-${Date.now()}.db`;
  const inside = (...args: string[]): Command => ({ program: 'docker', args: ['exec', container, ...args] });
  const errorOf = (failure: ChildFailure) => containerError(place, failure);
  try {
    // -readonly: sqlite3 would make the file that a slip of the pen names. It copies a hundred pages at a time; within a
    // transaction they are those of one moment, and whoever writes does not have it begin anew.
    const commands = [
      `.timeout ${lockWithinMs}`,
      'BEGIN',
      'SELECT count(*) FROM sqlite_master',
      `.backup '${copy}'`,
    ];
    await textOf(inside('sqlite3', '-readonly', '-bail', path, ...commands), { errorOf, signal });
    await pipeline(
      stdoutOf(inside('cat', copy), { errorOf, signal }),
      createWriteStream(to, { flags: 'wx', mode: 0o600 }),
    );
  } finally {
    // It may never have been made; and a container that is gone has taken it along.
    await textOf(inside('rm', '-f', copy), { errorOf }).catch(() => undefined);
  }
}

function containerError({ path, container }: SidecarPlace, failure: ChildFailure): OffsiteError {
  const { startError, stderr, exitCode } = failure;
  if (startError !== undefined) {
    return new OffsiteError('PROGRAM_MISSING', 'docker cannot be started', {
      expected: 'the program docker on the PATH',
      found: startError,
      hint: 'install Docker, or name the file on this machine (--path, without a container)',
    });
  }
  // What docker says of it, some versions say on stdout.
  if (exitCode === 126 || exitCode === 127 || /executable file not found/.test(stderr)) {
    return new OffsiteError('PROGRAM_MISSING', `there is no sqlite3 in container ${container}`, {
      expected: 'a container that can copy its database by SQLite’s own back-up',
      found: stderr || 'none that can be run',
      hint: `name the file on this machine instead, by the volume's path (docker inspect -f '{{json .Mounts}}' ${container}): offsite sidecar backup --path /var/lib/docker/volumes/…`,
    });
  }
  if (/No such container|is not running|is paused|is restarting|docker daemon|docker\.sock/i.test(stderr)) {
    return new OffsiteError('CONTAINER_UNREACHABLE', `container ${container} cannot be entered`, {
      expected: 'a container that runs',
      found: stderr,
      hint: 'see docker ps for its name, and start it',
    });
  }
  const full = diskFull(
    `a copy in /tmp of container ${container}`,
    new Error(stderr),
    '--path, outside of it',
  );
  return full ?? unreadable({ path, container }, stderr || `exit code ${exitCode}`);
}

function unreadable({ path, container }: SidecarPlace, found: string): OffsiteError {
  const where = container === undefined ? '' : ` in container ${container}`;
  return new OffsiteError('SIDECAR_UNREADABLE', `${path}${where} could not be copied`, {
    expected: 'a SQLite database that may be read',
    found,
    hint: 'name the dashboard’s database with --path (BitAgent: /data/bitagent-ui.db in its container), and let this user read it and its folder, where SQLite keeps what belongs to it',
  });
}
