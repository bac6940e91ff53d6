// Starts the restore test's Fargate task.

import {
  type ContainerOverride,
  ECSClient,
  type Failure,
  RunTaskCommand,
  type TaskVolumeConfiguration,
} from '@aws-sdk/client-ecs';
import type * as z from 'zod';
import { OffsiteError } from '../base/errors.ts';
import type { TaskSize, VolumeSize } from '../cost/task-size.ts';
import { environmentNames, restoreTestContainer, scratch } from '../deployment/environment.ts';
import type { surchargesSchema } from '../report/report.ts';
import { retryDays } from './lost-test.ts';

/** Which task to start, and where. */
export type RestoreTask = {
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  /** The same container, with a volume that is said at each launch. */
  readonly volumeTaskDefinitionArn: string;
  readonly volumeRoleArn: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupId: string;
  readonly assignPublicIp: 'ENABLED' | 'DISABLED';
};

/**
 * Starts a task that restores an archive.
 *
 * @param token - Names this launch, at most 64 characters: the same token never starts two tasks.
 * @returns The task's ARN.
 * @throws {@link OffsiteError} `FARGATE_QUOTA_REACHED` if the account may not run so many vCPUs now,
 *   `RESTORE_TEST_NOT_STARTED` if ECS refused for another reason; nothing runs then.
 */
export async function launchRestoreTask(
  task: RestoreTask,
  archiveId: string,
  size: TaskSize,
  token: string,
): Promise<string> {
  const command = new RunTaskCommand({
    cluster: task.clusterArn,
    taskDefinition: size.volume === undefined ? task.taskDefinitionArn : task.volumeTaskDefinitionArn,
    launchType: 'FARGATE',
    count: 1,
    clientToken: token,
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: [...task.subnetIds],
        securityGroups: [task.securityGroupId],
        assignPublicIp: task.assignPublicIp,
      },
    },
    overrides: {
      cpu: String(size.cpu),
      memory: String(size.memoryMib),
      ephemeralStorage: { sizeInGiB: size.ephemeralStorageGib },
      containerOverrides: [overridesFor(task, archiveId, size)],
    },
    ...(size.volume && { volumeConfigurations: [configureVolume(size.volume, task.volumeRoleArn)] }),
  });
  const answer = await new ECSClient({}).send(command).catch((error: Error) => {
    throw notStarted(`${error.name}: ${error.message}`, size);
  });
  const taskArn = answer.tasks?.[0]?.taskArn;
  if (taskArn === undefined)
    throw notStarted((answer.failures ?? []).map(describeFailure).join('; ') || 'no task', size);
  return taskArn;
}

function overridesFor(
  { assignPublicIp }: RestoreTask,
  archiveId: string,
  { volume }: TaskSize,
): ContainerOverride {
  const surcharges: z.input<typeof surchargesSchema> = {
    volume,
    publicAddress: assignPublicIp === 'ENABLED',
  };
  return {
    name: restoreTestContainer,
    environment: [
      { name: environmentNames.archiveId, value: archiveId },
      { name: environmentNames.surcharges, value: JSON.stringify(surcharges) },
    ],
  };
}

/** ECS makes it beside the task and deletes it with it. XFS: ext4 keeps a twentieth back for root. */
function configureVolume(
  { sizeGib, iops, throughputMib }: VolumeSize,
  roleArn: string,
): TaskVolumeConfiguration {
  return {
    name: scratch.volumeName,
    managedEBSVolume: {
      roleArn,
      volumeType: 'gp3',
      sizeInGiB: sizeGib,
      iops,
      throughput: throughputMib,
      encrypted: true,
      filesystemType: 'xfs',
      terminationPolicy: { deleteOnTermination: true },
    },
  };
}

function describeFailure({ reason, detail }: Failure): string {
  return [reason, detail].filter(Boolean).join(': ');
}

/**
 * What ECS says where the quota of Fargate is used up, as an exception or as a failure; of vCPUs today, of tasks before.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
 */
const quotaWords = /limit on the number of (vCPUs|tasks)|vCPU.*(limit|quota)|(limit|quota).*vCPU/i;

/** "Fargate On-Demand vCPU resource count". @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html */
const vcpuQuota = { code: 'L-3032A538', name: 'Fargate On-Demand vCPU resource count', usual: 6 } as const;

function notStarted(found: string, { cpu }: TaskSize): OffsiteError {
  const vcpus = cpu / 1024;
  if (quotaWords.test(found)) {
    return new OffsiteError(
      'FARGATE_QUOTA_REACHED',
      `this account may not run ${vcpus} vCPU in Fargate now`,
      {
        expected: `${vcpus} vCPU within the quota "${vcpuQuota.name}" (${vcpuQuota.code}; a new account has ${vcpuQuota.usual})`,
        found,
        hint: `it is tried again in ${retryDays} days; ask for more: aws service-quotas request-service-quota-increase --service-code fargate --quota-code ${vcpuQuota.code} --desired-value ${2 * Math.max(vcpus, 8)}`,
      },
    );
  }
  return new OffsiteError('RESTORE_TEST_NOT_STARTED', 'AWS did not start the restore test', {
    expected: 'a running task',
    found,
    hint: `it is tried again in ${retryDays} days; what AWS said says why; where it is not capacity, docs/runbook.md has what to do (Restore test lost). 'offsite restore-test' runs one on a machine of yours`,
  });
}
