import { scheduledSchema } from '../lib/deployment/events.ts';
import { watchVault } from '../lib/guard/watch.ts';
import type { Mail } from '../lib/mail/mail.ts';
import type { Recipients } from '../lib/mail/recipients.ts';
import { publishMail } from '../lib/mail/send.ts';
import { listSubscriptions } from '../lib/mail/subscriptions.ts';
import { assertSomebodyHears, watchRecipients } from '../lib/mail/watch-recipients.ts';
import { limitsOf } from '../lib/retention/freshness.ts';
import type { Sighting } from '../lib/retention/watch.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measure } from './measure.ts';

/** Tells of sources whose newest proofs are too old, of retention that stands still or does not run, and of strange arrivals. */
export const handler = chain(scheduledSchema, async ({ time }) => {
  const {
    bucket,
    topicArn,
    recipients: expected,
    reportArn,
    sources,
    ...limits
  } = environment(
    'bucket',
    'topicArn',
    'recipients',
    'reportArn',
    'sources',
    'freshnessHours',
    'restoreTestDays',
    'rpoMinutes',
  );
  // A figure is paid for each hour that has it: what is as it should be is said once a day.
  const isDaily = time === undefined || new Date(time).getUTCHours() === 0;
  const told = {
    store: createS3Store({ bucket }),
    now: new Date(),
    sendMail: (mail: Mail) => publishMail(topicArn, mail),
  };
  const sightings: Sighting[] = [];
  let hearers: Recipients | undefined;
  const failure = await watchVault({
    ...told,
    sources,
    limits: limitsOf(limits),
    isFull: isDaily,
    onSighting: (sighting) => {
      measureSighting(sighting, isDaily);
      const shown = shorten(sighting);
      logger.info('watched', { sighting: shown });
      sightings.push(shown);
    },
    onArrivals: ({ strangeCount, floods }) =>
      logger.info('looked at what has come', { strangeCount, floods }),
    besides: {
      'who hears': async () => {
        const subscriptions = () => listSubscriptions(topicArn);
        const { recipients, ...news } = await watchRecipients({
          ...told,
          expected,
          reportArn,
          subscriptions,
        });
        hearers = recipients;
        const { length: count } = recipients.confirmed;
        if (isDaily || count === 0) measure('recipientsConfirmed', count);
        return news;
      },
    },
  }).catch((error: Error) => error);
  // Of no source: what alarms look at.
  measure('newestIntactAge', worst(sightings.map((one) => one.newestIntactAgeHours)));
  measure('restoreTestAge', worst(sightings.map((one) => one.restoreTestAgeHours)));
  const logs = sightings.filter(({ newestPointAgeHours }) => newestPointAgeHours !== undefined);
  measure('newestPointAge', worst(logs.map((one) => one.newestPointAgeHours ?? 0)));
  const lacking = worst(logs.map(lackingIn));
  if (isDaily || lacking) measure('segmentsLacking', lacking);
  if (failure instanceof Error) throw failure;
  if (hearers !== undefined) assertSomebodyHears(hearers);
  return { sightings };
});

function worst(ages: readonly number[]): number | undefined {
  return ages.length === 0 ? undefined : ages.reduce((one, other) => Math.max(one, other));
}

function lackingIn({ missingSegments }: Sighting): number {
  return missingSegments?.length ?? 0;
}

function measureSighting(sighting: Sighting, isDaily: boolean): void {
  const { source, restoreTest } = sighting;
  measure('newestIntactAge', sighting.newestIntactAgeHours, source);
  measure('restoreTestAge', sighting.restoreTestAgeHours, source);
  measure('newestPointAge', sighting.newestPointAgeHours, source);
  const counts = {
    archivesNotIntact: sighting.notIntactIds.length,
    archivesSuspicious: sighting.suspiciousIds.length,
    restoreTestFailed: restoreTest.hasFailed ? 1 : 0,
    ...(sighting.newestPointAgeHours !== undefined && { segmentsLacking: lackingIn(sighting) }),
  };
  for (const [id, count] of Object.entries(counts) as [keyof typeof counts, number][]) {
    if (isDaily || count > 0) measure(id, count, source);
  }
  if (isDaily) measure('restoreTestDuration', restoreTest.durationSeconds, source);
}

/** A line of the log holds 256 KB, and an answer 6 MB. */
function shorten(sighting: Sighting): Sighting {
  const { notIntactIds, suspiciousIds, orphanIds, clockIds } = sighting;
  const some = (ids: readonly string[]) =>
    ids.length > 20 ? [...ids.slice(0, 20), `… ${ids.length - 20} more`] : ids;
  return {
    ...sighting,
    notIntactIds: some(notIntactIds),
    suspiciousIds: some(suspiciousIds),
    orphanIds: some(orphanIds),
    clockIds: some(clockIds),
  };
}
