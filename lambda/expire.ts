import { scheduledSchema } from '../lib/core/events.ts';
import type { RetentionPlan } from '../lib/core/retention.ts';
import { publishMail } from '../lib/io/mailer.ts';
import { createS3Store } from '../lib/io/s3-store.ts';
import { expire } from '../lib/steps/expire.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';

/** An answer holds 6 MB; the log has a line of every source in any case. */
const decisionsAnswered = 10_000;

/** Expires what the policy no longer keeps; with `{"dryRun": true}` it only says what it would do. */
export const handler = chain(scheduledSchema, async ({ dryRun }) => {
  const { bucket, topicArn, ...policy } = environment(
    'bucket',
    'topicArn',
    'keepDays',
    'keepIntact',
    'freshnessHours',
  );
  const plans: RetentionPlan[] = [];
  let answered = 0;
  await expire({
    store: createS3Store({ bucket }),
    policy,
    now: new Date(),
    dryRun,
    sendMail: (mail) => publishMail(topicArn, mail),
    onPlan: (plan) => {
      logger.info(dryRun ? 'planned' : 'expired', { plan });
      answered += plan.keep.length + plan.expire.length;
      if (answered <= decisionsAnswered) plans.push(plan);
    },
  });
  return { dryRun, plans };
});
