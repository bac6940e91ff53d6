// manifest: reads the commit record of an archive.

import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type Manifest, parseManifest } from './manifest.ts';
import { type ArchiveId, archiveKeys } from './names.ts';

/**
 * Reads an archive's manifest.
 *
 * @throws {@link OffsiteError} `MANIFEST_MISSING` if the archive was never committed, or is not there at all;
 *   `MANIFEST_INVALID` or `MANIFEST_TOO_NEW` if it cannot be trusted.
 */
export async function readManifest(store: ArchiveStore, id: ArchiveId): Promise<Manifest> {
  const key = archiveKeys(id).manifest;
  const stored = await store.readText(key);
  if (stored === undefined) {
    throw new OffsiteError('MANIFEST_MISSING', `there is no archive ${id.id}`, {
      expected: `its manifest at ${key}`,
      found: 'nothing there: no manifest, no archive',
      hint: "see 'offsite list' for the archives there are",
    });
  }
  return parseManifest(stored.text, id);
}
