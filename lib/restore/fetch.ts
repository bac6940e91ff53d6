// fetch: brings an archive back, checked against its manifest.

import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Manifest } from '../archive/manifest.ts';
import type { ArchiveId } from '../archive/names.ts';
import { checked, openArchive } from '../archive/open-archive.ts';
import { readManifest } from '../archive/read-manifest.ts';
import type { ArchiveStore } from '../store/store.ts';

/**
 * Fetches an archive into a stream.
 *
 * @param destination - Opened once the archive is; ended when all of it is written, and destroyed on failure.
 * @throws `OffsiteError` `ARCHIVE_DAMAGED` if the bytes are not those of the manifest. They are written by then:
 *   whoever reads the stream must look at the exit code.
 */
export async function fetchTo(
  store: ArchiveStore,
  id: ArchiveId,
  destination: () => Writable,
  signal?: AbortSignal,
): Promise<Manifest> {
  const manifest = await readManifest(store, id);
  const { body } = await openArchive(store, id, manifest);
  await pipeline([body, checked(manifest), destination()], signal === undefined ? {} : { signal });
  return manifest;
}
