// open-archive: opens the very bytes that a manifest speaks of.

import { type ArchiveId, archiveKeys } from '../core/archive.ts';
import { OffsiteError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import type { ArchiveStore, OpenObject } from '../io/archive-store.ts';

/**
 * Opens an archive by the version that its manifest names.
 *
 * @throws {@link OffsiteError} `ARCHIVE_MISSING` if that version is not there.
 */
export async function openArchive(
  store: ArchiveStore,
  id: ArchiveId,
  manifest: Manifest,
): Promise<OpenObject> {
  const key = archiveKeys(id).archive;
  const opened = await store.open(key, manifest.versionId);
  if (opened !== undefined) return opened;
  throw new OffsiteError('ARCHIVE_MISSING', `${id.id} has a manifest, but its archive is not there`, {
    expected: `${manifest.compressedBytes} bytes at ${key}${manifest.versionId ? `, version ${manifest.versionId}` : ''}`,
    found: 'nothing',
    hint: 'take another archive (offsite list), and find out who deleted this one',
  });
}
