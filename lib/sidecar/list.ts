// Which archives a source's sidecar has, and what is known of each.

import { type CatalogueEntry, newestIntact, newestOfAny } from '../archive/catalogue-of.ts';
import { parseArchiveId } from '../archive/names.ts';
import { readKind } from '../archive/read-kind.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';
import { ofSidecar } from './kind.ts';
import { sidecarsPrefix } from './names.ts';

/** @returns As {@link readKind} does. */
export function readSidecars(store: ArchiveStore, source: string): Promise<CatalogueEntry[]> {
  return readKind(store, ofSidecar, source);
}

/**
 * Finds the archive that is meant.
 *
 * @param wanted - An id, or `latest`: the newest intact one.
 * @param any - Whether it may be one that is not proven.
 * @throws {@link OffsiteError} `NOTHING_INTACT`, `ARCHIVE_MISSING`.
 */
export async function selectSidecar(
  store: ArchiveStore,
  source: string,
  wanted: string,
  any: boolean,
): Promise<CatalogueEntry> {
  const id = wanted === 'latest' ? undefined : parseArchiveId(wanted);
  const entries = await readSidecars(store, id?.source ?? source);
  const latest = any ? newestOfAny(entries) : newestIntact(entries);
  const chosen = id === undefined ? latest : entries.find((entry) => entry.id.id === id.id);
  if (chosen !== undefined && chosen.standing !== 'no manifest') return chosen;
  const newest = newestOfAny(entries);
  const named = id !== undefined || any || newest === undefined;
  throw new OffsiteError(
    named ? 'ARCHIVE_MISSING' : 'NOTHING_INTACT',
    named
      ? `there is no archive ${wanted} of a sidecar`
      : `no archive of the sidecar of ${source} is known to be intact`,
    {
      expected: `an archive and its manifest under ${sidecarsPrefix}${id?.source ?? source}/`,
      found:
        chosen?.standing ?? (newest === undefined ? 'none at all' : `${newest.id.id}: ${newest.standing}`),
      hint: named
        ? "see 'offsite sidecar list'; 'offsite sidecar backup' takes one"
        : `wait for its verdict, look for yourself (offsite sidecar verify ${newest.id.id}), or say --any`,
    },
  );
}
