// What a recovery needs before it begins, looked at all at once: a person who has to fetch three things wants to know of
// the three.

import { dirname } from 'node:path';
import { countedRows } from '../archive/catalogue-of.ts';
import type { Manifest } from '../archive/manifest.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { type Selection, selectArchive } from '../archive/select.ts';
import { exitCodes, OffsiteError } from '../base/errors.ts';
import { freeBytesOf } from '../base/free-bytes.ts';
import { formatBytes, formatCount, formatInstant } from '../base/quantities.ts';
import { type Check, failed, failedCheck, passed, warned } from '../doctor/diagnosis.ts';
import type { ArchiveStore } from '../store/store.ts';
import { lookAtEngine } from './docker.ts';
import { findStack, type Stack, type StackOptions } from './stack.ts';

export type Prepared = {
  readonly checks: readonly Check[];
  readonly engine: Awaited<ReturnType<typeof lookAtEngine>> | undefined;
  readonly stack: Stack | undefined;
  readonly archive: { readonly selection: Selection; readonly manifest: Manifest } | undefined;
};

/** Looks at the engine, the Compose file and the vault; changes nothing. */
export async function prepare(
  options: StackOptions & {
    readonly store: ArchiveStore;
    readonly source: string;
    /** An archive's id, or `latest`. */
    readonly wanted: string;
  },
  signal: AbortSignal,
): Promise<Prepared> {
  const { store, source, wanted } = options;
  const checks: Check[] = [];
  const look = async <T>(
    name: string,
    ask: () => Promise<T>,
    tell: (found: T) => string,
  ): Promise<T | undefined> => {
    try {
      const found = await ask();
      checks.push(passed(name, tell(found)));
      return found;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof OffsiteError)) throw error;
      checks.push(failedCheck(name, error));
      return undefined;
    }
  };
  const engine = await look(
    'docker',
    () => lookAtEngine(signal),
    ({ version }) => `engine ${version}`,
  );
  // What keeps the engine from answering keeps Compose from reading.
  const stack =
    engine &&
    (await look(
      'compose',
      () => findStack(options, signal),
      ({ name, postgres, app }) => `${name}: ${postgres.name} is the database, ${app.name} is BitAgent`,
    ));
  const archive = await look('archive', () => lookForArchive(store, source, wanted), tellOfArchive);
  if (archive?.selection.warning !== undefined) {
    checks.push(warned('archive', archive.selection.warning));
  }
  return { checks, engine, stack, archive };
}

/** A database and its indexes take this much of a plain dump; a GiB of WAL comes on top. */
const databaseTimesDump = 2;
const besidesBytes = 1024 ** 3;

/**
 * Whether the disk has room for what is to be restored.
 *
 * @param folder - Where the database's files will be.
 */
export async function checkDisk(
  folder: string,
  { plainBytes }: Pick<Manifest, 'plainBytes'>,
): Promise<Check> {
  const neededBytes = databaseTimesDump * plainBytes + besidesBytes;
  const freeBytes = await freeIn(folder);
  const needed = `about ${formatBytes(neededBytes)} are needed for ${formatBytes(plainBytes)} of dump`;
  if (freeBytes === undefined) {
    return warned(
      'disk',
      `${folder} cannot be looked at from here; ${needed}`,
      'is there as much on the machine that Docker runs on?',
    );
  }
  const found = `${formatBytes(freeBytes)} free in ${folder}; ${needed}`;
  if (freeBytes >= neededBytes) return passed('disk', found);
  return failed(
    'disk',
    found,
    "make room, or let Docker keep its files on another disk (data-root); 'docker system df' shows what it keeps",
    exitCodes.restore,
  );
}

async function lookForArchive(store: ArchiveStore, source: string, wanted: string) {
  const selection = await selectArchive(store, source, wanted, false);
  return { selection, manifest: await readManifest(store, selection.id) };
}

function tellOfArchive({ selection: { id, entry }, manifest }: NonNullable<Prepared['archive']>): string {
  const rows = countedRows(entry);
  const torrents = rows === undefined ? '' : `, ${formatCount(rows)} torrents`;
  return `${id.id}: taken ${formatInstant(id.takenAt)}, ${formatBytes(manifest.plainBytes)} plain${torrents}, ${entry.standing}`;
}

/** @returns `undefined` if that folder is not of this machine, or may not be looked at. */
async function freeIn(folder: string): Promise<number | undefined> {
  try {
    return await freeBytesOf(folder);
  } catch (error) {
    // A bind mount's folder is made by Docker.
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(folder) !== '/';
    return isAbsent ? freeIn(dirname(folder)) : undefined;
  }
}
