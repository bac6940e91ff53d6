import type { ArchiveId } from '../lib/archive/names.ts';
import { announcedArchive, objectCreatedSchema } from '../lib/deployment/events.ts';
import { publishMail } from '../lib/mail/send.ts';
import { announcedSidecar } from '../lib/sidecar/announced.ts';
import { verifySidecarOnce } from '../lib/sidecar/verify.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { startRangeExecution } from '../lib/verify/range-execution.ts';
import { verifyOnce } from '../lib/verify/verify.ts';
import { logger, queueChain } from './chain.ts';
import { environment } from './environment.ts';
import { measureVerdict } from './measure.ts';

/** Of the 512 MB that a function has in /tmp. */
const temporaryBytes = 480e6;

/** Judges the archive that was just committed, overwritten or is to be read again, or lets one be judged that is too large to be read here. */
export const handler = queueChain(objectCreatedSchema, async (event) => {
  const { bucket, topicArn } = environment('bucket', 'topicArn');
  const sidecar = announcedSidecar(event, bucket);
  if (sidecar !== undefined) return judgeSidecar(sidecar, bucket, topicArn);
  const answer = await verifyOnce({
    store: createS3Store({ bucket }),
    ...announcedArchive(event, bucket),
    now: () => new Date(),
    sendMail: (mail) => publishMail(topicArn, mail),
    readInRanges: (job, ranges) => startRangeExecution(environment('rangesArn').rangesArn, job, ranges),
  });
  if ('awaits' in answer) return answer;
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

async function judgeSidecar(id: ArchiveId, bucket: string, topicArn: string) {
  const { verdict, isNew } = await verifySidecarOnce({
    store: createS3Store({ bucket }),
    id,
    now: () => new Date(),
    roomBytes: temporaryBytes,
    sendMail: (mail) => publishMail(topicArn, mail),
  });
  logger.info('verified the archive of a sidecar', { id: id.id, verdict: verdict.verdict, isNew });
  return { id: id.id, verdict: verdict.verdict, isNew };
}
