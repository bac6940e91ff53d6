// Which archives a source's sidecar has, and what is known of each.

import {
  type CatalogueEntry,
  dateOf,
  newestIntact,
  newestOfAny,
  type Standing,
} from '../archive/catalogue-of.ts';
import type { ArchiveId } from '../archive/names.ts';
import { parseArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore, StoredObject } from '../store/store.ts';
import { parseSidecarKey, sidecarKeys, sidecarsPrefix, sidecarVerdictsPrefix } from './names.ts';
import { parseSidecarVerdict, type SidecarVerdict } from './verdict.ts';

type Found = { readonly id: ArchiveId; archive?: StoredObject; manifest?: StoredObject };

/** @returns In the order of their ids, oldest first: as the database's archives are listed, and retention plans by. */
export async function readSidecars(store: ArchiveStore, source: string): Promise<CatalogueEntry[]> {
  const found = new Map<string, Found>();
  for await (const object of store.list(`${sidecarsPrefix}${source}/`)) {
    const parsed = parseSidecarKey(object.key);
    if (parsed === undefined || parsed.part === 'verdict') continue;
    const one: Found = found.get(parsed.id.id) ?? { id: parsed.id };
    one[parsed.part] = object;
    found.set(parsed.id.id, one);
  }
  const judged = new Set<string>();
  for await (const { key } of store.list(`${sidecarVerdictsPrefix}${source}/`)) judged.add(key);
  const entries: CatalogueEntry[] = [];
  for (const one of found.values()) {
    const key = sidecarKeys(one.id).verdict;
    const stored = judged.has(key) ? await store.readText(key) : undefined;
    entries.push(entryOf(one, stored && parseSidecarVerdict(stored.text)));
  }
  return entries;
}

function entryOf(found: Found, verdict: SidecarVerdict | undefined): CatalogueEntry {
  return {
    id: found.id,
    standing: standingOf(found, verdict),
    ...dateOf(found),
    compressedBytes: found.archive?.bytes ?? 0,
  };
}

function standingOf({ archive, manifest }: Found, verdict: SidecarVerdict | undefined): Standing {
  if (manifest === undefined) return 'no manifest';
  if (archive === undefined) return 'missing';
  return verdict === undefined || verdict.etag !== archive.etag ? 'unverified' : verdict.verdict;
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
