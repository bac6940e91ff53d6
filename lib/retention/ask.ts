// Asks that archives be read again, and says which sources have any.

import { type ArchiveKind, dueKey } from '../archive/kind.ts';
import { parseArchiveId } from '../archive/names.ts';
import { sourcesBelow } from '../archive/read-kind.ts';
import type { ArchiveStore } from '../store/store.ts';
import type { Reading } from './readings.ts';

/** Asks that archives be read again: the event of that wakes the cloud, and the guard lists it. */
export async function askFor(
  readings: readonly Reading[],
  kind: ArchiveKind,
  { store, now }: { readonly store: ArchiveStore; readonly now: Date },
): Promise<void> {
  for (const reading of readings) {
    const asked = { format: 1, ...reading, askedAt: now.toISOString() };
    await store.write(dueKey(kind, parseArchiveId(reading.id)), `${JSON.stringify(asked)}\n`);
  }
}

/** Sources that have archives of a kind; of one whose archives were all deleted, the verdicts still tell. */
export function sourcesOf(
  store: ArchiveStore,
  { prefix, verdictsPrefix }: ArchiveKind,
  ...more: readonly string[]
): Promise<string[]> {
  return sourcesBelow(store, prefix, verdictsPrefix, ...more);
}
