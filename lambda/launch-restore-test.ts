import * as z from 'zod';
import { scheduledSchema } from '../lib/deployment/events.ts';
import { publishMail } from '../lib/mail/send.ts';
import { launchRestoreTask } from '../lib/restore-task/launcher.ts';
import { hasEnded, taskStoppedSchema } from '../lib/restore-task/lost-test.ts';
import { takeTurns, type Wake } from '../lib/restore-test/take-turns.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measure } from './measure.ts';

const eventSchema = z.union([taskStoppedSchema, scheduledSchema]);

/** Starts the restore test whose turn it is, of its source's newest archive that is intact or accepted. */
export const handler = chain(eventSchema, async (event) => {
  const { bucket, topicArn, sources } = environment('bucket', 'topicArn', 'sources');
  const task = environment(
    'clusterArn',
    'taskDefinitionArn',
    'volumeTaskDefinitionArn',
    'volumeRoleArn',
    'subnetIds',
    'securityGroupId',
    'assignPublicIp',
  );
  const { launches, waiting } = await takeTurns(wakeOf(event), {
    store: createS3Store({ bucket }),
    sources,
    requestId: event.id ?? crypto.randomUUID(),
    launch: (archiveId, size, token) => launchRestoreTask(task, archiveId, size, token),
    sendMail: (mail) => publishMail(topicArn, mail),
    now: new Date(),
  });
  measure('restoreTestsLost', launches.filter((launch) => 'refused' in launch).length);
  logger.info('launched', { launches, waiting: waiting.length });
  return { launches, waiting };
});

function wakeOf(event: z.infer<typeof eventSchema>): Wake {
  if ('detail' in event) {
    const { detail } = event as z.infer<typeof taskStoppedSchema>;
    return hasEnded(detail) ? { by: 'task', taskArn: detail.taskArn } : { by: 'clock' };
  }
  return { by: event.time === undefined ? 'person' : 'clock' };
}
