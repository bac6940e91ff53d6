// Whether somebody has a SQLite database open: a file that is replaced under an application is written to by it, and lost.

import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OffsiteError } from '../base/errors.ts';
import { textOf } from '../base/process.ts';
import { beginsAsSqlite } from './inspect.ts';

/** What SQLite keeps beside a database: commits that are not in the file yet, the index of these, and what undoes one. */
export const companions = ['-wal', '-shm', '-journal'] as const;

const lockWithinMs = 1000;
const busy = 5;

/** Of a database that is let go of when this is called. */
export type Claim = { readonly release: () => void };

/**
 * Takes a database for oneself alone, as far as SQLite's own locks go. What others have written into the log beside the
 * file is in the file when the claim is let go.
 *
 * @returns Nothing to hold of a file that is not there, or that SQLite does not take for a database.
 * @throws {@link OffsiteError} `SIDECAR_IN_USE`.
 */
export async function claim(path: string): Promise<Claim> {
  const nothing = { release: () => undefined };
  if ((await stat(path).catch(() => undefined)) === undefined) return nothing;
  await refuseOpened(path);
  // SQLite would make one of it, out of the log that lies beside it.
  if (!(await beginsAsSqlite(path))) return nothing;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: lockWithinMs });
    // In WAL mode whoever is connected has a shared lock, and this wants the file for itself.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT');
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode !== busy) return nothing;
    throw inUse(path, 'another connection has it locked');
  }
  return { release: () => void (database.isOpen && database.close()) };
}

/** @throws {@link OffsiteError} `SIDECAR_IN_USE` if a container runs that has the file. */
export async function refuseRunning(container: string, path: string): Promise<void> {
  const errorOf = () => new Error('no such container, or no docker');
  const args = ['inspect', '-f', '{{.State.Running}}', container];
  const running = await textOf({ program: 'docker', args }, { errorOf }).catch(() => 'false');
  if (running.trim() !== 'true') return;
  throw inUse(path, `container ${container} runs`, `stop it first: docker stop ${container}`);
}

/** By whom a file is opened that no lock tells of. Where there is no /proc, or another user's is not to be seen, none is. */
async function refuseOpened(path: string): Promise<void> {
  const wanted = await stat(path);
  const names = new Set([await realpath(path), `${await realpath(path)}-wal`]);
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const at = `/proc/${pid}/fd/${descriptor}`;
      const target = await readlink(at).catch(() => '');
      if (!target.startsWith('/')) continue;
      // Of a container, the name is another one.
      const same = names.has(target) || (basename(target) === basename(path) && (await isSame(at, wanted)));
      if (same) throw inUse(path, `process ${pid} has it open`);
    }
  }
}

async function isSame(
  at: string,
  { dev, ino }: { readonly dev: number; readonly ino: number },
): Promise<boolean> {
  const found = await stat(at).catch(() => undefined);
  return found?.dev === dev && found.ino === ino;
}

function inUse(
  path: string,
  found: string,
  hint = 'stop the dashboard first (docker compose stop), and start it afterwards',
): OffsiteError {
  return new OffsiteError('SIDECAR_IN_USE', `${path} is in use, and was left as it is`, {
    expected: 'a database that nobody has open: whoever has would go on writing to the old file',
    found,
    hint,
  });
}
