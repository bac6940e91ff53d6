// The lock of what stays longer than its days. Object Lock ends `keepDays` after an archive was stored; what is kept for its
// month, by a hold, or because retention stands still, is locked anew for as long, before it ends. No lock is shortened:
// nothing is asked for that ends earlier, and S3 would refuse it, for nobody here has the right to go past a lock.

import { HeadObjectCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3';
import { countsAsIntact } from '../archive/catalogue-of.ts';
import { type ArchiveId, parseArchiveId } from '../archive/names.ts';
import { isAbsent, storeError } from '../store/errors.ts';
import { openSession, type S3Location } from '../store/session.ts';
import type { RetentionPlan } from './plan.ts';

export type LockMode = 'GOVERNANCE' | 'COMPLIANCE';

const hourMs = 3_600_000;
/** A run may fail, and the next one too. */
const soonHours = 48;

/**
 * Decides until when an object is to be locked.
 *
 * @param until - The end of its lock, if it has one.
 * @returns A date after that, or `undefined` while it does not end soon. An hour less than `keepDays` from now: more than
 *   that, by S3's clock, the role may not ask for.
 */
export function lockUntil(until: Date | undefined, keepDays: number, now: Date): Date | undefined {
  const [endsMs, wantedMs] = [until?.getTime() ?? 0, now.getTime() + (keepDays * 24 - 1) * hourMs];
  return endsMs - now.getTime() >= soonHours * hourMs || endsMs >= wantedMs ? undefined : new Date(wantedMs);
}

/** Locks what is under a key for another `keepDays`, if its lock ends soon. @returns Whether it was extended. */
export type ExtendLock = (key: string, keepDays: number, now: Date) => Promise<boolean>;

/**
 * Extends locks in a vault that has them.
 *
 * @param mode - Of what was stored before there was a lock; a lock that is there keeps its own.
 */
export function createLocks(location: S3Location, mode: LockMode): ExtendLock {
  const { bucket: Bucket, reader, url } = openSession(location);
  return async (Key, keepDays, now) => {
    try {
      const { ObjectLockMode, ObjectLockRetainUntilDate, VersionId } = await reader.send(
        new HeadObjectCommand({ Bucket, Key }),
      );
      const until = lockUntil(ObjectLockRetainUntilDate, keepDays, now);
      if (until === undefined) return false;
      const Retention = { Mode: ObjectLockMode ?? mode, RetainUntilDate: until };
      await reader.send(new PutObjectRetentionCommand({ Bucket, Key, VersionId, Retention }));
      return true;
    } catch (error) {
      // Gone meanwhile: who looks after proofs tells of it.
      if (isAbsent(error)) return false;
      throw storeError(error, `extending the lock of ${url(Key)}`);
    }
  };
}

/** Extends the locks of what a plan keeps for more than its days: archives that are proven, and their manifests. */
export async function extendLocks(
  { keep }: RetentionPlan,
  keysOf: (id: ArchiveId) => { readonly archive: string; readonly manifest: string },
  by: {
    readonly extendLock?: ExtendLock | undefined;
    readonly policy: { readonly keepDays: number };
    readonly now: Date;
  },
): Promise<void> {
  if (by.extendLock === undefined) return;
  for (const { id, standing, staysLonger, ageHours } of keep) {
    // The lock that each has from its beginning on is not asked for.
    const isLocked = ageHours < by.policy.keepDays * 24 - soonHours;
    if (!staysLonger || isLocked || !countsAsIntact(standing)) continue;
    const { archive, manifest } = keysOf(parseArchiveId(id));
    for (const key of [archive, manifest]) await by.extendLock(key, by.policy.keepDays, by.now);
  }
}
