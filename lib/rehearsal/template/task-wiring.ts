// What of the template ECS needs to know to start a task: definitions, cluster, network, and the roles that it is handed.

import * as z from 'zod';
import type { Reader } from './template.ts';

export type TaskWiring = ReturnType<typeof readTaskWiring>;
export type TaskDefinition = TaskWiring['taskDefinitions'][number];

const taskDefinitionSchema = z.object({
  Cpu: z.coerce.number(),
  Memory: z.coerce.number(),
  TaskRoleArn: z.string(),
  ExecutionRoleArn: z.string(),
  Volumes: z
    .array(z.strictObject({ Name: z.string(), ConfiguredAtLaunch: z.boolean().default(false) }))
    .default([]),
  ContainerDefinitions: z.array(
    z.object({
      Name: z.string(),
      Command: z.array(z.string()).default([]),
      Environment: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]),
    }),
  ),
});

const endpointSchema = z.object({ ServiceName: z.string() });

const roleSchema = z.object({
  AssumeRolePolicyDocument: z.object({
    Statement: z.array(
      z.object({
        Principal: z.object({ Service: z.union([z.string(), z.array(z.string())]).default([]) }),
      }),
    ),
  }),
});

/** Reads what ECS needs to know. */
export function readTaskWiring(read: Reader) {
  return {
    taskDefinitions: read('AWS::ECS::TaskDefinition', taskDefinitionSchema).map(({ ref, properties }) => ({
      arn: ref,
      /** Its own, and the one that pulls its image. */
      roleArns: [properties.TaskRoleArn, properties.ExecutionRoleArn],
      cpu: properties.Cpu,
      memoryMiB: properties.Memory,
      volumes: properties.Volumes.map(({ Name, ConfiguredAtLaunch }) => ({
        name: Name,
        configuredAtLaunch: ConfiguredAtLaunch,
      })),
      containers: properties.ContainerDefinitions.map(({ Name, Command, Environment }) => ({
        name: Name,
        command: Command,
        environment: Object.fromEntries(Environment.map((variable) => [variable.Name, variable.Value])),
      })),
    })),
    clusterArns: read('AWS::ECS::Cluster', z.unknown()).map(({ arn }) => arn),
    subnetIds: read('AWS::EC2::Subnet', z.unknown()).map(({ ref }) => ref),
    securityGroupIds: read('AWS::EC2::SecurityGroup', z.unknown()).map(({ ref }) => ref),
    hasInternetGateway: read('AWS::EC2::InternetGateway', z.unknown()).length > 0,
    hasNatGateway: read('AWS::EC2::NatGateway', z.unknown()).length > 0,
    /** `s3`, `ecr.api` …: what is reached without either gateway. */
    endpointServices: read('AWS::EC2::VPCEndpoint', endpointSchema).map(({ properties }) =>
      properties.ServiceName.replace(/^com\.amazonaws\.[^.]+\./, ''),
    ),
    roles: read('AWS::IAM::Role', roleSchema).map(({ arn, properties }) => ({
      arn,
      /** Services that may take it on. */
      trusts: properties.AssumeRolePolicyDocument.Statement.flatMap(({ Principal }) => Principal.Service),
    })),
  };
}
