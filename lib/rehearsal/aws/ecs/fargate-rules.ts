// What ECS refuses of a RunTask request, as far as a launcher of ours can get it wrong. Everything that must exist is
// looked up in the template. Each volume that its definition leaves to the launch has to be described, and no other.

import * as z from 'zod';
import type { TaskDefinition, TaskWiring } from '../../template/task-wiring.ts';
import { Refusal } from '../aws-calls.ts';

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
const volumesSchema = z
  .array(z.strictObject({ name: z.string(), managedEBSVolume: managedVolume }))
  .max(1)
  .default([]);

type Volumes = z.infer<typeof volumesSchema>;

const name = z.string();
const pairs = z.array(z.object({ name, value: z.string() })).default([]);

/** The parts of a RunTask request that the stand-in understands; any other part is refused, not ignored. */
export const runTaskSchema = z.strictObject({
  cluster: name.default('default'),
  taskDefinition: name,
  launchType: z.literal('FARGATE'),
  platformVersion: name.optional(),
  count: z.literal(1).default(1),
  clientToken: z.string().max(64).optional(),
  startedBy: z.string().max(128).optional(),
  networkConfiguration: z.strictObject({
    awsvpcConfiguration: z.strictObject({
      subnets: z.array(name).min(1).max(16),
      securityGroups: z.array(name).max(5).default([]),
      assignPublicIp: z.enum(['ENABLED', 'DISABLED']).default('DISABLED'),
    }),
  }),
  overrides: z
    .strictObject({
      cpu: z.string().optional(),
      memory: z.string().optional(),
      ephemeralStorage: z.strictObject({ sizeInGiB: z.number().int().min(20).max(200) }).optional(),
      containerOverrides: z.array(z.strictObject({ name, environment: pairs })).default([]),
    })
    .default({ containerOverrides: [] }),
  volumeConfigurations: volumesSchema,
});

export type RunTask = z.infer<typeof runTaskSchema>;

export type AdmittedTask = ReturnType<typeof admitTask>;

/**
 * Checks a request against the template and against Fargate's rules.
 *
 * @throws {@link Refusal} As ECS would refuse it; nothing is started.
 */
export function admitTask(wiring: TaskWiring, request: RunTask) {
  const clusterArn = wiring.clusterArns.find((arn) => isNamed(arn, request.cluster));
  if (clusterArn === undefined) throw new Refusal('ClusterNotFoundException', 'Cluster not found.');
  const definition = wiring.taskDefinitions.find(({ arn }) => isDefinition(arn, request.taskDefinition));
  if (definition === undefined) throw new Refusal('ClientException', 'TaskDefinition not found.');
  admitNetwork(wiring, request);
  admitVolumes(wiring, definition, request.volumeConfigurations);
  for (const override of request.overrides.containerOverrides) {
    if (definition.containers.some((container) => container.name === override.name)) continue;
    throw refusal(`Override for container named ${override.name} is not a container in the TaskDefinition.`);
  }
  const cpu = Number(request.overrides.cpu ?? definition.cpu);
  const memoryMiB = Number(request.overrides.memory ?? definition.memoryMiB);
  if (!isFargateSize(cpu, memoryMiB)) {
    throw new Refusal('ClientException', 'No Fargate configuration exists for given values.');
  }
  const [container, ...others] = definition.containers;
  if (container === undefined || others.length > 0) {
    throw new Refusal('ClientException', `the stand-in runs one container, not ${others.length + 1}`);
  }
  const volumes = request.volumeConfigurations;
  // With the sizes that the task gets.
  return { clusterArn, definition: { ...definition, cpu, memoryMiB }, container, volumes };
}

function admitNetwork(wiring: TaskWiring, { networkConfiguration }: RunTask): void {
  const { subnets, securityGroups, assignPublicIp } = networkConfiguration.awsvpcConfiguration;
  const absentSubnet = subnets.find((id) => !wiring.subnetIds.includes(id));
  if (absentSubnet !== undefined) {
    throw refusal(`The subnet ID '${absentSubnet}' does not exist`);
  }
  const absentGroup = securityGroups.find((id) => !wiring.securityGroupIds.includes(id));
  if (absentGroup !== undefined) {
    throw refusal(`The security group '${absentGroup}' does not exist`);
  }
  // ECS takes this, and the task dies minutes later without having run.
  const hasAddress = assignPublicIp === 'ENABLED' && wiring.hasInternetGateway;
  const hasEndpoints = ['s3', 'ecr.api', 'ecr.dkr', 'logs'].every((service) =>
    wiring.endpointServices.includes(service),
  );
  if (!hasAddress && !wiring.hasNatGateway && !hasEndpoints) {
    throw refusal(
      'Without a public address, a NAT gateway or endpoints the task could not pull its image (said by the stand-in, not by ECS)',
    );
  }
}

/** As ECS would refuse it, or else as the task would fail to start minutes later. */
function admitVolumes(wiring: TaskWiring, definition: TaskDefinition, volumes: Volumes): void {
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

function refusal(message: string): Refusal {
  return new Refusal('InvalidParameterException', message);
}

function isNamed(arn: string, nameOrArn: string): boolean {
  return arn === nameOrArn || arn.slice(arn.lastIndexOf('/') + 1) === nameOrArn;
}

function isDefinition(arn: string, given: string): boolean {
  return isNamed(arn, given) || isNamed(arn.replace(/:\d+$/, ''), given);
}

/** Memory in MiB by CPU units. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html */
const fargateMemory: Readonly<Record<number, { least: number; most: number; step: number }>> = {
  512: { least: 1024, most: 4096, step: 1024 },
  1024: { least: 2048, most: 8192, step: 1024 },
  2048: { least: 4096, most: 16_384, step: 1024 },
  4096: { least: 8192, most: 30_720, step: 1024 },
  8192: { least: 16_384, most: 61_440, step: 4096 },
  16384: { least: 32_768, most: 122_880, step: 8192 },
};

function isFargateSize(cpu: number, memoryMiB: number): boolean {
  if (cpu === 256) return [512, 1024, 2048].includes(memoryMiB);
  const range = fargateMemory[cpu];
  if (range === undefined) return false;
  return memoryMiB >= range.least && memoryMiB <= range.most && memoryMiB % range.step === 0;
}
