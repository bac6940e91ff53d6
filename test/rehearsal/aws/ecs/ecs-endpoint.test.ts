import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ECSClient,
  RunTaskCommand,
  type RunTaskCommandInput,
  StopTaskCommand,
  type TaskManagedEBSVolumeConfiguration,
} from '@aws-sdk/client-ecs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AwsEvent } from '../../../../lib/rehearsal/aws/aws-events.ts';
import { type EcsEndpoint, startEcsEndpoint } from '../../../../lib/rehearsal/aws/ecs/ecs-endpoint.ts';
import type { Wiring } from '../../../../lib/rehearsal/template/wiring.ts';

const cluster = 'arn:aws:ecs:us-east-1:000000000000:cluster/Offsite-Cluster';
const taskDefinition = 'arn:aws:ecs:us-east-1:000000000000:task-definition/Offsite-Task:1';

const volumeTaskDefinition = 'arn:aws:ecs:us-east-1:000000000000:task-definition/Offsite-Volume-Task:1';
const volumeRole = 'arn:aws:iam::000000000000:role/volumes';

const wiring: Wiring = {
  region: 'us-east-1',
  account: '000000000000',
  bucketAnnounces: true,
  functions: [],
  rules: [],
  queues: [],
  taskDefinitions: [
    {
      arn: taskDefinition,
      roleArns: ['arn:aws:iam::000000000000:role/task', 'arn:aws:iam::000000000000:role/execution'],
      cpu: 1024,
      memoryMiB: 2048,
      volumes: [{ name: 'scratch', configuredAtLaunch: false }],
      containers: [
        { name: 'restore-test', command: [], environment: { OFFSITE_BUCKET: 'vault', FROM: 'template' } },
      ],
    },
    {
      arn: volumeTaskDefinition,
      roleArns: [],
      cpu: 1024,
      memoryMiB: 2048,
      volumes: [{ name: 'scratch', configuredAtLaunch: true }],
      containers: [{ name: 'restore-test', command: [], environment: {} }],
    },
  ],
  clusterArns: [cluster],
  subnetIds: ['subnet-1', 'subnet-2'],
  securityGroupIds: ['sg-1'],
  hasInternetGateway: true,
  hasNatGateway: false,
  endpointServices: ['s3'],
  roles: [
    { arn: volumeRole, trusts: ['ecs.amazonaws.com'] },
    { arn: 'arn:aws:iam::000000000000:role/task', trusts: ['ecs-tasks.amazonaws.com'] },
  ],
  subscriptions: [],
};

function request(changes: Partial<RunTaskCommandInput> = {}): RunTaskCommandInput {
  return {
    cluster,
    taskDefinition,
    launchType: 'FARGATE',
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: ['subnet-1'],
        securityGroups: ['sg-1'],
        assignPublicIp: 'ENABLED',
      },
    },
    overrides: {
      cpu: '2048',
      memory: '8192',
      ephemeralStorage: { sizeInGiB: 40 },
      containerOverrides: [
        { name: 'restore-test', environment: [{ name: 'OFFSITE_ARCHIVE_ID', value: 'x-2026' }] },
      ],
    },
    ...changes,
  };
}

let directory: string;
let endpoint: EcsEndpoint;
let client: ECSClient;
let events: AwsEvent[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'offsite-ecs-test-'));
  await writeFile(
    join(directory, 'program.mjs'),
    `import { appendFileSync, writeFileSync } from 'node:fs';
     appendFileSync('runs', '.');
     writeFileSync('environment.json', JSON.stringify(process.env));
     console.log('restoring'); console.error('with a warning');
     if (process.env.FROM === 'hang') setInterval(() => {}, 1000);
     else process.exit(Number(process.env.EXIT ?? 0));`,
  );
});
afterAll(() => rm(directory, { recursive: true }));

beforeEach(async () => {
  events = [];
  await writeFile(join(directory, 'runs'), '');
  const host = {
    program: [join(directory, 'program.mjs')],
    cwd: directory,
    environment: { PATH: '/usr/bin', AWS_REGION: 'us-east-1' },
  };
  endpoint = await startEcsEndpoint(wiring, host, async (event) => {
    events.push(event);
    return [];
  });
  client = new ECSClient({
    endpoint: endpoint.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
});
afterEach(async () => {
  client.destroy();
  await endpoint.stop();
});

describe('RunTask', () => {
  test("answers as ECS does, and runs the program with the container's environment alone", async () => {
    const answer = await client.send(new RunTaskCommand(request()));
    expect(answer.failures).toEqual([]);
    expect(answer.tasks).toMatchObject([
      {
        taskArn: expect.stringMatching(
          /^arn:aws:ecs:us-east-1:000000000000:task\/Offsite-Cluster\/[0-9a-f]{32}$/,
        ),
        clusterArn: cluster,
        taskDefinitionArn: taskDefinition,
        lastStatus: 'PROVISIONING',
        cpu: '2048',
        memory: '8192',
        createdAt: expect.any(Date),
      },
    ]);
    const [task] = await endpoint.idle();
    expect(task).toMatchObject({ exitCode: 0, ephemeralStorageGib: 40 });
    expect(task?.logs).toContain('restoring');
    expect(task?.logs).toContain('with a warning');
    expect(JSON.parse(await readFile(join(directory, 'environment.json'), 'utf8'))).toEqual({
      PATH: '/usr/bin',
      AWS_REGION: 'us-east-1',
      OFFSITE_BUCKET: 'vault',
      FROM: 'template',
      OFFSITE_ARCHIVE_ID: 'x-2026',
      ECS_CONTAINER_METADATA_URI_V4: expect.stringMatching(/^http:/),
    });
  });

  test('tells the bus how the task ended', async () => {
    const overrides = {
      containerOverrides: [{ name: 'restore-test', environment: [{ name: 'EXIT', value: '7' }] }],
    };
    const { tasks = [] } = await client.send(new RunTaskCommand(request({ overrides })));
    await endpoint.idle();
    expect(events).toMatchObject([
      {
        version: '0',
        source: 'aws.ecs',
        'detail-type': 'ECS Task State Change',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        resources: [tasks[0]?.taskArn],
        detail: {
          clusterArn: cluster,
          taskArn: tasks[0]?.taskArn,
          taskDefinitionArn: taskDefinition,
          lastStatus: 'STOPPED',
          stopCode: 'EssentialContainerExited',
          cpu: '1024',
          memory: '2048',
          group: 'family:Offsite-Task',
          containers: [{ name: 'restore-test', exitCode: 7, lastStatus: 'STOPPED' }],
          overrides,
        },
      },
    ]);
  });

  test('starts one task for one client token', async () => {
    const twice = request({ clientToken: 'same' });
    const first = await client.send(new RunTaskCommand(twice));
    const second = await client.send(new RunTaskCommand(twice));
    expect(second.tasks?.[0]?.taskArn).toBe(first.tasks?.[0]?.taskArn);
    await client.send(new RunTaskCommand(request({ clientToken: 'other' })));
    await endpoint.idle();
    expect(await readFile(join(directory, 'runs'), 'utf8')).toBe('..');
  });

  test('finds cluster and task definition by name as well', async () => {
    const named = { cluster: 'Offsite-Cluster', taskDefinition: 'Offsite-Task' };
    expect((await client.send(new RunTaskCommand(request(named)))).tasks).toHaveLength(1);
  });

  const volume = (changes: Partial<TaskManagedEBSVolumeConfiguration> = {}, name = 'scratch') => ({
    taskDefinition: volumeTaskDefinition,
    volumeConfigurations: [
      {
        name,
        managedEBSVolume: {
          roleArn: volumeRole,
          volumeType: 'gp3',
          sizeInGiB: 383,
          iops: 6000,
          throughput: 500,
          ...changes,
        },
      },
    ],
  });

  test('attaches a volume to the task that leaves one to its launch', async () => {
    expect((await client.send(new RunTaskCommand(request(volume())))).tasks).toMatchObject([
      { taskDefinitionArn: volumeTaskDefinition },
    ]);
  });

  const network = (changes: object) => ({
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: ['subnet-1'],
        securityGroups: ['sg-1'],
        assignPublicIp: 'ENABLED' as const,
        ...changes,
      },
    },
  });
  const invalid = 'InvalidParameterException';
  const volumes = volume().volumeConfigurations;
  test.each<[string, Partial<RunTaskCommandInput>, string]>([
    ['another cluster', { cluster: `${cluster}2` }, 'ClusterNotFoundException'],
    ['no cluster', { cluster: undefined }, 'ClusterNotFoundException'],
    ['another task definition', { taskDefinition: 'Other:1' }, 'ClientException'],
    ['no network', { networkConfiguration: undefined }, 'InvalidParameterException'],
    ['a foreign subnet', network({ subnets: ['subnet-9'] }), 'InvalidParameterException'],
    ['a foreign security group', network({ securityGroups: ['sg-9'] }), 'InvalidParameterException'],
    ['no way to the image', network({ assignPublicIp: 'DISABLED' }), 'InvalidParameterException'],
    ['a size that Fargate lacks', { overrides: { cpu: '1024', memory: '16384' } }, 'ClientException'],
    ['a size between two', { overrides: { cpu: '8192', memory: '17408' } }, 'ClientException'],
    [
      'a disk too large',
      { overrides: { ephemeralStorage: { sizeInGiB: 201 } } },
      'InvalidParameterException',
    ],
    [
      'a container that is not there',
      { overrides: { containerOverrides: [{ name: 'other' }] } },
      'InvalidParameterException',
    ],
    ['a part that it does not know', { enableExecuteCommand: true }, 'InvalidParameterException'],
    ['no volume where one is left to the launch', { taskDefinition: volumeTaskDefinition }, invalid],
    ['a volume where none is', { ...volume(), taskDefinition }, invalid],
    ['a volume of another name', volume({}, 'data'), invalid],
    ['two volumes', { volumeConfigurations: [...volumes, ...volumes] }, invalid],
    ['a volume larger than any', volume({ sizeInGiB: 16_385 }), invalid],
    ['more operations than its size allows', volume({ sizeInGiB: 8, iops: 6000 }), invalid],
    ['more throughput than its operations allow', volume({ iops: 3000, throughput: 900 }), invalid],
    ['another type of volume', volume({ volumeType: 'io2' }), invalid],
    ['a volume by a role that is not there', volume({ roleArn: `${volumeRole}2` }), invalid],
    ['a volume by a role that is for tasks', volume({ roleArn: wiring.roles[1]?.arn ?? '' }), invalid],
    ['a part of a volume that it does not know', volume({ snapshotId: 'snap-1' }), invalid],
    ['a token too long', { clientToken: 'x'.repeat(65) }, 'InvalidParameterException'],
  ])('refuses %s, and starts nothing', async (_, changes, name) => {
    await expect(client.send(new RunTaskCommand(request(changes)))).rejects.toMatchObject({ name });
    expect(await endpoint.idle()).toEqual([]);
    expect(await readFile(join(directory, 'runs'), 'utf8')).toBe('');
  });
});

test('says what it is to whoever asks for anything else', async () => {
  const command = new StopTaskCommand({ cluster, task: 'x' });
  await expect(client.send(command)).rejects.toThrow('RunTask and nothing else');
});

test('stopping ends what runs', async () => {
  const overrides = {
    containerOverrides: [{ name: 'restore-test', environment: [{ name: 'FROM', value: 'hang' }] }],
  };
  await client.send(new RunTaskCommand(request({ overrides })));
  await endpoint.stop();
  const [task] = await endpoint.idle();
  expect(task?.exitCode).toBe(143);
});
