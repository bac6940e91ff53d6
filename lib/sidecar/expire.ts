// sidecar-expire: retention of sidecars' archives, by the plan of all archives and their holds. Where no new one comes, what is
// there stays: of one that is taken by hand, now and then, that is no fault (sidecarProof).

import { parseArchiveId } from '../archive/names.ts';
import { deleteArchive, readHolds } from '../retention/expire.ts';
import { sidecarProof } from '../retention/freshness.ts';
import { type ExtendLock, extendLocks } from '../retention/lock.ts';
import { planRetention, type RetentionPlan, type RetentionPolicy } from '../retention/plan.ts';
import { eachSource, throwFailures } from '../retention/sources.ts';
import type { ArchiveStore } from '../store/store.ts';
import { readSidecars } from './list.ts';
import { sidecarKeys, sidecarsPrefix } from './names.ts';

export type SidecarExpireOptions = {
  readonly store: ArchiveStore;
  readonly policy: RetentionPolicy;
  readonly now: Date;
  /** Plan only. */
  readonly dryRun: boolean;
  /** Locks what stays longer than its days; absent where the vault has no lock. */
  readonly extendLock?: ExtendLock | undefined;
  /** Is given each source's plan once it was carried out. */
  readonly onPlan: (plan: RetentionPlan) => void;
};

/** Expires what the policy no longer keeps, of every source's sidecar. */
export async function expireSidecars(options: SidecarExpireOptions): Promise<void> {
  const { store, policy, now, dryRun, onPlan } = options;
  const failures = await eachSource(await store.folders(sidecarsPrefix), async (source) => {
    const entries = await readSidecars(store, source);
    const freshnessHours = sidecarProof(entries, policy.freshnessHours)?.limitHours ?? policy.freshnessHours;
    const own = { ...policy, freshnessHours };
    const plan = planRetention(source, entries, own, now, await readHolds(store, source));
    if (!dryRun) await extendLocks(plan, sidecarKeys, options);
    for (const { id } of dryRun ? [] : plan.expire)
      await deleteArchive(store, sidecarKeys(parseArchiveId(id)));
    onPlan(plan);
  });
  throwFailures(failures);
}
