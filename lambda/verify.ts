import { isDueWalKey } from '../lib/archive/wal-names.ts';
import { announcedArchive, objectCreatedSchema } from '../lib/deployment/events.ts';
import { allKinds, judgeArchive } from '../lib/guard/judge.ts';
import type { Mail } from '../lib/mail/mail.ts';
import { publishMail } from '../lib/mail/send.ts';
import { launchVerifyTask } from '../lib/restore-task/launcher.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { verifyLog } from '../lib/verify/log.ts';
import { startRangeExecution } from '../lib/verify/range-execution.ts';
import { logger, queueChain } from './chain.ts';
import { environment } from './environment.ts';
import { measureVerdict } from './measure.ts';

/** Of the 512 MB that a function has in /tmp. */
const temporaryBytes = 480e6;

/**
 * Judges the archive that was just committed, overwritten or is to be read again, or lets one be judged that is too large to be
 * read here; and reads files of the log.
 */
export const handler = queueChain(objectCreatedSchema, async (event) => {
  const { bucket, topicArn } = environment('bucket', 'topicArn');
  const common = {
    store: createS3Store({ bucket }),
    now: () => new Date(),
    sendMail: (mail: Mail) => publishMail(topicArn, mail),
  };
  const { key } = event.detail.object;
  if (event.detail.bucket.name === bucket && isDueWalKey(key)) {
    const read = await verifyLog({ ...common, key });
    logger.info('read files of the log', { key, ...read });
    return read;
  }
  const announced = announcedArchive(event, bucket, allKinds);
  const answer = await judgeArchive(announced, {
    ...common,
    roomBytes: temporaryBytes,
    readInRanges: (job, ranges) => startRangeExecution(environment('rangesArn').rangesArn, job, ranges),
    readInTask: (id) => letVerify(id, announced.occasion),
  });
  if ('awaits' in answer) return answer;
  if ('job' in answer) {
    const { job, rangeReaders } = answer;
    logger.info('begun in ranges', { id: job.id, run: job.run, rangeReaders });
    return { id: job.id, rangeReaders };
  }
  const { verdict, isNew } = answer;
  const { id } = verdict;
  // Of what is no dump there are no figures.
  if (isNew && 'plainBytes' in verdict) measureVerdict(verdict);
  const figures: { durationMs?: number; plainBytes?: number; notAsked?: string | undefined } = verdict;
  const { durationMs, plainBytes, notAsked } = figures;
  logger.info('verified', { id, verdict: verdict.verdict, isNew, durationMs, plainBytes, notAsked });
  return { id, verdict: verdict.verdict, isNew };
});

async function letVerify(id: string, occasion: string): Promise<void> {
  const place = environment('clusterArn', 'subnetIds', 'securityGroupId', 'assignPublicIp');
  const task = { ...place, ...environment('verifyTaskDefinitionArn') };
  const taskArn = await launchVerifyTask(task, id, occasion, new Date());
  logger.info('begun in a task', { id, taskArn });
}
