// Which archives a source has of a kind whose verdicts speak of bytes alone, and what is known of each.

import type { ArchiveStore, StoredObject } from '../store/store.ts';
import { type ByteVerdict, parseByteVerdict } from './byte-verdict.ts';
import { type CatalogueEntry, dateOf, type Standing } from './catalogue-of.ts';
import type { ArchiveKind } from './kind.ts';
import type { ArchiveId } from './names.ts';

type Found = { readonly id: ArchiveId; archive?: StoredObject; manifest?: StoredObject };

/** What there is of a source's archives, verdicts apart. */
export async function listParts(store: ArchiveStore, kind: ArchiveKind, source: string): Promise<Found[]> {
  const found = new Map<string, Found>();
  for await (const object of store.list(`${kind.prefix}${source}/`)) {
    const parsed = kind.parseKey(object.key);
    if (parsed === undefined || parsed.part === 'verdict') continue;
    const one: Found = found.get(parsed.id.id) ?? { id: parsed.id };
    one[parsed.part] = object;
    found.set(parsed.id.id, one);
  }
  return [...found.values()];
}

/** @returns In the order of their ids, oldest first: as the database's archives are listed, and retention plans by. */
export async function readKind(
  store: ArchiveStore,
  kind: ArchiveKind,
  source: string,
): Promise<CatalogueEntry[]> {
  const found = await listParts(store, kind, source);
  const judged = new Set<string>();
  for await (const { key } of store.list(`${kind.verdictsPrefix}${source}/`)) judged.add(key);
  const entries: CatalogueEntry[] = [];
  for (const one of found) {
    const key = kind.keysOf(one.id).verdict;
    const stored = judged.has(key) ? await store.readText(key) : undefined;
    entries.push(entryOf(one, stored && parseByteVerdict(stored.text)));
  }
  return entries;
}

function entryOf(found: Found, verdict: ByteVerdict | undefined): CatalogueEntry {
  return {
    id: found.id,
    standing: standingOf(found, verdict),
    ...dateOf(found),
    compressedBytes: found.archive?.bytes ?? 0,
    hasVerdict: verdict !== undefined,
    lastReadAt: verdict && new Date(verdict.verifiedAt),
  };
}

function standingOf({ archive, manifest }: Found, verdict: ByteVerdict | undefined): Standing {
  if (manifest === undefined) return 'no manifest';
  if (archive === undefined) return 'missing';
  return verdict === undefined || verdict.etag !== archive.etag ? 'unverified' : verdict.verdict;
}
