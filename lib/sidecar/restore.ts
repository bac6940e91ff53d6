// sidecar-restore: a database file from an archive, in place of what is there or where nothing is. It takes the name when it is
// whole and looked at; what was there stays beside it under another, with what SQLite kept for it.

import { type FileHandle, link, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ArchiveId } from '../archive/names.ts';
import { openArchive } from '../archive/open-archive.ts';
import { readRecord } from '../archive/read-manifest.ts';
import { OffsiteError } from '../base/errors.ts';
import { diskFull } from '../base/free-bytes.ts';
import type { ArchiveStore } from '../store/store.ts';
import { bringBack } from './bring.ts';
import { claim, companions, refuseRunning } from './in-use.ts';
import { ofSidecar } from './kind.ts';
import { type SidecarManifest, sidecarRecords } from './manifest.ts';
import { askedOf } from './verify.ts';

export type SidecarRestoreOptions = {
  readonly store: ArchiveStore;
  readonly id: ArchiveId;
  /** Where the database shall be. */
  readonly path: string;
  /** That has it, and must not run. */
  readonly container?: string | undefined;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
};

export type SidecarRestored = {
  readonly manifest: SidecarManifest;
  /** Where that is now which was there. */
  readonly before?: string | undefined;
};

/**
 * Restores an archive into a file.
 *
 * @throws {@link OffsiteError} `SIDECAR_IN_USE`, `ARCHIVE_DAMAGED`, `ARCHIVE_MISSING`, `RESTORE_FAILED` if the file cannot be
 *   written. What was there is as it was then.
 */
export async function restoreSidecar(options: SidecarRestoreOptions): Promise<SidecarRestored> {
  const { store, id, container, now, signal } = options;
  // A link stays one, to what it names.
  const path = await realpath(options.path).catch(() => options.path);
  if (container !== undefined) await refuseRunning(container, path);
  const manifest = await readRecord(store, sidecarRecords, id);
  const before = await fileAt(path);
  const claimed = await claim(path);
  // One name: what a killed restore left is replaced.
  const partial = join(dirname(path), `.${basename(path)}.partial`);
  try {
    for (const name of ['', ...companions]) await rm(partial + name, { force: true });
    // By this handle alone: whoever owns the folder may have put a link under the name since.
    await using file = await open(partial, 'wx', 0o600);
    await bringBack(await openArchive(store, id, manifest, undefined, ofSidecar), manifest, file, signal);
    const deviations = await askedOf(partial, manifest);
    // Looked at, it may have companions of its own.
    for (const companion of companions) await rm(partial + companion, { force: true });
    if (deviations[0] !== undefined) throw notTheSame(id, deviations[0]);
    await likeItsPlace(file, path, before);
    signal?.throwIfAborted();
    // SQLite writes the log beside it into the old file now, and takes it away.
    claimed.release();
    const kept = await takePlace(partial, path, before !== undefined, now());
    return { manifest, before: kept };
  } catch (error) {
    claimed.release();
    for (const name of ['', ...companions]) await rm(partial + name, { force: true });
    throw error instanceof OffsiteError || signal?.aborted ? error : notWritten(path, error as Error);
  }
}

type Owner = { readonly uid: number; readonly gid: number; readonly mode: number };

async function fileAt(path: string): Promise<Owner | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw notWritten(path, error);
  });
  if (found === undefined || found.isFile()) return found;
  throw notWritten(path, new Error('something that is no file'));
}

/** The dashboard's user is another than who restores: what was there tells whose it is, or the folder does. */
async function likeItsPlace(file: FileHandle, path: string, before: Owner | undefined): Promise<void> {
  const { uid, gid } = before ?? (await stat(dirname(path)));
  if (before !== undefined) await file.chmod(before.mode & 0o777);
  const own = process.getuid?.() === uid && process.getgid?.() === gid;
  if (!own) await file.chown(uid, gid).catch(ignoreRefusal);
}

/** Only root gives files away; who restores as himself has them as his own. */
function ignoreRefusal(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPERM') throw error;
}

/**
 * At each moment the name is the old database or the new one, and nothing of one lies beside the other: the log of the old
 * one would be written into the new.
 */
async function takePlace(
  partial: string,
  path: string,
  replaces: boolean,
  now: Date,
): Promise<string | undefined> {
  const kept = `${path}.before-${now.toISOString().slice(0, 19).replaceAll(':', '')}Z`;
  // Not every file system has links; there, the name is nobody's for a moment.
  if (replaces) await link(path, kept).catch((error) => withoutLinks(error, () => rename(path, kept)));
  const moved: string[] = [];
  try {
    for (const companion of companions) {
      const found = await stat(path + companion).catch(() => undefined);
      if (found === undefined) continue;
      await rename(path + companion, kept + companion);
      moved.push(companion);
    }
    await rename(partial, path);
  } catch (error) {
    for (const companion of moved) await rename(kept + companion, path + companion);
    // Of two names of one file, rename takes none away.
    if (replaces) await rename(kept, path).then(() => rm(kept, { force: true }));
    throw error;
  }
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
  return replaces || moved.length > 0 ? kept : undefined;
}

function withoutLinks(error: NodeJS.ErrnoException, otherwise: () => Promise<void>): Promise<void> {
  if (['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK'].includes(error.code ?? '')) return otherwise();
  throw error;
}

function notTheSame(
  { id }: ArchiveId,
  { what, expected, found }: { what: string; expected: string; found: string },
): OffsiteError {
  return new OffsiteError('ARCHIVE_DAMAGED', `${id} is not the database that was archived`, {
    expected: `${what}: ${expected}`,
    found,
    hint: 'take another one (offsite sidecar list); what was there is as it was',
  });
}

function notWritten(path: string, error: Error): OffsiteError {
  const full = diskFull(path, error, '--to; what was there is as it was');
  if (full !== undefined) return full;
  return new OffsiteError('RESTORE_FAILED', `${path} could not be written`, {
    expected: 'a file in a folder that may be written to, and room on its disk',
    found: error.message,
    hint: 'name another place with --to; what was there is as it was',
    cause: error,
  });
}
