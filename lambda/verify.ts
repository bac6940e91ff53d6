import { announcedArchive, objectCreatedSchema } from '../lib/core/events.ts';
import { publishMail } from '../lib/io/mailer.ts';
import { createS3Store } from '../lib/io/s3-store.ts';
import { verifyOnce } from '../lib/steps/verify.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measureVerdict } from './measure.ts';

/** Judges the archive whose manifest was just stored. */
export const handler = chain(objectCreatedSchema, async (event) => {
  const { bucket, topicArn } = environment('bucket', 'topicArn');
  const { verdict, isNew } = await verifyOnce({
    store: createS3Store({ bucket }),
    id: announcedArchive(event, bucket),
    now: () => new Date(),
    sendMail: (mail) => publishMail(topicArn, mail),
  });
  const { id, durationMs, plainBytes } = verdict;
  if (isNew) measureVerdict(verdict);
  logger.info('verified', { id, verdict: verdict.verdict, isNew, durationMs, plainBytes });
  return { id, verdict: verdict.verdict, isNew };
});
