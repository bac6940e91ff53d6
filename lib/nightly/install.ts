// install and uninstall: files are written whole or not at all, and those that a person has made or changed are left alone.

import { chmod, lstat, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { OffsiteError } from '../base/errors.ts';
import { makeFolder } from '../base/make-folder.ts';
import { type ChildFailure, textOf } from '../base/process.ts';
import { filesOf, nameOf, type PlannedFile, pathsOf } from './files.ts';
import { type Place, possiblePlaces } from './host.ts';
import type { Installation } from './installation.ts';
import { type Found, foundOf } from './marked.ts';

/** What became of a file. */
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
    await startTimer(installation.source, place);
  } catch (error) {
    const isNew = looked.every(({ before }) => before === undefined);
    if (isNew) await stopTimer(installation.source, place).catch(() => undefined);
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
  const places = possiblePlaces(root);
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
  const { environment, scripts } = pathsOf({ ...place, source });
  // By its scripts an installation is found again, should this be interrupted: what holds secrets goes first.
  const paths = [environment, ...scripts];
  const found = await Promise.all(paths.map(async (path) => foundOf((await fileAt(path))?.text)));
  const isOurs = paths.map((_, index) => found[index] === 'ours' || found[index] === 'changed');
  // Also one that a person has changed: what it starts goes.
  if (paths.some((path, index) => path.endsWith('.timer') && isOurs[index])) await stopTimer(source, place);
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
export function commandsOf(source: string, place: Place): string[] {
  if (place.way !== 'systemd') return [];
  const timer = `${nameOf(source)}.timer`;
  const commands = place.isRunning ? [['daemon-reload'], ['enable', '--now', timer]] : [['enable', timer]];
  return commands.map((words) => ['systemctl', ...whose(place), ...words].join(' '));
}

async function startTimer(source: string, place: Place): Promise<void> {
  if (place.way !== 'systemd') return;
  const timer = `${nameOf(source)}.timer`;
  if (place.isRunning) await systemctl(place, 'daemon-reload');
  await systemctl(place, 'enable', ...(place.isRunning ? ['--now'] : []), timer);
}

async function stopTimer(source: string, place: Place): Promise<void> {
  if (place.way !== 'systemd') return;
  const timer = `${nameOf(source)}.timer`;
  await systemctl(place, 'disable', ...(place.isRunning ? ['--now'] : []), timer);
  if (!place.isRunning) return;
  // When it last ran: another installation would make up for the days since, at once. And that a night failed.
  await rm(join(place.stampFolder, `stamp-${timer}`), { force: true }).catch(() => undefined);
  await systemctl(place, 'reset-failed', `${nameOf(source)}.service`).catch(() => undefined);
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
    hint: 'look at it: if it takes back-ups, too, move it away; then install again',
  });
}
