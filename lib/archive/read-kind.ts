// Which archives a source has of a kind whose verdicts speak of bytes alone, and what is known of each.

import type { ArchiveStore, StoredObject } from '../store/store.ts';
import { type ByteVerdict, parseByteVerdict } from './byte-verdict.ts';
import { type CatalogueEntry, dateOf, isInDoubt, type Standing } from './catalogue-of.ts';
import type { ArchiveKind } from './kind.ts';
import { type ArchiveId, sourcePattern } from './names.ts';

/** Sources that have anything below prefixes. Whatever else somebody keeps there has no name of a source. */
export async function sourcesBelow(store: ArchiveStore, ...prefixes: readonly string[]): Promise<string[]> {
  const folders = await Promise.all(prefixes.map((prefix) => store.folders(prefix)));
  return [...new Set(folders.flat())].filter((name) => sourcePattern.test(name));
}

type Found = { readonly id: ArchiveId; archive?: StoredObject; manifest?: StoredObject };

/** What there is of a source's archives, verdicts apart. */
export async function listParts(store: ArchiveStore, kind: ArchiveKind, source: string): Promise<Found[]> {
  const found = new Map<string, Found>();
  for await (const object of store.list(`${kind.prefix}${source}/`)) {
    const parsed = kind.parseKey(object.key);
    if (parsed?.part !== 'archive' && parsed?.part !== 'manifest') continue;
    const one: Found = found.get(parsed.id.id) ?? { id: parsed.id };
    one[parsed.part] = object;
    found.set(parsed.id.id, one);
  }
  return [...found.values()];
}

/**
 * @returns In the order of their ids, oldest first: as the database's archives are listed, and retention plans by. What has a verdict
 *   and nothing else any more is among them.
 */
export async function readKind(
  store: ArchiveStore,
  kind: ArchiveKind,
  source: string,
): Promise<CatalogueEntry[]> {
  // Retention takes the verdict first: what it has taken since these were listed has none.
  const judged = await listVerdicts(store, kind, source);
  const found = await listParts(store, kind, source);
  const there = new Set(found.map(({ id }) => id.id));
  found.push(...[...judged.values()].filter(({ id }) => !there.has(id)).map((id) => ({ id })));
  const entries: CatalogueEntry[] = [];
  for (const one of found) {
    const stored = judged.has(one.id.id) ? await store.readText(kind.keysOf(one.id).verdict) : undefined;
    const verdict = stored && parseByteVerdict(stored.text);
    if (verdict !== undefined || there.has(one.id.id)) entries.push(entryOf(one, verdict));
  }
  return entries.sort((one, other) => (one.id.id < other.id.id ? -1 : 1));
}

/** Which archives of a source have a verdict, by their ids. */
export async function listVerdicts(
  store: ArchiveStore,
  kind: ArchiveKind,
  source: string,
): Promise<Map<string, ArchiveId>> {
  const judged = new Map<string, ArchiveId>();
  for await (const { key } of store.list(`${kind.verdictsPrefix}${source}/`)) {
    const parsed = kind.parseKey(key);
    if (parsed?.part === 'verdict') judged.set(parsed.id.id, parsed.id);
  }
  return judged;
}

function entryOf(found: Found, verdict: ByteVerdict | undefined): CatalogueEntry {
  const inDoubt = isInDoubt({ ...found, verdict });
  return {
    id: found.id,
    standing: standingOf(found, inDoubt ? undefined : verdict),
    ...dateOf(found),
    compressedBytes: found.archive?.bytes ?? 0,
    hasVerdict: verdict !== undefined,
    isInDoubt: inDoubt,
    lastReadAt: verdict && !inDoubt ? new Date(verdict.verifiedAt) : undefined,
  };
}

function standingOf({ archive, manifest }: Found, verdict: ByteVerdict | undefined): Standing {
  if (archive === undefined) return 'missing';
  if (manifest === undefined) return 'no manifest';
  return verdict?.verdict ?? 'unverified';
}
