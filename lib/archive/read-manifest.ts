// manifest: reads the commit record of an archive.

import type { ArchiveStore } from '../store/store.ts';
import type { Records } from './commit-record.ts';
import { type Manifest, ofDumps } from './manifest.ts';
import type { ArchiveId } from './names.ts';

/** @throws {@link OffsiteError} `MANIFEST_MISSING`, or that it cannot be trusted: `MANIFEST_INVALID`, `MANIFEST_TOO_NEW`. */
export async function readRecord<T>(
  store: Pick<ArchiveStore, 'readText'>,
  { keyOf, parse, missing }: Records<T>,
  id: ArchiveId,
): Promise<T> {
  const stored = await store.readText(keyOf(id));
  if (stored === undefined) throw missing(id);
  return parse(stored.text, id);
}

/** Reads an archive's manifest, as {@link readRecord} does. */
export function readManifest(store: ArchiveStore, id: ArchiveId): Promise<Manifest> {
  return readRecord(store, ofDumps, id);
}
