// Starts the restore test's Fargate task.

import { ECSClient, type Failure, RunTaskCommand } from '@aws-sdk/client-ecs';
import { environmentNames } from '../core/deployment.ts';
import { OffsiteError } from '../core/errors.ts';
import type { TaskSize } from '../core/restore-task-size.ts';

/** Which task to start, and where. */
export type RestoreTask = {
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  readonly containerName: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupId: string;
};

/**
 * Starts a task that restores an archive.
 *
 * @param token - Names this launch, at most 64 characters: the same token never starts two tasks.
 * @returns The task's ARN.
 * @throws {@link OffsiteError} `RESTORE_TEST_NOT_STARTED` if ECS refused; nothing runs then.
 */
export async function launchRestoreTask(
  task: RestoreTask,
  archiveId: string,
  size: TaskSize,
  token: string,
): Promise<string> {
  const command = new RunTaskCommand({
    cluster: task.clusterArn,
    taskDefinition: task.taskDefinitionArn,
    launchType: 'FARGATE',
    count: 1,
    clientToken: token,
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: [...task.subnetIds],
        securityGroups: [task.securityGroupId],
        // There is no NAT gateway: it would cost more than everything else together.
        assignPublicIp: 'ENABLED',
      },
    },
    overrides: {
      cpu: String(size.cpu),
      memory: String(size.memoryMib),
      ephemeralStorage: { sizeInGiB: size.ephemeralStorageGib },
      containerOverrides: [
        { name: task.containerName, environment: [{ name: environmentNames.archiveId, value: archiveId }] },
      ],
    },
  });
  const answer = await new ECSClient({}).send(command).catch((error: Error) => {
    throw notStarted(`${error.name}: ${error.message}`);
  });
  const taskArn = answer.tasks?.[0]?.taskArn;
  if (taskArn === undefined)
    throw notStarted((answer.failures ?? []).map(describeFailure).join('; ') || 'no task');
  return taskArn;
}

function describeFailure({ reason, detail }: Failure): string {
  return [reason, detail].filter(Boolean).join(': ');
}

function notStarted(found: string): OffsiteError {
  return new OffsiteError('RESTORE_TEST_NOT_STARTED', 'ECS did not start the task', {
    expected: 'a running task',
    found,
    hint: 'if it is capacity, start the test again in an hour; otherwise look at the cluster in the ECS console',
  });
}
