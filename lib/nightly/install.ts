// install and uninstall: files are written whole or not at all, and those that a person has made or changed are left alone.

import { chmod, lstat, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OffsiteError } from '../base/errors.ts';
import { makeFolder } from '../base/make-folder.ts';
import { type ChildFailure, textOf } from '../base/process.ts';
import { filesOf, type PlannedFile, pathsOf, unitsOf } from './files.ts';
import { type Place, possiblePlaces } from './host.ts';
import type { Installation } from './installation.ts';
import { type Found, foundOf } from './marked.ts';

export type Done = { readonly path: string; readonly what: 'written' | 'unchanged' | 'kept' | 'removed' };

type Looked = PlannedFile & { readonly found: Found; readonly before: FileText | undefined };

/** What is to be done, and what is there already. */
export async function lookAt(installation: Installation): Promise<Looked[]> {
  return Promise.all(
    filesOf(installation).map(async (file) => {
      const before = await fileAt(file.path);
      const found = foundOf(before?.text, file.text);
      // Secrets that everybody may read by now, a script that nobody may run.
      return { ...file, before, found: found === 'same' && before?.mode !== file.mode ? 'ours' : found };
    }),
  );
}

/**
 * Writes the files and has them run.
 *
 * @returns Each file; one that was changed by hand is `kept`.
 * @throws {@link OffsiteError} `FILE_EXISTS` for a file that is not ours, before anything is written; `INSTALL_FAILED` if
 *   systemd refuses: what was there before is there again then, and nothing else.
 */
export async function install(installation: Installation, place: Place): Promise<Done[]> {
  const looked = await lookAt(installation);
  const foreign = looked.find(({ found }) => found === 'foreign');
  if (foreign !== undefined) throw notOurs(foreign.path);
  const toWrite = looked.filter(({ found }) => found === 'absent' || found === 'ours');
  try {
    for (const file of toWrite) await replace(file);
    await startUnits(installation.source, place, installation.log !== undefined);
  } catch (error) {
    const isNew = looked.every(({ before }) => before === undefined);
    if (isNew)
      await stopUnits(installation.source, place, installation.log !== undefined).catch(() => undefined);
    for (const { path, before } of toWrite) {
      if (before === undefined) await rm(path, { force: true });
      else await replace({ path, ...before });
    }
    await removeEmpty(toWrite.map(({ path }) => path));
    if (place.isRunning) await systemctl(place, 'daemon-reload').catch(() => undefined);
    throw error;
  }
  return looked.map(({ path, found }) => ({
    path,
    what: found === 'same' ? 'unchanged' : found === 'changed' ? 'kept' : 'written',
  }));
}

/** Where a source is installed, of the places that this user can see. */
export async function installedAt(source: string, root: string): Promise<Place[]> {
  const places = possiblePlaces(root, source);
  const isThere = await Promise.all(
    places.map(async (place) => {
      const found = await Promise.all(
        pathsOf({ ...place, source }).scripts.map(async (path) => foundOf((await fileAt(path))?.text)),
      );
      return found.some((one) => one === 'ours' || one === 'changed');
    }),
  );
  return places.filter((_, index) => isThere[index]);
}

/**
 * Takes back what {@link install} did.
 *
 * @returns Each file that was there; one that was changed by hand is `kept`.
 */
export async function uninstall(source: string, place: Place): Promise<Done[]> {
  const { environment, scripts, log } = pathsOf({ ...place, source });
  // By its scripts an installation is found again, should this be interrupted: what holds secrets goes first.
  const paths = [environment, ...log, ...scripts];
  const found = await Promise.all(paths.map(async (path) => foundOf((await fileAt(path))?.text)));
  const isOurs = paths.map((_, index) => found[index] === 'ours' || found[index] === 'changed');
  // Also one that a person has changed: what it starts goes.
  const isThere = (some: readonly string[]) =>
    paths.some((path, index) => some.includes(path) && isOurs[index]);
  if (isThere(scripts)) await stopUnits(source, place, isThere(log));
  const done: Done[] = [];
  for (const [index, path] of paths.entries()) {
    if (found[index] === 'ours') await rm(path);
    if (isOurs[index]) done.push({ path, what: found[index] === 'ours' ? 'removed' : 'kept' });
  }
  const removed = done.filter(({ what }) => what === 'removed').map(({ path }) => path);
  await removeEmpty(removed);
  if (place.isRunning && removed.length > 0) await systemctl(place, 'daemon-reload');
  return done;
}

/** What is run besides writing files, to be shown. */
export function commandsOf({ source, log }: Pick<Installation, 'source' | 'log'>, place: Place): string[] {
  if (place.way !== 'systemd') return [];
  return startWords(source, place, log !== undefined).map((words) =>
    ['systemctl', ...whose(place), ...words].join(' '),
  );
}

/** What begins by itself. */
function enabledUnits(source: string, withLog: boolean): string[] {
  const { nightly, log } = unitsOf(source);
  return [...nightly.slice(1), ...(withLog ? log.slice(1) : [])];
}

function startWords(source: string, place: Place, withLog: boolean): string[][] {
  const units = enabledUnits(source, withLog);
  if (!place.isRunning) return [['enable', ...units]];
  // One that runs already goes on by its new text.
  const running = units.filter((unit) => unit.endsWith('.service'));
  return [['daemon-reload'], ['enable', '--now', ...units], ...running.map((unit) => ['restart', unit])];
}

async function startUnits(source: string, place: Place, withLog: boolean): Promise<void> {
  if (place.way !== 'systemd') return;
  for (const words of startWords(source, place, withLog)) await systemctl(place, ...words);
}

async function stopUnits(source: string, place: Place, withLog: boolean): Promise<void> {
  if (place.way !== 'systemd') return;
  const units = enabledUnits(source, withLog);
  await systemctl(place, 'disable', ...(place.isRunning ? ['--now'] : []), ...units);
  if (!place.isRunning) return;
  const { nightly, log } = unitsOf(source);
  // When it last ran: another installation would make up for the days since, at once. And that a night failed.
  for (const unit of units)
    await rm(join(place.stampFolder, `stamp-${unit}`), { force: true }).catch(() => undefined);
  for (const unit of [...nightly, ...(withLog ? log : [])])
    if (unit.endsWith('.service')) await systemctl(place, 'reset-failed', unit).catch(() => undefined);
}

async function systemctl(place: Place, ...words: string[]): Promise<void> {
  const args = [...whose(place), ...words];
  await textOf(
    { program: 'systemctl', args },
    {
      errorOf: ({ stderr, startError, exitCode }: ChildFailure) =>
        new OffsiteError('INSTALL_FAILED', `systemd did not take it: systemctl ${args.join(' ')}`, {
          expected: 'exit code 0',
          found: stderr || (startError ?? `exit code ${exitCode}`),
          hint: place.forUser ? 'is there a session? see systemctl --user status' : 'see systemctl status',
        }),
    },
  );
}

function whose({ forUser, root }: Place): string[] {
  return [...(forUser ? ['--user'] : []), ...(root === '/' ? [] : [`--root=${root}`])];
}

type FileText = { readonly text: string; readonly mode: number };

/** A link, a folder or a device is somebody's, whatever it leads to. */
async function fileAt(path: string): Promise<FileText | undefined> {
  const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
  });
  if (stats === undefined) return undefined;
  return { text: stats.isFile() ? await readFile(path, 'utf8') : '', mode: stats.mode & 0o777 };
}

async function replace({ path, text, mode }: Omit<PlannedFile, 'holdsSecrets'>): Promise<void> {
  await makeFolder(dirname(path));
  // run-parts and systemd leave out what begins with a dot. One name: what a killed run left is replaced.
  const partial = join(dirname(path), `.${basename(path)}.partial`);
  await rm(partial, { force: true });
  try {
    await writeFile(partial, text, { mode: 0o600, flag: 'wx' });
    await chmod(partial, mode);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Folders of our own name that are empty now. */
async function removeEmpty(paths: readonly string[]): Promise<void> {
  for (const folder of new Set(paths.map((path) => dirname(path)))) {
    if (basename(folder) === 'offsite') await rmdir(folder).catch(() => undefined);
  }
}

function notOurs(path: string): OffsiteError {
  return new OffsiteError('FILE_EXISTS', `${path} is there already, and 'offsite install' did not make it`, {
    expected: 'no file, or one of its own',
    found: 'a file of yours',
    hint: 'look at it: if it takes back-ups, too, move it away (mv); then run the same command again',
  });
}
