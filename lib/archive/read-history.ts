// history: what is known of a source's archives before a given one, from their verdicts alone.

import type { ArchiveStore } from '../store/store.ts';
import { isAccepted } from './acceptance.ts';
import { historyLength, type Known } from './band.ts';
import { type ArchiveId, parseKey, verdictsPrefix } from './names.ts';
import { readAcceptance, readVerdict } from './read-catalogue.ts';

/** Verdicts that are read at most: among them there may be some on archives that are not intact. */
const readsAtMost = 2 * historyLength;

/**
 * Reads what a source's archives used to hold before this one was taken.
 *
 * @returns The newest {@link historyLength} intact or accepted ones, newest first.
 * @remarks Only archives that were taken earlier: one that is verified late is never judged by younger ones. It costs a
 *   listing and at most 28 small reads (and one more for each that is suspicious), however many archives there are.
 */
export async function readHistory(store: ArchiveStore, id: ArchiveId): Promise<Known[]> {
  const earlier: ArchiveId[] = [];
  for await (const { key } of store.list(`${verdictsPrefix}${id.source}/`)) {
    const parsed = parseKey(key);
    if (parsed?.part !== 'verdict' || parsed.id.takenAt >= id.takenAt) continue;
    earlier.push(parsed.id);
    if (earlier.length > readsAtMost) earlier.shift();
  }
  const known: Known[] = [];
  while (earlier.length > 0 && known.length < historyLength) {
    const newest = earlier.splice(-historyLength).reverse();
    const read = await Promise.all(newest.map((one) => readKnown(store, one)));
    known.push(...read.filter((one) => one !== undefined));
  }
  return known.slice(0, historyLength);
}

async function readKnown(store: ArchiveStore, id: ArchiveId): Promise<Known | undefined> {
  const verdict = await readVerdict(store, id);
  if (verdict?.verdict !== 'intact' && verdict?.verdict !== 'suspicious') return undefined;
  const accepted = isAccepted(verdict, await readAcceptance(store, verdict));
  if (verdict.verdict === 'suspicious' && !accepted) return undefined;
  const { plainBytes, inventory } = verdict;
  return { accepted, plainBytes, inventory };
}
