// holds: reads which archives of a source must not be expired yet.

import { isArchiveId, parseArchiveId } from '../archive/names.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type Hold, type Holds, holdKey, holdsPrefix, parseHold } from './hold.ts';

/** Lists a source's holds, those that have ended among them. */
export async function readHolds(store: ArchiveStore, source: string): Promise<Holds> {
  const holds = new Map<string, Hold | undefined>();
  for await (const { key } of store.list(`${holdsPrefix}${source}/`)) {
    const id = key.slice(key.lastIndexOf('/') + 1).replace(/\.json$/, '');
    if (!isArchiveId(id) || holdKey(parseArchiveId(id)) !== key) continue;
    const stored = await store.readText(key);
    if (stored !== undefined) holds.set(id, parseHold(stored.text, id));
  }
  return holds;
}
