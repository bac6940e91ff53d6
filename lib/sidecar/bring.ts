// Brings a sidecar's archive back as a file, every byte checked on its way.

import type { FileHandle } from 'node:fs/promises';
import { inflateArchive } from '../restore/archive-bytes.ts';
import type { OpenObject } from '../store/store.ts';
import type { SidecarManifest } from './manifest.ts';

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
