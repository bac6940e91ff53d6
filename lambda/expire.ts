import { scheduledSchema } from '../lib/deployment/events.ts';
import { publishMail } from '../lib/mail/send.ts';
import { expire } from '../lib/retention/expire.ts';
import type { RetentionPlan } from '../lib/retention/plan.ts';
import { expireSidecars } from '../lib/sidecar/expire.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measure } from './measure.ts';

/** An answer holds 6 MB; the log has a line of every source in any case. */
const decisionsAnswered = 10_000;

/** Expires what the policy no longer keeps; with `{"dryRun": true}` it only says what it would do. */
export const handler = chain(scheduledSchema, async ({ dryRun }) => {
  const { bucket, topicArn, sources, ...policy } = environment(
    'bucket',
    'topicArn',
    'sources',
    'keepDays',
    'keepIntact',
    'freshnessHours',
  );
  const plans: RetentionPlan[] = [];
  let answered = 0;
  const withoutArchives = new Set(sources);
  await expire({
    sourcesWithAlarm: sources,
    store: createS3Store({ bucket }),
    policy,
    now: new Date(),
    dryRun,
    sendMail: (mail) => publishMail(topicArn, mail),
    onPlan: (plan) => {
      logger.info(dryRun ? 'planned' : 'expired', { plan });
      withoutArchives.delete(plan.source);
      if (!dryRun) measurePlan(plan);
      answered += plan.keep.length + plan.expire.length;
      if (answered <= decisionsAnswered) plans.push(plan);
    },
  });
  await expireSidecars({
    store: createS3Store({ bucket }),
    policy,
    now: new Date(),
    dryRun,
    onPlan: (plan) => logger.info(dryRun ? 'planned sidecar' : 'expired sidecar', { plan }),
  });
  // Silence is an alarm here; of a source that has nothing yet there is nothing that could stand still.
  if (!dryRun) for (const source of withoutArchives) measure('retentionStandsStill', 0, source);
  return { dryRun, plans };
});

function measurePlan({ source, standstill, keep, expire: gone }: RetentionPlan): void {
  measure('retentionStandsStill', standstill === undefined ? 0 : 1, source);
  measure('archivesKept', keep.length, source);
  measure('archivesExpired', gone.length, source);
}
