// What the vault has to recover from: base backups, and of each cluster its log.

import { baseBackupsPrefix, parseBaseBackupKey } from '../archive/base-backup-names.ts';
import type { ArchiveId } from '../archive/names.ts';
import { walVerdictsPrefix } from '../archive/wal-names.ts';
import { OffsiteError } from '../base/errors.ts';
import { parseBaseBackupManifest } from '../basebackup/manifest.ts';
import type { ArchiveStore } from '../store/store.ts';
import { readWalText } from '../wal/bring.ts';
import { LogFold } from '../wal/fold.ts';
import { type Ancestor, parseHistory } from '../wal/history.ts';
import { type Cluster, conflictError, eachWal, type StoredWal } from '../wal/read-wal.ts';
import { Settled } from '../wal/settled.ts';
import type { BaseBackup, ClusterLog } from './way.ts';

/** The base backups of a source, the newest first. @param wanted - The one that is meant; by default all. */
export async function readBaseBackups(
  store: ArchiveStore,
  source: string,
  wanted?: ArchiveId,
): Promise<BaseBackup[]> {
  const ids: ArchiveId[] = [];
  for await (const { key } of store.list(`${baseBackupsPrefix}${source}/`)) {
    const parsed = parseBaseBackupKey(key);
    const isMeant = wanted === undefined || parsed?.id.id === wanted.id;
    if (parsed?.part === 'manifest' && isMeant) ids.push(parsed.id);
  }
  const bases: BaseBackup[] = [];
  for (const id of ids.toReversed()) {
    const key = `${baseBackupsPrefix}${source}/${id.id}.manifest.json`;
    const text = (await store.readText(key))?.text;
    if (text !== undefined) bases.push({ id, manifest: parseBaseBackupManifest(text, id) });
  }
  return bases;
}

/**
 * Each file of a cluster's log, in the order of the names; of what was read and is not what was stored, it says so.
 *
 * @param after - Only of the keys after this one.
 */
export async function* eachRead(
  store: ArchiveStore,
  cluster: Cluster,
  after?: string,
): AsyncGenerator<StoredWal> {
  const damaged = await damagedIn(store, cluster);
  const isDamaged = ({ name, sha256, storedAt }: StoredWal) => {
    const foundAt = damaged.get(`${name}-${sha256}`);
    return foundAt !== undefined && foundAt >= storedAt;
  };
  for await (const wal of eachWal(store, cluster, '', after))
    yield isDamaged(wal) ? { ...wal, isDamaged: true } : wal;
}

/**
 * Reads a cluster's log.
 *
 * @param files - Those that count; by default all.
 * @throws {@link OffsiteError} `WAL_INVALID` for a history that is none, `WAL_CONFLICT` for two of one timeline.
 */
export async function readClusterLog(
  store: ArchiveStore,
  cluster: Cluster & { readonly segmentBytes: number },
  files: AsyncIterable<StoredWal> = eachRead(store, cluster),
): Promise<ClusterLog> {
  const fold = new LogFold(cluster.segmentBytes);
  const found: StoredWal[] = [];
  for await (const wal of files) {
    fold.add(wal);
    if (wal.kind === 'history') found.push(wal);
  }
  const histories = new Map<number, Ancestor[]>();
  for (const wal of found) {
    const others = found.filter(({ name }) => name === wal.name).map(({ sha256 }) => sha256);
    if (others.length > 1) throw conflictError(wal.name, 'one history of this timeline', others);
    const ancestors = parseHistory(await readWalText(store, wal));
    if (ancestors === undefined)
      throw new OffsiteError('WAL_INVALID', `${wal.name} in the vault is no history of a timeline`, {
        expected: 'lines of a timeline, a position and a reason',
        found: 'other text',
        hint: 'find out who stored it, and remove it (aws s3 rm): what there is of its timeline cannot be recovered without the one that was meant',
      });
    histories.set(wal.timeline, ancestors);
  }
  return { ...fold.folded(), histories };
}

/**
 * Reads a cluster's log: all of it, and what of it is sure by now.
 *
 * @param files - Those that count.
 * @param onSure - Given each file that is, in their order.
 */
export async function readSettledLog(
  store: ArchiveStore,
  cluster: Cluster & { readonly segmentBytes: number },
  now: Date,
  files: AsyncIterable<StoredWal> = eachRead(store, cluster),
  onSure: (file: StoredWal) => Promise<void> | void = () => undefined,
): Promise<{ readonly all: ClusterLog; readonly sure: ClusterLog }> {
  const sure = new LogFold(cluster.segmentBytes);
  const settled = new Settled<StoredWal>(now);
  const take = async (file: StoredWal) => {
    sure.add(file);
    await onSure(file);
  };
  async function* passing(): AsyncGenerator<StoredWal> {
    for await (const file of files) {
      yield file;
      for (const one of settled.next(file)) await take(one);
    }
    for (const one of settled.end()) await take(one);
  }
  const all = await readClusterLog(store, cluster, passing());
  return { all, sure: { ...sure.folded(), histories: all.histories } };
}

/** What was read, and is not what was stored: when that was found, by the names and sums of its keys. What was stored since is another. */
async function damagedIn(
  store: ArchiveStore,
  { source, systemIdentifier }: Cluster,
): Promise<ReadonlyMap<string, Date>> {
  const names = new Map<string, Date>();
  const prefix = `${walVerdictsPrefix}${source}/${systemIdentifier}/`;
  for await (const { key, storedAt } of store.list(prefix))
    names.set(key.slice(prefix.length, -'.json'.length), storedAt);
  return names;
}
