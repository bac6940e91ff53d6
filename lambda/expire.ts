import { keeping } from '../lib/deployment/environment.ts';
import { scheduledSchema } from '../lib/deployment/events.ts';
import { expireVault } from '../lib/guard/expire.ts';
import type { Planned } from '../lib/retention/expire-kind.ts';
import { createLocks } from '../lib/retention/lock.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measure } from './measure.ts';

/** An answer holds 6 MB; the log has a line of every source in any case. */
const decisionsAnswered = 10_000;

/**
 * Expires what the policy no longer keeps, locks what stays, and asks for what is to be read again; with `{"dryRun": true}` it only says what it would do, with `{"atOnce": true}` it
 * takes more than a night's worth.
 */
export const handler = chain(scheduledSchema, async ({ dryRun, atOnce }) => {
  const { bucket, sources, lockMode } = environment('bucket', 'sources', 'lockMode');
  const { rereadPercent, ...kept } = environment(...keeping, 'freshnessHours');
  const plans: Planned[] = [];
  let answered = 0;
  const extendLock = lockMode === 'OFF' ? undefined : createLocks({ bucket }, lockMode);
  const withoutArchives = new Set(sources);
  let standsStill = 0;
  const failure = await expireVault({
    store: createS3Store({ bucket }),
    policy: { ...kept, atOnce },
    now: new Date(),
    dryRun,
    extendLock,
    rereadPercent,
    onPlan: (plan) => {
      logger.info(dryRun ? 'planned' : 'expired', { plan });
      if (plan.standstill !== undefined) standsStill = 1;
      if (plan.kind !== 'database') return;
      withoutArchives.delete(plan.source);
      if (!dryRun) measurePlan(plan);
      answered += plan.keep.length + plan.expire.length;
      if (answered <= decisionsAnswered) plans.push(plan);
    },
  }).catch((error: Error) => error);
  if (!dryRun) {
    // Of a source that has nothing yet there is nothing that could stand still.
    for (const source of withoutArchives) measure('retentionStandsStill', 0, source);
    measure('retentionStandsStill', standsStill);
  }
  if (failure instanceof Error) throw failure;
  return { dryRun, plans };
});

function measurePlan({ source, standstill, keep, expire }: Planned): void {
  measure('retentionStandsStill', standstill === undefined ? 0 : 1, source);
  measure('archivesKept', keep.length, source);
  measure('archivesExpired', expire.length, source);
}
