import * as z from 'zod';
import { publishMail } from '../lib/mail/send.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { joinRanges } from '../lib/verify/join-ranges.ts';
import { rangeJobSchema } from '../lib/verify/plan.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measureVerdict } from './measure.ts';

const eventSchema = rangeJobSchema.extend({ startedAt: z.iso.datetime() });

/** Makes the verdict of what the range readers saw, or says which range has to be read again. */
export const handler = chain(eventSchema, async ({ startedAt, ...job }) => {
  const { bucket, topicArn } = environment('bucket', 'topicArn');
  const joined = await joinRanges({
    store: createS3Store({ bucket }),
    job,
    began: new Date(startedAt),
    now: () => new Date(),
    sendMail: (mail) => publishMail(topicArn, mail),
  });
  if ('again' in joined) {
    logger.info('joined', { id: job.id, again: joined.again });
    return joined;
  }
  const { verdict, isNew } = joined;
  const { id, durationMs, plainBytes } = verdict;
  if (isNew) measureVerdict(verdict);
  logger.info('verified', { id, verdict: verdict.verdict, isNew, durationMs, plainBytes });
  return { id, verdict: verdict.verdict, isNew };
});
