// Starts the Fargate tasks: a restore test, and the reading of a base backup that takes longer than a function has.

import { createHash } from 'node:crypto';
import {
  type ContainerOverride,
  ECSClient,
  RunTaskCommand,
  type RunTaskCommandInput,
  type TaskVolumeConfiguration,
} from '@aws-sdk/client-ecs';
import type * as z from 'zod';
import { OffsiteError } from '../base/errors.ts';
import type { TaskSize, VolumeSize } from '../cost/task-size.ts';
import {
  environmentNames,
  restoreTestContainer,
  scratch,
  verifyContainer,
} from '../deployment/environment.ts';
import type { surchargesSchema } from '../report/report.ts';
import { retryDays } from './lost-test.ts';

type Place = {
  readonly clusterArn: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupId: string;
  readonly assignPublicIp: 'ENABLED' | 'DISABLED';
};

export type RestoreTask = Place & {
  readonly taskDefinitionArn: string;
  /** The same container, with a volume that is said at each launch. */
  readonly volumeTaskDefinitionArn: string;
  readonly volumeRoleArn: string;
};

export type VerifyTask = Place & { readonly verifyTaskDefinitionArn: string };

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
  const input = {
    taskDefinition: size.volume === undefined ? task.taskDefinitionArn : task.volumeTaskDefinitionArn,
    clientToken: token,
    overrides: {
      cpu: String(size.cpu),
      memory: String(size.memoryMib),
      ephemeralStorage: { sizeInGiB: size.ephemeralStorageGib },
      containerOverrides: [overridesFor(task, archiveId, size)],
    },
    ...(size.volume && { volumeConfigurations: [configureVolume(size.volume, task.volumeRoleArn)] }),
  };
  return run(task, input, (found) =>
    notStarted(found, {
      what: 'the restore test',
      vcpus: size.cpu / 1024,
      again: `in ${retryDays} days`,
      otherwise: "'offsite restore-test' runs one on a machine of yours",
    }),
  );
}

/** As its definition has it: inflating and summing take one core. */
const verifyVcpus = 1;

/**
 * Starts a task that judges a base backup: one a day, however often it is asked for, unless that one has died.
 *
 * @returns The task's ARN.
 * @throws As {@link launchRestoreTask}.
 */
export async function launchVerifyTask(
  task: VerifyTask,
  id: string,
  occasion: string,
  now: Date,
): Promise<string> {
  const asked = [task.verifyTaskDefinitionArn, id, occasion, now.toISOString().slice(0, 10)];
  const environment = [
    { name: environmentNames.archiveId, value: id },
    { name: environmentNames.occasion, value: occasion },
  ];
  const input = {
    taskDefinition: task.verifyTaskDefinitionArn,
    clientToken: createHash('sha256').update(asked.join(' ')).digest('hex'),
    overrides: { containerOverrides: [{ name: verifyContainer, environment }] },
  };
  return run(task, input, (found) =>
    notStarted(found, {
      what: 'the task that verifies a large base backup',
      vcpus: verifyVcpus,
      again: 'after the next daily retention',
      otherwise: "'offsite guard' judges it on a machine of yours",
    }),
  );
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html */
async function run(
  { clusterArn, subnetIds, securityGroupId, assignPublicIp }: Place,
  input: Omit<RunTaskCommandInput, 'cluster'>,
  refusal: (found: string) => OffsiteError,
): Promise<string> {
  const command = new RunTaskCommand({
    ...input,
    cluster: clusterArn,
    launchType: 'FARGATE',
    count: 1,
    networkConfiguration: {
      awsvpcConfiguration: { subnets: [...subnetIds], securityGroups: [securityGroupId], assignPublicIp },
    },
  });
  const answer = await new ECSClient({}).send(command).catch((error: Error) => {
    throw refusal(`${error.name}: ${error.message}`);
  });
  const taskArn = answer.tasks?.[0]?.taskArn;
  if (taskArn === undefined)
    throw refusal(
      (answer.failures ?? [])
        .map(({ reason, detail }) => [reason, detail].filter(Boolean).join(': '))
        .join('; ') || 'no task',
    );
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

/**
 * What ECS says where the quota of Fargate is used up, as an exception or as a failure; of vCPUs today, of tasks before.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html
 */
const quotaWords = /limit on the number of (vCPUs|tasks)|vCPU.*(limit|quota)|(limit|quota).*vCPU/i;

/** "Fargate On-Demand vCPU resource count". @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html */
const vcpuQuota = { code: 'L-3032A538', name: 'Fargate On-Demand vCPU resource count', usual: 6 } as const;

type Wanted = {
  readonly what: string;
  readonly vcpus: number;
  /** When it is tried again. */
  readonly again: string;
  /** What to do meanwhile. */
  readonly otherwise: string;
};

function notStarted(found: string, { what, vcpus, again, otherwise }: Wanted): OffsiteError {
  if (quotaWords.test(found)) {
    return new OffsiteError(
      'FARGATE_QUOTA_REACHED',
      `this account may not run ${vcpus} vCPU in Fargate now`,
      {
        expected: `${vcpus} vCPU within the quota "${vcpuQuota.name}" (${vcpuQuota.code}; a new account has ${vcpuQuota.usual})`,
        found,
        hint: `it is tried again ${again}; ask for more: aws service-quotas request-service-quota-increase --service-code fargate --quota-code ${vcpuQuota.code} --desired-value ${2 * Math.max(vcpus, 8)}`,
      },
    );
  }
  return new OffsiteError('RESTORE_TEST_NOT_STARTED', `AWS did not start ${what}`, {
    expected: 'a running task',
    found,
    hint: `it is tried again ${again}; what AWS said says why; where it is not capacity, docs/runbook.md has what to do (Restore test lost). ${otherwise}`,
  });
}
