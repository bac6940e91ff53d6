import { parseDueBaseBackupKey } from '../lib/archive/base-backup-names.ts';
import { isDueWalKey } from '../lib/archive/wal-names.ts';
import { ofBaseBackups } from '../lib/basebackup/kind.ts';
import { announcedArchive, committedOf, objectCreatedSchema } from '../lib/deployment/events.ts';
import type { Mail } from '../lib/mail/mail.ts';
import { publishMail } from '../lib/mail/send.ts';
import { ofSidecar } from '../lib/sidecar/kind.ts';
import { verifySidecarOnce } from '../lib/sidecar/verify.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { verifyBaseBackupOnce } from '../lib/verify/base-backup.ts';
import { verifyLog } from '../lib/verify/log.ts';
import { startRangeExecution } from '../lib/verify/range-execution.ts';
import { verifyOnce } from '../lib/verify/verify.ts';
import { logger, queueChain } from './chain.ts';
import { environment } from './environment.ts';
import { measureVerdict } from './measure.ts';

/** Of the 512 MB that a function has in /tmp. */
const temporaryBytes = 480e6;

/**
 * Judges the archive that was just committed, overwritten or is to be read again, or lets one be judged that is too large to be
 * read here; of the dashboard's, the one that was just committed.
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
  const sidecar = committedOf(ofSidecar, event, bucket);
  if (sidecar !== undefined)
    return logged(await verifySidecarOnce({ ...common, id: sidecar, roomBytes: temporaryBytes }));
  const due = event.detail.bucket.name === bucket ? parseDueBaseBackupKey(key) : undefined;
  const baseBackup = due ?? committedOf(ofBaseBackups, event, bucket);
  if (baseBackup !== undefined)
    return logged(await verifyBaseBackupOnce({ ...common, id: baseBackup, isDue: due !== undefined }));
  const answer = await verifyOnce({
    ...common,
    ...announcedArchive(event, bucket),
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

/** Of what is no dump there are no figures. */
function logged({
  verdict: { id, verdict, notAsked },
  isNew,
}: Awaited<ReturnType<typeof verifySidecarOnce>>) {
  logger.info('verified', { id, verdict, isNew, notAsked });
  return { id, verdict, isNew };
}
