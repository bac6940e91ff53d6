// sidecar-verify: an archive is read again and opened by SQLite, as the restore of it would.

import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ByteVerdict } from '../archive/byte-verdict.ts';
import type { ArchiveId } from '../archive/names.ts';
import { openArchive } from '../archive/open-archive.ts';
import { readRecord } from '../archive/read-manifest.ts';
import type { Deviation } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import { formatBytes } from '../base/quantities.ts';
import type { ArchiveStore, OpenObject } from '../store/store.ts';
import {
  type ByteVerified,
  type JudgeOnceOptions,
  judgeOnce,
  missing,
  verdictOn,
} from '../verify/judge-once.ts';
import { bringBack } from './bring.ts';
import { beginsAsSqlite, inspect } from './inspect.ts';
import { ofSidecar } from './kind.ts';
import { type SidecarManifest, sidecarRecords } from './manifest.ts';
import { differences } from './verdict.ts';

export type SidecarVerifyOptions = {
  readonly store: ArchiveStore;
  readonly id: ArchiveId;
  readonly now: () => Date;
  /** What there is room for on the disk; a larger database is not opened by SQLite. */
  readonly roomBytes?: number | undefined;
  /** Read what is under its name now, whatever version its manifest names. */
  readonly isAgain?: boolean;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Judges an archive.
 *
 * @throws {@link OffsiteError} `MANIFEST_MISSING` and what else says nothing of its bytes.
 */
export async function verifySidecar(options: SidecarVerifyOptions): Promise<ByteVerdict> {
  const { store, id, now } = options;
  const manifest = await readRecord(store, sidecarRecords, id);
  let opened: OpenObject;
  try {
    const which = options.isAgain ? { ...manifest, versionId: null } : manifest;
    opened = await openArchive(store, id, which, undefined, ofSidecar);
  } catch (error) {
    if (!(error instanceof OffsiteError) || error.code !== 'ARCHIVE_MISSING') throw error;
    const deviation = { what: 'the archive', expected: error.expected, found: error.found };
    return missing(id, manifest, deviation, now());
  }
  const { deviations, notAsked } = await readThrough(opened, manifest, options);
  return { ...verdictOn(id, opened, deviations, now()), ...(notAsked && { notAsked }) };
}

/** Judges an archive as {@link judgeOnce} does. */
export async function verifySidecarOnce(
  options: SidecarVerifyOptions & Pick<JudgeOnceOptions, 'sendMail' | 'isDue'>,
): Promise<ByteVerified> {
  return judgeOnce({
    ...options,
    kind: ofSidecar,
    judge: (isAgain) => verifySidecar({ ...options, isAgain }),
  });
}

type Read = { readonly deviations: Deviation[]; readonly notAsked?: string | undefined };

async function readThrough(
  opened: OpenObject,
  manifest: SidecarManifest,
  { roomBytes = Number.POSITIVE_INFINITY, signal }: SidecarVerifyOptions,
): Promise<Read> {
  const hasRoom = manifest.plainBytes <= roomBytes;
  const folder = await mkdtemp(join(tmpdir(), 'offsite-sidecar-'));
  const path = join(folder, 'database.db');
  try {
    await using file = hasRoom ? await open(path, 'wx', 0o600) : undefined;
    await bringBack(opened, manifest, file, signal);
    if (hasRoom) return { deviations: await askedOf(path, manifest) };
    const room = `${formatBytes(manifest.plainBytes)} do not fit into ${formatBytes(roomBytes)}`;
    return { deviations: [], notAsked: `SQLite was not asked: ${room}; every byte is as it was archived` };
  } catch (error) {
    if (!(error instanceof OffsiteError) || error.code !== 'ARCHIVE_DAMAGED') throw error;
    return { deviations: [{ what: 'the bytes', expected: error.expected, found: error.found }] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether a file is the database that was archived, by SQLite's own word. */
export async function askedOf(file: string, manifest: SidecarManifest): Promise<Deviation[]> {
  if (!(await beginsAsSqlite(file)))
    return [{ what: 'the file', expected: 'a SQLite database', found: 'other first bytes' }];
  try {
    const { contents, faults } = inspect(file);
    return differences(manifest, contents, faults);
  } catch (error) {
    return [{ what: 'the file', expected: 'a database that SQLite opens', found: (error as Error).message }];
  }
}
