// What those who re-read archives may do, whole or in ranges.

import type { ICluster, ITaskDefinition } from 'aws-cdk-lib/aws-ecs';
import type { IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { baseBackupsPrefix, baseBackupVerdictsPrefix } from '../../archive/base-backup-names.ts';
import {
  archiveSuffix,
  archivesPrefix,
  duePrefix,
  faultsPrefix,
  rangesPrefix,
  verdictsPrefix,
} from '../../archive/names.ts';
import { walPrefix, walVerdictsPrefix } from '../../archive/wal-names.ts';
import { sidecarsPrefix, sidecarVerdictsPrefix } from '../../sidecar/names.ts';
import { proofs, type Reach } from './identities.ts';
import { allow, decrypt, encrypt, get, list, passTo, publish, put, useKey } from './statements.ts';

/** What is judged, by version id, so that a verdict speaks of the very bytes that were read. */
const judged = [archivesPrefix, sidecarsPrefix, baseBackupsPrefix].map((prefix) => `${prefix}*`);

export function verifyPermissions({ bucket, topic, key }: Reach): PolicyStatement[] {
  const verdicts = [sidecarVerdictsPrefix, baseBackupVerdictsPrefix].map((prefix) => `${prefix}*`);
  return [
    list(bucket),
    get(
      bucket,
      ...judged,
      ...proofs,
      ...verdicts,
      `${faultsPrefix}*`,
      `${walPrefix}*`,
      // Which files of the log are to be read.
      `${duePrefix}*/wal/*`,
    ),
    allow(
      ['s3:GetObjectVersion'],
      judged.map((pattern) => bucket.arnForObjects(pattern)),
    ),
    put(bucket, `${verdictsPrefix}*`, ...verdicts, `${walVerdictsPrefix}*`, `${faultsPrefix}*`),
    ...useKey(key, decrypt, encrypt),
    publish(topic),
  ];
}

/** What a base backup's task may, which is the verifier's for those that take longer. */
export function verifyTaskPermissions({ bucket, topic, key }: Reach): PolicyStatement[] {
  const [bytes, verdicts, faults] = [baseBackupsPrefix, baseBackupVerdictsPrefix, faultsPrefix].map(
    (prefix) => `${prefix}*`,
  ) as [string, string, string];
  return [
    list(bucket),
    get(bucket, bytes, verdicts, faults),
    allow(['s3:GetObjectVersion'], [bucket.arnForObjects(bytes)]),
    put(bucket, verdicts, faults),
    ...useKey(key, decrypt, encrypt),
    publish(topic),
  ];
}

/** Starting it. */
export function startTaskPermissions(task: {
  readonly cluster: ICluster;
  readonly verifyTaskDefinition: ITaskDefinition;
  readonly verifyTaskRoles: readonly IRole[];
}): PolicyStatement[] {
  const { cluster, verifyTaskDefinition, verifyTaskRoles } = task;
  const inCluster = { ArnEquals: { 'ecs:cluster': cluster.clusterArn } };
  return [
    allow(['ecs:RunTask'], [verifyTaskDefinition.taskDefinitionArn], inCluster),
    passTo(
      'ecs-tasks.amazonaws.com',
      verifyTaskRoles.map((role) => role.roleArn),
    ),
  ];
}

/** The verifier may also let ranges be read; what reads and joins them is another program with a role of its own. */
export function startPermissions(stateMachineArn: string, executionsArn: string): PolicyStatement[] {
  return [
    allow(['states:StartExecution'], [stateMachineArn]),
    allow(['states:DescribeExecution', 'states:RedriveExecution'], [executionsArn]),
  ];
}

export function readRangePermissions({ bucket, key }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(bucket, `${archivesPrefix}*`, `${rangesPrefix}*`),
    allow(['s3:GetObjectVersion'], [bucket.arnForObjects(`${archivesPrefix}*${archiveSuffix}`)]),
    put(bucket, `${rangesPrefix}*`),
    ...useKey(key, decrypt, encrypt),
  ];
}

export function joinRangesPermissions({ bucket, topic, key }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(bucket, `${archivesPrefix}*`, ...proofs, `${rangesPrefix}*`, `${faultsPrefix}*`),
    // To see whether a verdict speaks of the version that is there.
    allow(['s3:GetObjectVersion'], [bucket.arnForObjects(`${archivesPrefix}*${archiveSuffix}`)]),
    put(bucket, `${verdictsPrefix}*`, `${rangesPrefix}*`, `${faultsPrefix}*`),
    ...useKey(key, decrypt, encrypt),
    publish(topic),
  ];
}
