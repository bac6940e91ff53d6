import { scheduledSchema } from '../lib/deployment/events.ts';
import { publishMail } from '../lib/mail/send.ts';
import { launchRestoreTask } from '../lib/restore-task/launcher.ts';
import { launchRestoreTests } from '../lib/restore-test/launch.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measure } from './measure.ts';

/** Starts the restore test of every source's newest intact archive. */
export const handler = chain(scheduledSchema, async ({ id }) => {
  const { bucket, topicArn, sources } = environment('bucket', 'topicArn', 'sources');
  const task = environment(
    'clusterArn',
    'taskDefinitionArn',
    'volumeTaskDefinitionArn',
    'volumeRoleArn',
    'containerName',
    'subnetIds',
    'securityGroupId',
    'assignPublicIp',
  );
  const launches = await launchRestoreTests({
    store: createS3Store({ bucket }),
    sources,
    requestId: id ?? crypto.randomUUID(),
    launch: (archiveId, size, token) => launchRestoreTask(task, archiveId, size, token),
    sendMail: (mail) => publishMail(topicArn, mail),
    now: new Date(),
  });
  measure('restoreTestsLost', launches.filter((launch) => 'refused' in launch).length);
  logger.info('launched', { launches });
  return { launches };
});
