// kit: what of an installation its vault knows.

import { newestIntact } from '../archive/catalogue-of.ts';
import { rowsOf } from '../archive/inventory.ts';
import { readCatalogue } from '../archive/read-catalogue.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { countedTable } from '../archive/verdict.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';
import type { Kit } from './recipe.ts';

/** Reads the rest of a kit from the newest intact archive; where there is none, or nothing may be read, it does without. */
export async function readKit(
  store: ArchiveStore,
  known: Pick<Kit, 'bucket' | 'region' | 'endpoint' | 'source' | 'container' | 'writtenAt'>,
): Promise<Kit> {
  try {
    const newest = newestIntact(await readCatalogue(store, known.source, { intactEnough: 1 }));
    if (newest === undefined) return { ...known, roles: [] };
    const { id, inventory } = newest;
    const { database, serverVersion } = await readManifest(store, id);
    const major = Number.parseInt(serverVersion ?? '', 10);
    return {
      ...known,
      database,
      roles: inventory?.roles ?? [],
      major: Number.isNaN(major) ? undefined : major,
      newest: { id: id.id, torrents: inventory && rowsOf(inventory, countedTable) },
    };
  } catch (error) {
    if (error instanceof OffsiteError && error.code === 'CREDENTIALS_REFUSED') return { ...known, roles: [] };
    throw error;
  }
}
