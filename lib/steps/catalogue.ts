// catalogue: reads from the store which archives a source has, and what is proven about each.

import { type ArchiveId, archiveKeys, archivesPrefix, parseKey, verdictsPrefix } from '../core/archive.ts';
import { type CatalogueEntry, entryOf, type Listed } from '../core/catalogue.ts';
import { type Verdict, verdictSchema } from '../core/verdict.ts';
import type { ArchiveStore } from '../io/archive-store.ts';

/** Verdicts read at once. */
const readsInFlight = 16;

/**
 * Lists a source's archives.
 *
 * @returns In the order of their ids, oldest first.
 */
export async function readCatalogue(store: ArchiveStore, source: string): Promise<CatalogueEntry[]> {
  const found = new Map<string, { -readonly [K in keyof Listed]: Listed[K] }>();
  for await (const object of store.list(`${archivesPrefix}${source}/`)) {
    const parsed = parseKey(object.key);
    if (parsed === undefined || parsed.part === 'verdict') continue;
    const listed = found.get(parsed.id.id) ?? { id: parsed.id };
    listed[parsed.part] = object;
    found.set(parsed.id.id, listed);
  }
  const judged = new Set<string>();
  for await (const { key } of store.list(`${verdictsPrefix}${source}/`)) judged.add(key);
  const waiting = [...found.values()].filter(({ id }) => judged.has(archiveKeys(id).verdict));
  const readNext = async (): Promise<void> => {
    for (let listed = waiting.pop(); listed !== undefined; listed = waiting.pop()) {
      listed.verdict = await readVerdict(store, listed.id);
    }
  };
  await Promise.all(Array.from({ length: readsInFlight }, readNext));
  return [...found.values()].map(entryOf);
}

/** An archive's verdict; `undefined` if there is none, or none that this version understands. */
export async function readVerdict(store: ArchiveStore, id: ArchiveId): Promise<Verdict | undefined> {
  const stored = await store.readText(archiveKeys(id).verdict);
  if (stored === undefined) return undefined;
  try {
    return verdictSchema.parse(JSON.parse(stored.text));
  } catch {
    return undefined;
  }
}
