// What ECS refuses of volumes at launch: each that its definition leaves to the launch has to be described, and no other,
// as EBS can make it, with a role of the template that ECS may take on.

import * as z from 'zod';
import type { TaskDefinition, TaskWiring } from '../../template/task-wiring.ts';
import { EcsRefusal } from './ecs-refusal.ts';

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskManagedEBSVolumeConfiguration.html */
const managedVolume = z.strictObject({
  roleArn: z.string(),
  volumeType: z.literal('gp3'),
  sizeInGiB: z.number().int().min(1).max(16_384),
  iops: z.number().int().min(3000).max(16_000).default(3000),
  throughput: z.number().int().min(125).max(1000).default(125),
  encrypted: z.boolean().default(false),
  filesystemType: z.enum(['ext3', 'ext4', 'xfs']).default('xfs'),
  terminationPolicy: z.strictObject({ deleteOnTermination: z.boolean() }).optional(),
});

/** ECS attaches one at most. */
export const volumesSchema = z
  .array(z.strictObject({ name: z.string(), managedEBSVolume: managedVolume }))
  .max(1)
  .default([]);

export type Volumes = z.infer<typeof volumesSchema>;

/** @throws {@link EcsRefusal} As ECS would refuse it, or else as the task would fail to start minutes later. */
export function admitVolumes(wiring: TaskWiring, definition: TaskDefinition, volumes: Volumes): void {
  const atLaunch = definition.volumes.filter(({ configuredAtLaunch }) => configuredAtLaunch);
  for (const { name } of atLaunch) {
    if (!volumes.some((volume) => volume.name === name)) {
      throw refusal(`The volume ${name} is configured at launch, and volumeConfigurations has none for it.`);
    }
  }
  for (const { name, managedEBSVolume } of volumes) {
    if (!atLaunch.some((volume) => volume.name === name)) {
      throw refusal(`The task definition has no volume ${name} that is configured at launch.`);
    }
    admitRate(managedEBSVolume);
    admitRole(wiring, managedEBSVolume.roleArn);
  }
}

/** @see https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html */
function admitRate({ sizeInGiB, iops, throughput }: Volumes[number]['managedEBSVolume']): void {
  if (iops > Math.max(3000, sizeInGiB * 500))
    throw refusal(`Iops to volume size ratio of ${iops} is too high`);
  if (throughput > iops / 4) throw refusal(`Throughput to iops ratio of ${throughput} is too high`);
}

function admitRole({ roles }: TaskWiring, roleArn: string): void {
  const role = roles.find(({ arn }) => arn === roleArn);
  if (role === undefined) throw refusal(`The role ${roleArn} does not exist`);
  if (!role.trusts.includes('ecs.amazonaws.com')) {
    throw refusal(
      `ECS was unable to assume the configured ECS Infrastructure Role '${roleArn}' (said by the stand-in, not by ECS)`,
    );
  }
}

function refusal(message: string): EcsRefusal {
  return new EcsRefusal('InvalidParameterException', message);
}
