// Brings a sidecar's archive back as a file, every byte checked on its way.

import type { FileHandle } from 'node:fs/promises';
import type { ArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { inflateArchive } from '../restore/archive-bytes.ts';
import type { ArchiveStore, OpenObject } from '../store/store.ts';
import type { SidecarManifest } from './manifest.ts';
import { sidecarKeys } from './names.ts';

/** Opens the version that the manifest names. @throws {@link OffsiteError} `ARCHIVE_MISSING`. */
export async function openSidecar(
  store: ArchiveStore,
  id: ArchiveId,
  { versionId, compressedBytes }: SidecarManifest,
): Promise<OpenObject> {
  const key = sidecarKeys(id).archive;
  const opened = await store.open(key, versionId);
  if (opened !== undefined) return opened;
  throw new OffsiteError('ARCHIVE_MISSING', `${id.id} has a manifest, but its archive is not there`, {
    expected: `${compressedBytes} bytes at ${key}${versionId ? `, version ${versionId}` : ''}`,
    found: 'nothing',
    hint: `'offsite undo ${id.id} --sidecar' brings it back while the bucket keeps its versions; else take another one (offsite sidecar list). Find out who deleted it`,
  });
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
