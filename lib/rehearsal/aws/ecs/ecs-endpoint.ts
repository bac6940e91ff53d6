// Stands in for ECS and Fargate, which no local server offers: takes RunTask over HTTP as the SDK sends it, checks it
// against the template, runs the container's program as a child process with the container's environment, and tells it
// of its task as the task metadata endpoint does. What it cannot stand in for: the image, the task's own CPU, memory and
// disk, and its IAM role.

import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import { execa } from 'execa';
import * as z from 'zod';
import type { Wiring } from '../../template/wiring.ts';
import { type CallLog, Refusal } from '../aws-calls.ts';
import { type StoppedTask, taskStopped } from '../aws-events.ts';
import type { Bus, Delivery } from '../bus.ts';
import { serveJson, type WorkingEndpoint, working } from '../json-endpoint.ts';
import { type AdmittedTask, admitTask, type RunTask, runTaskSchema } from './fargate-rules.ts';

/** What the container's image brings along. */
export type ContainerHost = {
  /** Arguments to `node`: the program that the image runs. */
  readonly program: readonly string[];
  readonly cwd: string;
  /** Region, credentials, endpoints, PATH: what is around the container, not in the task definition. */
  readonly environment: Readonly<Record<string, string>>;
};

export type EndedTask = StoppedTask & {
  /** All that its program wrote to stdout and stderr. */
  readonly logs: string;
  /** What came of the event of its end. */
  readonly deliveries: readonly Delivery[];
};

export type EcsEndpoint = WorkingEndpoint<EndedTask>;

const target = 'AmazonEC2ContainerServiceV20141113.RunTask';

/** Starts the stand-in on a free loopback port. */
export async function startEcsEndpoint(
  wiring: Wiring,
  host: ContainerHost,
  emit: Bus['emit'],
  callLog?: CallLog,
): Promise<EcsEndpoint> {
  const tasks = new Map<string, { answer: object; ended: Promise<EndedTask> }>();
  /** What each container may ask of its task, by path. */
  const metadata = new Map<string, object>();
  const stopping = new AbortController();

  function runTask(body: unknown, principal: string): object {
    const parsed = runTaskSchema.safeParse(body);
    if (!parsed.success) throw new Refusal('InvalidParameterException', z.prettifyError(parsed.error));
    const request = parsed.data;
    const token = request.clientToken ?? randomUUID();
    const known = tasks.get(token);
    if (known !== undefined) return known.answer;
    const task = describeTask(wiring, request);
    if (callLog !== undefined) noteRunTask(callLog, principal, task);
    metadata.set(`/v4/${task.id}/task`, describeToItself(task));
    const ownMetadata = { ECS_CONTAINER_METADATA_URI_V4: `${server.endpoint}/v4/${task.id}` };
    const ended = runProgram(
      task,
      { ...host, environment: { ...host.environment, ...ownMetadata } },
      stopping.signal,
    ).then(async (stopped) => ({
      ...stopped,
      deliveries: await emit(taskStopped(wiring, stopped)),
    }));
    // Whoever waits for the tasks hears of it; until then it must not end this process.
    ended.catch(() => undefined);
    tasks.set(token, { answer: task.answer, ended });
    return task.answer;
  }

  const server = await serveJson({ answers: { [target]: runTask }, resources: metadata });
  const started = () => [...tasks.values()].map(({ ended }) => ended);
  return working(server, started, () => stopping.abort());
}

type Described = AdmittedTask & {
  readonly id: string;
  readonly taskArn: string;
  readonly request: RunTask;
  readonly answer: object;
};

function describeTask(wiring: Wiring, request: RunTask): Described {
  const admitted = admitTask(wiring, request);
  const { clusterArn, definition, container } = admitted;
  const clusterName = clusterArn.slice(clusterArn.lastIndexOf('/') + 1);
  const id = randomUUID().replaceAll('-', '');
  const taskArn = `arn:aws:ecs:${wiring.region}:${wiring.account}:task/${clusterName}/${id}`;
  const task = {
    taskArn,
    clusterArn,
    taskDefinitionArn: definition.arn,
    lastStatus: 'PROVISIONING',
    desiredStatus: 'RUNNING',
    launchType: 'FARGATE',
    cpu: String(definition.cpu),
    memory: String(definition.memoryMiB),
    overrides: request.overrides,
    createdAt: Date.now() / 1000,
    containers: [{ taskArn, name: container.name, lastStatus: 'PENDING', networkInterfaces: [] }],
  };
  return { ...admitted, id, taskArn, request, answer: { tasks: [task], failures: [] } };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html */
function describeToItself({ taskArn, clusterArn, definition, request }: Described): object {
  return {
    Cluster: clusterArn,
    TaskARN: taskArn,
    LaunchType: 'FARGATE',
    Limits: { CPU: definition.cpu / 1024, Memory: definition.memoryMiB },
    PullStartedAt: new Date().toISOString(),
    EphemeralStorageMetrics: { Reserved: (request.overrides.ephemeralStorage?.sizeInGiB ?? 20) * 1024 },
  };
}

/** Running a task takes the permission to hand it its roles, and ECS that for its volume. */
function noteRunTask(
  { note }: CallLog,
  principal: string,
  { clusterArn, definition, volumes }: AdmittedTask,
): void {
  note({
    principal,
    action: 'ecs:RunTask',
    resource: definition.arn,
    context: { 'ecs:cluster': clusterArn },
  });
  const pass = (resource: string, service: string) =>
    note({ principal, action: 'iam:PassRole', resource, context: { 'iam:PassedToService': service } });
  for (const roleArn of definition.roleArns) pass(roleArn, 'ecs-tasks.amazonaws.com');
  for (const { managedEBSVolume } of volumes) pass(managedEBSVolume.roleArn, 'ecs.amazonaws.com');
}

async function runProgram(
  { taskArn, clusterArn, request, definition, container }: Described,
  host: ContainerHost,
  signal: AbortSignal,
): Promise<Omit<EndedTask, 'deliveries'>> {
  const { overrides } = request;
  const overridden = overrides.containerOverrides
    .filter(({ name }) => name === container.name)
    .flatMap(({ environment }) => environment.map(({ name, value }) => [name, value]));
  const startedAt = new Date();
  const child = await execa(process.execPath, [...host.program, ...container.command], {
    cwd: host.cwd,
    extendEnv: false,
    env: { ...host.environment, ...container.environment, ...Object.fromEntries(overridden) },
    stdin: 'ignore',
    all: true,
    reject: false,
    cancelSignal: signal,
    // As ECS stops a task: SIGTERM, and SIGKILL when that was not heard.
    forceKillAfterDelay: 30_000,
  });
  return {
    taskArn,
    clusterArn,
    taskDefinitionArn: definition.arn,
    containerName: container.name,
    exitCode: child.exitCode ?? 128 + (child.signal === undefined ? 0 : constants.signals[child.signal]),
    cpu: String(definition.cpu),
    memory: String(definition.memoryMiB),
    ephemeralStorageGib: overrides.ephemeralStorage?.sizeInGiB ?? 20,
    overrides,
    startedAt,
    stoppedAt: new Date(),
    logs: child.all,
  };
}
