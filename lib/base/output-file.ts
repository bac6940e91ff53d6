// Where a person wants something written. The one place that opens it, so that nothing of his is lost by a mistyped name:
// only a regular file is ever replaced, and only by a whole one; a link is followed to what it names; a device or pipe is
// written through.

import { randomBytes } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { access, link, open, readdir, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { OffsiteError } from './errors.ts';
import { diskFull } from './free-bytes.ts';
import { isAlive } from './is-alive.ts';

/** Dumps hold password hashes and API keys, reports the names of tables: nobody else's business. */
export const ownEyes = 0o600;
/** A partial file of a process that is gone, which nothing was written to for so long, is the rest of a killed one. */
const abandonedMs = 60_000;

/** What else fails while something is written (a connection) is no fault of the place. */
const fileCalls = new Set(
  'open write writev fsync fdatasync ftruncate close stat access readlink realpath link rename unlink'.split(
    ' ',
  ),
);

/** A regular file's name, whether one may be there already, and who may read it. */
export type FilePlace = { readonly file: string; readonly replaces: boolean; readonly mode: number };

type Place = { readonly through: string | number } | FilePlace;

export type OutputOptions = {
  /** Whether a file that is there may be replaced. */
  readonly force: boolean;
  /** The flag that names the place. */
  readonly flag: string;
  /** Of a file that is made; its owner's alone when not given. */
  readonly mode?: number;
};

/** Whether a name stands for our own stdout. */
export function isStdout(path: string): boolean {
  return ['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'].includes(path);
}

/**
 * Makes sure that something can be written to a place, and changes nothing.
 *
 * @throws {@link OffsiteError} `FILE_EXISTS`, `USAGE`.
 */
export async function assertOutput(path: string, options: OutputOptions): Promise<void> {
  const place = await placeOf(path, options);
  if (!('file' in place)) return;
  await access(dirname(place.file), constants.W_OK).catch((error) => {
    throw outputError(path, error, options);
  });
}

/**
 * Writes to a place that a person named.
 *
 * @param write - Is called once it is certain that it can be written; opens the stream when it has something to write,
 *   and ends it.
 * @throws {@link OffsiteError} `FILE_EXISTS`, `USAGE`, `DISK_FULL`, or what `write` threw. A file that was there under the
 *   name is as it was then, and no other remains.
 */
export async function writeOutput<T>(
  path: string,
  options: OutputOptions,
  write: (destination: () => Writable) => Promise<T>,
): Promise<T> {
  const place = await placeOf(path, options);
  // What becomes of our own stdout is the program's to tell.
  if ('through' in place && place.through === 1) return write(() => process.stdout);
  try {
    return 'file' in place
      ? await replaceFile(place, write)
      : await write(() => streamThrough(place.through));
  } catch (error) {
    throw outputError(path, error, options);
  }
}

/**
 * Which file a person means.
 *
 * @returns `undefined` if it is none, but something to write through.
 * @throws As {@link assertOutput}.
 */
export async function filePlaceOf(path: string, options: OutputOptions): Promise<FilePlace | undefined> {
  const place = await placeOf(path, options);
  return 'file' in place ? place : undefined;
}

async function placeOf(path: string, options: OutputOptions): Promise<Place> {
  // What these are opened as is open already: opening it anew would empty a file that is appended to.
  const descriptor = /^(?:\/dev\/fd|\/proc\/self\/fd)\/(\d+)$/.exec(path)?.[1];
  if (isStdout(path)) return { through: 1 };
  if (path === '/dev/stderr') return { through: 2 };
  if (descriptor !== undefined) return { through: Number(descriptor) };
  const refused = (found: string) =>
    new OffsiteError('USAGE', `${path} cannot be written`, {
      expected: "a file, a pipe, or '-' for stdout",
      found,
      hint: `name another with ${options.flag}`,
    });
  try {
    const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (stats?.isDirectory() || /\/$/.test(path)) throw refused('a folder');
    if (stats?.isBlockDevice()) throw refused('a disk');
    if (stats?.isSocket()) throw refused('a socket');
    if (stats !== undefined && !stats.isFile()) return { through: path };
    if (stats !== undefined && !options.force) throw fileExists(path, options);
    return { file: await followed(path), replaces: options.force, mode: options.mode ?? ownEyes };
  } catch (error) {
    throw outputError(path, error, options);
  }
}

/** What a name stands for in the end, whether it is there or not. */
async function followed(path: string, hops = 0): Promise<string> {
  const folder = await realpath(dirname(path));
  const named = join(folder, basename(path));
  const target = await readlink(named).catch(() => undefined);
  if (target === undefined) return named;
  if (hops > 40) throw Object.assign(new Error('too many links'), { code: 'ELOOP' });
  return followed(resolve(folder, target), hops + 1);
}

function streamThrough(where: string | number): Writable {
  if (where === 2) return process.stderr;
  if (typeof where === 'number') return createWriteStream('', { fd: where });
  // Neither made nor emptied, should it be another thing by now; and a terminal does not become ours.
  const flags = (constants.O_WRONLY | constants.O_NOCTTY) as unknown as string;
  return createWriteStream(where, { flags });
}

async function replaceFile<T>(
  place: FilePlace,
  write: (destination: () => Writable) => Promise<T>,
): Promise<T> {
  await removeAbandoned(place.file);
  const partial = `${place.file}.${process.pid}-${randomBytes(3).toString('hex')}.partial`;
  const handle = await open(partial, 'wx', ownEyes);
  try {
    await handle.chmod(place.mode);
    const result = await write(() => handle.createWriteStream());
    await giveName(place, partial);
    return result;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * Gives a whole file its name.
 *
 * @throws `EEXIST` if that may not be replaced, and another process took it meanwhile.
 */
export async function giveName({ file, replaces }: FilePlace, partial: string): Promise<void> {
  if (replaces) return rename(partial, file);
  try {
    await link(partial, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    // Not every file system has links.
    return rename(partial, file);
  }
  await rm(partial);
}

/** Removes what killed processes left of a file that nobody can go on with. */
export async function removeAbandoned(file: string): Promise<void> {
  const folder = dirname(file);
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = name.startsWith(`${basename(file)}.`) && /\.(\d+)-\w+\.partial$/.exec(name)?.[1];
    if (!pid || isAlive(Number(pid)) || (await isKept(file, name))) continue;
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > abandonedMs)
      await rm(join(folder, name), { force: true });
  }
}

/** Where it says whose bytes a partial file has: see partial-file.ts. */
export function stateFileOf(file: string, mark: string): string {
  return `${file}.${mark}.partial.json`;
}

/** Whether another run may go on with it. */
async function isKept(file: string, name: string): Promise<boolean> {
  const mark = /-(\w+)\.partial$/.exec(name)?.[1] ?? '';
  return (await stat(stateFileOf(file, mark)).catch(() => undefined)) !== undefined;
}

function fileExists(path: string, { flag }: OutputOptions): OffsiteError {
  return new OffsiteError('FILE_EXISTS', `${path} is there already`, {
    expected: 'a file that is not there yet',
    found: 'one that would be replaced',
    hint: `name another with ${flag}, or say --force`,
  });
}

/** What a failure says of the place that was named; other failures are as they were. */
export function outputError(path: string, error: unknown, options: OutputOptions): unknown {
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof OffsiteError || code === undefined || !fileCalls.has(syscall ?? '')) return error;
  if (code === 'EEXIST') return fileExists(path, options);
  if (code === 'EPIPE')
    return new OffsiteError('OUTPUT_LOST', `who read ${path} has gone before its end`, {
      expected: 'a reader that takes all of it',
      found: message,
      hint: 'look why it ended, begin it again, and run the same command again',
    });
  const full = diskFull(path, error, options.flag);
  if (full !== undefined) return full;
  if (
    !['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'EROFS', 'ELOOP', 'ENAMETOOLONG', 'ENXIO'].includes(
      code,
    )
  )
    return error;
  return new OffsiteError('USAGE', `${path} cannot be written`, {
    expected: 'a place that may be written',
    found: message,
    hint: `name another with ${options.flag}`,
  });
}
