// expire: plans retention for every source, then does what the plan says, manifest first: an interruption leaves an
// archive without manifest, which is no archive, and which a later run removes.

import type { ArchivePart } from '../archive/kind.ts';
import { archiveKeys, archivesPrefix, isArchiveId, parseArchiveId } from '../archive/names.ts';
import { readCatalogue } from '../archive/read-catalogue.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type Hold, type Holds, holdKey, holdsPrefix, parseHold } from './hold.ts';
import { type ExtendLock, extendLocks } from './lock.ts';
import { planRetention, type RetentionPlan, type RetentionPolicy } from './plan.ts';
import { noteRetentionRun } from './run.ts';
import { eachSource, throwFailures } from './sources.ts';
import { planKey, serializePlan } from './stored-plan.ts';

export type ExpireOptions = {
  readonly store: ArchiveStore;
  readonly policy: RetentionPolicy;
  readonly now: Date;
  /** Plan only; nothing is deleted or written. */
  readonly dryRun: boolean;
  /** Locks what stays longer than its days; absent where the vault has no lock. */
  readonly extendLock?: ExtendLock | undefined;
  /** Is given each source's plan once it was carried out. Nothing is kept here: there may be a thousand of them. */
  readonly onPlan: (plan: RetentionPlan) => void;
};

/**
 * Expires what the policy no longer keeps, of every source in the store, and leaves word of it for `watch`.
 *
 * @throws As {@link throwFailures} does, once all others are done.
 */
export async function expire(options: ExpireOptions): Promise<void> {
  const { store, policy, now, dryRun } = options;
  const standsStill: Record<string, string> = {};
  const failures = await eachSource(await store.folders(archivesPrefix), async (source) => {
    const entries = await readCatalogue(store, source);
    // Read after the catalogue: an archive that is seen back has its hold by then.
    const plan = planRetention(source, entries, policy, now, await readHolds(store, source));
    if (!dryRun) {
      await extendLocks(plan, archiveKeys, options);
      for (const { id } of plan.expire) await deleteArchive(store, archiveKeys(parseArchiveId(id)));
      await store.write(planKey(source), serializePlan(plan));
    }
    if (plan.standstill !== undefined) standsStill[source] = plan.standstill;
    options.onPlan(plan);
  });
  if (!dryRun) await noteRetentionRun(store, { endedAt: now, standsStill });
  throwFailures(failures);
}

/** Manifest first. */
export async function deleteArchive(
  store: ArchiveStore,
  { manifest, archive, verdict }: Readonly<Record<ArchivePart, string>>,
): Promise<void> {
  await store.delete(manifest);
  await store.delete(archive);
  await store.delete(verdict);
}

/** All holds of a source, those that have ended among them. */
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
