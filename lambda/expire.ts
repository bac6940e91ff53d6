import { scheduledSchema } from '../lib/core/events.ts';
import { publishMail } from '../lib/io/mailer.ts';
import { createS3Store } from '../lib/io/s3-store.ts';
import { expire } from '../lib/steps/expire.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';

/** Expires what the policy no longer keeps; with `{"dryRun": true}` it only says what it would do. */
export const handler = chain(scheduledSchema, async ({ dryRun }) => {
  const { bucket, topicArn, ...policy } = environment(
    'bucket',
    'topicArn',
    'keepDays',
    'keepIntact',
    'freshnessHours',
  );
  const plans = await expire({
    store: createS3Store({ bucket }),
    policy,
    now: new Date(),
    dryRun,
    sendMail: (mail) => publishMail(topicArn, mail),
  });
  logger.info(dryRun ? 'planned' : 'expired', { plans });
  return { dryRun, plans };
});
