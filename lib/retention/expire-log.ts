// expire, of base backups and the log that they need. A base backup goes before its log does: what an interruption leaves is log that
// nobody needs, and a later run takes it.

import type { CatalogueEntry } from '../archive/catalogue-of.ts';
import { readCatalogue } from '../archive/read-catalogue.ts';
import { readRecord } from '../archive/read-manifest.ts';
import { walFolder, walPrefix, walVerdictsPrefix } from '../archive/wal-names.ts';
import { nothingIf } from '../base/errors.ts';
import { ofBaseBackups } from '../basebackup/kind.ts';
import { baseBackupRecords } from '../basebackup/manifest.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type Cluster, clustersOf, eachWal, type StoredWal } from '../wal/read-wal.ts';
import { parseLsn } from '../wal/segment.ts';
import { readHolds } from './expire.ts';
import { carryOut, type ExpireOptions, type LogShare } from './expire-kind.ts';
import { type LogNeed, LogSieve, planBaseBackups, planBaseReadings } from './log-plan.ts';
import { keptOf } from './plan.ts';
import { eachSource, sourcesOf, throwFailures } from './sources.ts';

/** A busy server's day is tens of thousands of them. */
const deletesInFlight = 32;

/** Expires what the policy no longer keeps, of every source. @throws As {@link throwFailures} does, once all others are done. */
export async function expireLog(options: ExpireOptions): Promise<void> {
  const { store, onPlan } = options;
  const failures = await eachSource(await sourcesOf(store, ofBaseBackups, walPrefix), async (source) => {
    const { plan, needs } = await expireBaseBackups(source, options);
    const log: LogShare[] = [];
    for (const systemIdentifier of await clustersOf(store, source)) {
      const cluster = { source, systemIdentifier };
      log.push(await expireFiles(cluster, needs && (needs.get(systemIdentifier) ?? []), options));
    }
    onPlan({ ...plan, log });
  });
  throwFailures(failures);
}

/** @returns What those that stay need, by cluster; `undefined` where that is not known, and nothing of the log may go. */
async function expireBaseBackups(source: string, options: ExpireOptions) {
  const { store, policy, now, rereadPercent = 0 } = options;
  const entries = await readCatalogue(store, source, { kind: ofBaseBackups });
  const retention = planBaseBackups(source, entries, policy, now, await readHolds(store, source));
  const kept = keptOf(retention, entries);
  const readings = planBaseReadings(kept, rereadPercent, now);
  const plan = { ...retention, kind: ofBaseBackups.name, readings };
  // A manifest that cannot be read fails here, before anything is deleted.
  return { plan, needs: await carryOut(ofBaseBackups, plan, options, () => needsOf(store, kept)) };
}

async function needsOf(
  store: ArchiveStore,
  kept: readonly CatalogueEntry[],
): Promise<ReadonlyMap<string, LogNeed[]> | undefined> {
  const needs = new Map<string, LogNeed[]>();
  for (const { id, standing, hasVerdict } of kept) {
    if (standing === 'no manifest' && !hasVerdict) continue;
    const manifest = await readRecord(store, baseBackupRecords, id).catch(nothingIf(/^MANIFEST_MISSING$/));
    // Of one that was judged somebody took the manifest, which says what it needs.
    if (manifest === undefined && hasVerdict) return undefined;
    if (manifest === undefined) continue;
    const { cluster, startLsn } = manifest;
    const need = { from: parseLsn(startLsn) ?? 0n, segmentBytes: cluster.segmentBytes };
    needs.set(cluster.systemIdentifier, [...(needs.get(cluster.systemIdentifier) ?? []), need]);
  }
  return needs;
}

/** @param needs - `undefined` where nothing may go. */
async function expireFiles(
  cluster: Cluster,
  needs: readonly LogNeed[] | undefined,
  { store, policy, now, dryRun }: ExpireOptions,
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
