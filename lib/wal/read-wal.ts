// Which log is in the store, by listing alone: the keys say what each file is and what it holds.

import { parseWalKey, type WalName, walFolder, walPrefix } from '../archive/wal-names.ts';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore, StoredObject } from '../store/store.ts';
import type { ListedWal } from './fold.ts';
import { isHistory } from './history.ts';

/** Whose log. */
export type Cluster = Pick<WalName, 'source' | 'systemIdentifier'>;

export type StoredWal = ListedWal & Pick<StoredObject, 'key' | 'bytes'>;

/** The files of a cluster's log whose name begins so, in the order of the names; of them those after a key. */
export async function* eachWal(
  store: ArchiveStore,
  cluster: Cluster,
  beginning = '',
  after?: string,
): AsyncGenerator<StoredWal> {
  for await (const { key, bytes, storedAt } of store.list(walFolder(cluster) + beginning, after)) {
    const name = parseWalKey(key);
    if (name !== undefined) yield { ...name.file, sha256: name.sha256, key, bytes, storedAt };
  }
}

/** Those of a few segments. */
export function listWal(store: ArchiveStore, cluster: Cluster, beginning: string): Promise<StoredWal[]> {
  return Array.fromAsync(eachWal(store, cluster, beginning));
}

/** The clusters that have log under a source, by their system identifiers. */
export async function clustersOf(store: ArchiveStore, source: string): Promise<string[]> {
  return (await store.folders(`${walPrefix}${source}/`)).filter((name) => /^\d+$/.test(name));
}

/** The error of a file that is there with different bytes. */
export function conflictError(name: string, expected: string, found: readonly string[]): OffsiteError {
  const further = isHistory(name)
    ? '. Remove the history of the one that was stopped from the vault (aws s3 rm): while there are two, nobody knows where its timeline began, and nothing is recovered'
    : '';
  return new OffsiteError('WAL_CONFLICT', `${name} is in the vault with other bytes`, {
    expected,
    found: found.map((sha256) => `SHA-256 ${sha256}`).join('\n'),
    hint: `two servers write one log: a copy of the server, or one that was restored without a new timeline, archives under the same source. Stop one of them, give it a source of its own, and take a base backup (offsite basebackup)${further}`,
  });
}
