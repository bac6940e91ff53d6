// Brings a sidecar's archive back as a file, every byte checked on its way.

import type { FileHandle } from 'node:fs/promises';
import type { ArchiveId } from '../archive/names.ts';
import { openArchive } from '../archive/open-archive.ts';
import { inflateArchive } from '../restore/archive-bytes.ts';
import type { ArchiveStore, OpenObject } from '../store/store.ts';
import type { SidecarManifest } from './manifest.ts';
import { sidecarKeys } from './names.ts';
import { sidecarWords } from './verdict.ts';

/** Opens the version that the manifest names. @throws {@link OffsiteError} `ARCHIVE_MISSING`. */
export function openSidecar(
  store: ArchiveStore,
  id: ArchiveId,
  manifest: SidecarManifest,
): Promise<OpenObject> {
  return openArchive(store, id, manifest, undefined, { key: sidecarKeys(id).archive, ...sidecarWords });
}

/**
 * Writes the database to a file, and to the disk.
 *
 * @param file - Empty; without one, the bytes are only looked at.
 * @throws {@link OffsiteError} `ARCHIVE_DAMAGED` if the bytes are others than those of the manifest; the file remains.
 */
export async function bringBack(
  { body }: OpenObject,
  manifest: SidecarManifest,
  file: FileHandle | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const { dump } = inflateArchive(body, manifest, { signal });
  if (file === undefined) {
    for await (const _ of dump);
    return;
  }
  await file.writeFile(dump, { signal });
  await file.sync();
}
