// What ECS answers where a task does not start, as its SDK takes it off the wire, and what is made of it.

import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeError } from '../../lib/base/errors.ts';
import { Refusal } from '../../lib/rehearsal/aws/aws-calls.ts';
import { type JsonEndpoint, serveJson } from '../../lib/rehearsal/aws/json-endpoint.ts';
import { launchRestoreTask } from '../../lib/restore-task/launcher.ts';

const before = { ...process.env };
let ecs: JsonEndpoint;
let answer: () => object;

// A stand-in: a real ECS says these words only where an account has run out.
beforeAll(async () => {
  ecs = await serveJson({
    answers: { 'AmazonEC2ContainerServiceV20141113.RunTask': () => answer() },
  });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_ECS: ecs.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'local',
  });
});
afterAll(() => {
  ecs.close();
  process.env = before;
});

const task = {
  clusterArn: 'cluster',
  taskDefinitionArn: 'definition',
  volumeTaskDefinitionArn: 'volume',
  volumeRoleArn: 'role',
  subnetIds: ['subnet'],
  securityGroupId: 'group',
  assignPublicIp: 'ENABLED',
} as const;

async function refusal(): Promise<string> {
  const size = { cpu: 8192, memoryMib: 32_768, ephemeralStorageGib: 21 };
  return launchRestoreTask(task, 'bitagent-2026-11-23-031500Z', size, 'token').then(
    () => 'none',
    describeError,
  );
}

const vcpus = "You've reached the limit on the number of vCPUs you can run concurrently";

it.each([
  ['an exception', () => thrown('ClientException', vcpus)],
  ['a failure', () => ({ tasks: [], failures: [{ reason: vcpus }] })],
  ['an exception of old', () => thrown('ClientException', vcpus.replace('vCPUs', 'tasks'))],
])('%s that says so is the quota of vCPUs, with the command that asks for more', async (_, said) => {
  answer = said;
  const text = await refusal();
  expect(text).toContain('[FARGATE_QUOTA_REACHED]');
  expect(text).toContain('this account may not run 8 vCPU in Fargate now');
  expect(text).toContain(
    'aws service-quotas request-service-quota-increase --service-code fargate --quota-code L-3032A538 --desired-value 16',
  );
});

it.each([
  ['an exception', () => thrown('InvalidParameterException', 'No Container Instances were found')],
  ['a failure', () => ({ tasks: [], failures: [{ reason: 'Capacity is unavailable at this time' }] })],
  ['nothing', () => ({ tasks: [] })],
])('%s that says something else is told as it is', async (_, said) => {
  answer = said;
  const text = await refusal();
  expect(text).toContain('[RESTORE_TEST_NOT_STARTED]');
  expect(text).toContain('in 3 days');
});

function thrown(name: string, message: string): never {
  throw new Refusal(name, message);
}
