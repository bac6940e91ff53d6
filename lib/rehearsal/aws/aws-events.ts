// Events as AWS sends them over EventBridge, field for field: a handler that reads more of them than it should, or
// expects another shape, fails here and not first in the cloud.

import { randomUUID } from 'node:crypto';

/** The envelope that all of them share. */
export type AwsEvent = {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  /** UTC, whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
};

export type Place = { readonly region: string; readonly account: string };

/** An object as its event describes it; `versionId` is `undefined` in a bucket without versions. */
export type CreatedObject = {
  readonly bucket: string;
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
  readonly versionId: string | undefined;
  readonly createdAt: Date;
};

/**
 * What S3 says of a new object.
 *
 * @param sequence - Orders the events of one key.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export function objectCreated(place: Place, object: CreatedObject, sequence: number): AwsEvent {
  return envelope(place, {
    'detail-type': 'Object Created',
    source: 'aws.s3',
    at: object.createdAt,
    resources: [`arn:aws:s3:::${object.bucket}`],
    detail: {
      version: '0',
      bucket: { name: object.bucket },
      object: {
        key: object.key,
        size: object.bytes,
        etag: object.etag,
        ...(object.versionId === undefined ? {} : { 'version-id': object.versionId }),
        sequencer: (object.createdAt.getTime() * 4096 + sequence)
          .toString(16)
          .toUpperCase()
          .padStart(18, '0'),
      },
      'request-id': randomUUID().replaceAll('-', '').slice(0, 16).toUpperCase(),
      requester: place.account,
      'source-ip-address': '127.0.0.1',
      // The entity tag of a multipart upload ends with the number of its parts.
      reason: object.etag.includes('-') ? 'CompleteMultipartUpload' : 'PutObject',
    },
  });
}

/** What a schedule says when its time has come. */
export function scheduled(place: Place, ruleArn: string, at: Date): AwsEvent {
  return envelope(place, {
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    at,
    resources: [ruleArn],
    detail: {},
  });
}

/** A Fargate task that has ended. */
export type StoppedTask = {
  readonly taskArn: string;
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  readonly containerName: string;
  readonly exitCode: number;
  readonly cpu: string;
  readonly memory: string;
  readonly ephemeralStorageGib: number;
  readonly overrides: unknown;
  readonly startedAt: Date;
  readonly stoppedAt: Date;
};

/**
 * What ECS says of a task that has stopped.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
 */
export function taskStopped(place: Place, task: StoppedTask): AwsEvent {
  const [startedAt, stoppedAt] = [task.startedAt.toISOString(), task.stoppedAt.toISOString()];
  return envelope(place, {
    'detail-type': 'ECS Task State Change',
    source: 'aws.ecs',
    at: task.stoppedAt,
    resources: [task.taskArn],
    detail: {
      attachments: [],
      attributes: [{ name: 'ecs.cpu-architecture', value: 'x86_64' }],
      availabilityZone: `${place.region}a`,
      clusterArn: task.clusterArn,
      connectivity: 'CONNECTED',
      containers: [
        {
          containerArn: task.taskArn.replace(':task/', ':container/'),
          exitCode: task.exitCode,
          lastStatus: 'STOPPED',
          name: task.containerName,
          taskArn: task.taskArn,
          networkInterfaces: [],
          cpu: '0',
        },
      ],
      cpu: task.cpu,
      createdAt: startedAt,
      desiredStatus: 'STOPPED',
      enableExecuteCommand: false,
      ephemeralStorage: { sizeInGiB: task.ephemeralStorageGib },
      group: `family:${/task-definition\/(.+):\d+$/.exec(task.taskDefinitionArn)?.[1]}`,
      lastStatus: 'STOPPED',
      launchType: 'FARGATE',
      memory: task.memory,
      overrides: task.overrides,
      platformVersion: '1.4.0',
      startedAt,
      stopCode: 'EssentialContainerExited',
      stoppedAt,
      stoppedReason: 'Essential container in task exited',
      stoppingAt: stoppedAt,
      taskArn: task.taskArn,
      taskDefinitionArn: task.taskDefinitionArn,
      updatedAt: stoppedAt,
      version: 5,
    },
  });
}

type Parts = Pick<AwsEvent, 'detail-type' | 'source' | 'resources' | 'detail'> & { readonly at: Date };

/** @param parts - With the time of what happened. */
export function envelope({ region, account }: Place, { at, ...parts }: Parts): AwsEvent {
  const time = `${at.toISOString().slice(0, 19)}Z`;
  return { version: '0', id: randomUUID(), account, time, region, ...parts };
}
