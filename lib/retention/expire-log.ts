// expire, of base backups and the log that they need. A base backup goes before its log does: what an interruption leaves is log that
// nobody needs, and a later run takes it.

import {
  baseBackupsPrefix,
  baseBackupVerdictsPrefix,
  dueBaseBackupKey,
} from '../archive/base-backup-names.ts';
import { parseArchiveId } from '../archive/names.ts';
import { readKind } from '../archive/read-kind.ts';
import { walFolder, walPrefix, walVerdictsPrefix } from '../archive/wal-names.ts';
import { ofBaseBackups } from '../basebackup/kind.ts';
import { readBaseBackupManifest } from '../basebackup/read-manifest.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type Cluster, clustersOf, eachWal, type StoredWal } from '../wal/read-wal.ts';
import { parseLsn } from '../wal/segment.ts';
import { readHolds } from './expire.ts';
import { type ExtendLock, extendLocks } from './lock.ts';
import { type LogNeed, LogSieve, planBaseBackups, planBaseReadings } from './log-plan.ts';
import type { RetentionPlan, RetentionPolicy } from './plan.ts';
import type { Reading } from './readings.ts';
import { eachSource, throwFailures } from './sources.ts';

export type ExpireLogOptions = {
  readonly store: ArchiveStore;
  readonly policy: RetentionPolicy;
  readonly now: Date;
  /** Plan only. */
  readonly dryRun: boolean;
  /** Locks base backups that stay longer than their days; absent where the vault has no lock. */
  readonly extendLock?: ExtendLock | undefined;
  /** How many of a hundred base backups are read again in a night; default 0. */
  readonly rereadPercent?: number | undefined;
  /** Is given each source's plan once it was carried out. */
  readonly onPlan: (plan: LogPlan) => void;
};

/** Of a source's base backups, and of the log that they need. */
export type LogPlan = RetentionPlan & {
  readonly readings: readonly Reading[];
  readonly log: readonly LogShare[];
};

/** What stays and goes of the log of one cluster. */
export type LogShare = {
  readonly systemIdentifier: string;
  readonly files: number;
  readonly expired: number;
  /** The oldest that goes, and the newest. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

/** A busy server's day is tens of thousands of them. */
const deletesInFlight = 32;

/** Expires what the policy no longer keeps, of every source. @throws As {@link throwFailures} does, once all others are done. */
export async function expireLog(options: ExpireLogOptions): Promise<void> {
  const { store, onPlan } = options;
  const folders = await Promise.all([baseBackupsPrefix, walPrefix].map((prefix) => store.folders(prefix)));
  const failures = await eachSource([...new Set(folders.flat())], async (source) => {
    const { plan, readings, needs } = await expireBaseBackups(source, options);
    const log: LogShare[] = [];
    for (const systemIdentifier of await clustersOf(store, source)) {
      const cluster = { source, systemIdentifier };
      log.push(await expireFiles(cluster, needs && (needs.get(systemIdentifier) ?? []), options));
    }
    onPlan({ ...plan, readings, log });
  });
  throwFailures(failures);
}

/** @returns What those that stay need, by cluster; `undefined` where that is not known, and nothing of the log may go. */
async function expireBaseBackups(source: string, options: ExpireLogOptions) {
  const { store, policy, now, dryRun, rereadPercent = 0 } = options;
  const entries = await readKind(store, ofBaseBackups, source);
  const plan = planBaseBackups(source, entries, policy, now, await readHolds(store, source));
  // A manifest that cannot be read fails here, before anything is deleted.
  const needs = new Map<string, LogNeed[]>();
  for (const { id, standing } of plan.keep) {
    if (standing === 'no manifest') continue;
    const { cluster, startLsn } = await readBaseBackupManifest(store, parseArchiveId(id));
    const need = { from: parseLsn(startLsn) ?? 0n, segmentBytes: cluster.segmentBytes };
    needs.set(cluster.systemIdentifier, [...(needs.get(cluster.systemIdentifier) ?? []), need]);
  }
  const kept = new Set(plan.keep.map(({ id }) => id));
  const readings = planBaseReadings(
    entries.filter(({ id }) => kept.has(id.id)),
    rereadPercent,
    now,
  );
  if (!dryRun) {
    await extendLocks(plan, ofBaseBackups.keysOf, options);
    for (const reading of readings) {
      const asked = { format: 1, ...reading, askedAt: now.toISOString() };
      await store.write(dueBaseBackupKey(parseArchiveId(reading.id)), `${JSON.stringify(asked)}\n`);
    }
    for (const { id } of plan.expire) await deleteBaseBackup(store, source, id);
  }
  return { plan, readings, needs: (await areAllDeleted(store, source, entries.length)) ? undefined : needs };
}

/** Whether somebody took all base backups: their verdicts are left, and retention takes those before the bytes. */
async function areAllDeleted(store: ArchiveStore, source: string, there: number): Promise<boolean> {
  if (there > 0) return false;
  for await (const _ of store.list(`${baseBackupVerdictsPrefix}${source}/`)) return true;
  return false;
}

/** Manifest first, whatever else it has. */
async function deleteBaseBackup(store: ArchiveStore, source: string, id: string): Promise<void> {
  const { manifest, verdict } = ofBaseBackups.keysOf({ id, source });
  await store.delete(manifest);
  await store.delete(verdict);
  const rest: string[] = [];
  for await (const { key } of store.list(`${baseBackupsPrefix}${source}/${id}.`)) rest.push(key);
  for (const key of rest) await store.delete(key);
}

/** @param needs - `undefined` where nothing may go. */
async function expireFiles(
  cluster: Cluster,
  needs: readonly LogNeed[] | undefined,
  { store, policy, now, dryRun }: ExpireLogOptions,
): Promise<LogShare> {
  const share = { systemIdentifier: cluster.systemIdentifier, files: 0, expired: 0 };
  const sieve = new LogSieve<StoredWal>(needs ?? [], policy, now);
  const damaged = await damageOf(store, cluster);
  const going: StoredWal[] = [];
  let [from, to]: (string | undefined)[] = [];
  // So many at once that at no time one is gone long before those that come before it.
  const deleteThem = async () => {
    from ??= going[0]?.name;
    to = going.at(-1)?.name ?? to;
    share.expired += going.length;
    const keys = going.splice(0).flatMap(({ key }) => [key, damaged.get(key) ?? []].flat());
    if (!dryRun) await Promise.all(keys.map((key) => store.delete(key)));
  };
  for await (const file of eachWal(store, cluster)) {
    share.files += 1;
    going.push(...(needs === undefined ? [] : sieve.next(file)));
    if (going.length >= deletesInFlight) await deleteThem();
  }
  going.push(...(needs === undefined ? [] : sieve.end()));
  await deleteThem();
  return { ...share, from, to };
}

/** Where it stands of files that they are damaged: of what is gone nobody has to know. */
async function damageOf(store: ArchiveStore, cluster: Cluster): Promise<ReadonlyMap<string, string>> {
  const prefix = `${walVerdictsPrefix}${cluster.source}/${cluster.systemIdentifier}/`;
  const verdicts = new Map<string, string>();
  for await (const { key } of store.list(prefix))
    verdicts.set(`${walFolder(cluster)}${key.slice(prefix.length, -'.json'.length)}.gz`, key);
  return verdicts;
}
