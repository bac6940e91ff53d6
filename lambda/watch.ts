import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { scheduledSchema } from '../lib/core/events.ts';
import { publishMail } from '../lib/io/mailer.ts';
import { createS3Store } from '../lib/io/s3-store.ts';
import { watch } from '../lib/steps/watch.ts';
import { chain, logger, measure } from './chain.ts';
import { environment } from './environment.ts';

/** Measures how old the proofs are; where there is none there is no figure, and that is the alarm. */
export const handler = chain(scheduledSchema, async () => {
  const { bucket, topicArn, sources, ...limits } = environment(
    'bucket',
    'topicArn',
    'sources',
    'freshnessHours',
    'restoreTestDays',
  );
  const sightings = await watch({
    store: createS3Store({ bucket }),
    sources,
    limits: { archiveHours: limits.freshnessHours, restoreTestHours: limits.restoreTestDays * 24 },
    now: new Date(),
    sendMail: (mail) => publishMail(topicArn, mail),
  });
  for (const sighting of sightings) {
    const { source, newestIntactAgeHours, restoreTestAgeHours } = sighting;
    measure(source, 'NewestIntactAgeHours', MetricUnit.NoUnit, newestIntactAgeHours);
    measure(source, 'RestoreTestAgeHours', MetricUnit.NoUnit, restoreTestAgeHours);
    logger.info('watched', { sighting });
  }
  return { sightings };
});
