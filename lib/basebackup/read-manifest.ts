// Reads the commit record of a base backup.

import { baseBackupKeys } from '../archive/base-backup-names.ts';
import type { ArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type BaseBackupManifest, parseBaseBackupManifest } from './manifest.ts';

/** @throws {@link OffsiteError} `MANIFEST_MISSING`, or that it cannot be trusted. */
export async function readBaseBackupManifest(
  store: Pick<ArchiveStore, 'readText'>,
  id: ArchiveId,
): Promise<BaseBackupManifest> {
  const key = baseBackupKeys(id).manifest;
  const stored = await store.readText(key);
  if (stored !== undefined) return parseBaseBackupManifest(stored.text, id);
  throw new OffsiteError('MANIFEST_MISSING', `there is no base backup ${id.id}`, {
    expected: `its manifest at ${key}`,
    found: 'nothing there: no manifest, no base backup',
    hint: "see 'offsite wal window' for the base backups there are",
  });
}
