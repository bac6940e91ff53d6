import { announcedArchive, objectCreatedSchema } from '../lib/deployment/events.ts';
import { publishMail } from '../lib/mail/send.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { startRangeExecution } from '../lib/verify/range-execution.ts';
import { verifyOnce } from '../lib/verify/verify.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measureVerdict } from './measure.ts';

/** Judges the archive whose manifest was just stored, or lets one be judged that is too large to be read here. */
export const handler = chain(objectCreatedSchema, async (event) => {
  const { bucket, topicArn } = environment('bucket', 'topicArn');
  const answer = await verifyOnce({
    store: createS3Store({ bucket }),
    id: announcedArchive(event, bucket),
    now: () => new Date(),
    sendMail: (mail) => publishMail(topicArn, mail),
    readInRanges: (job, ranges) => startRangeExecution(environment('rangesArn').rangesArn, job, ranges),
  });
  if ('job' in answer) {
    const { job, rangeReaders } = answer;
    logger.info('begun in ranges', { id: job.id, run: job.run, rangeReaders });
    return { id: job.id, rangeReaders };
  }
  const { verdict, isNew } = answer;
  const { id, durationMs, plainBytes } = verdict;
  if (isNew) measureVerdict(verdict);
  logger.info('verified', { id, verdict: verdict.verdict, isNew, durationMs, plainBytes });
  return { id, verdict: verdict.verdict, isNew };
});
