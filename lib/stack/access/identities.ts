// Which program of the cloud may do what: one function a program, each returning all that its role is allowed beyond logging.
// What is not here is denied. What hosts and persons may stands in outsiders.ts.

import type { ICluster, ITaskDefinition } from 'aws-cdk-lib/aws-ecs';
import type { IRole, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { baseBackupsPrefix, baseBackupVerdictsPrefix } from '../../archive/base-backup-names.ts';
import {
  acceptancesPrefix,
  archiveSuffix,
  archivesPrefix,
  checksPrefix,
  duePrefix,
  faultsPrefix,
  manifestSuffix,
  plansPrefix,
  rangesPrefix,
  reportsPrefix,
  runPrefix,
  toldPrefix,
  verdictsPrefix,
  watchPrefix,
} from '../../archive/names.ts';
import { walPrefix, walVerdictsPrefix } from '../../archive/wal-names.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import { turnsKey } from '../../restore-test/turns.ts';
import { holdsPrefix } from '../../retention/hold.ts';
import { sidecarsPrefix, sidecarVerdictsPrefix } from '../../sidecar/names.ts';
import { acknowledgePrefixes } from './nag.ts';
import {
  allow,
  below,
  type Keyed,
  listRecipients,
  lockLonger,
  onObjects,
  passTo,
  publish,
  runTask,
  workOn,
} from './statements.ts';

/** What the programs of the cloud work on. */
export type Reach = Keyed & { readonly topic: ITopic };

/** What says of an archive whether it is intact: the verifier's word, and the operator's. */
const proofs = below(verdictsPrefix, acceptancesPrefix);
const manifests = `${archivesPrefix}*${manifestSuffix}`;
const archives = `${archivesPrefix}*${archiveSuffix}`;
const ofBaseBackups = [`${baseBackupsPrefix}*${manifestSuffix}`, `${baseBackupVerdictsPrefix}*`];
/** What is judged, by version id, so that a verdict speaks of the very bytes that were read. */
const judged = below(archivesPrefix, sidecarsPrefix, baseBackupsPrefix);
/** What retention takes, and undo brings back. */
export const expirable = below(
  ...[archivesPrefix, verdictsPrefix, sidecarsPrefix, sidecarVerdictsPrefix],
  ...[baseBackupsPrefix, baseBackupVerdictsPrefix, walPrefix, walVerdictsPrefix],
);

export function expirePermissions(
  reach: Reach,
  { objectLock, keepDays }: Pick<Deployment, 'objectLock' | 'keepDays'>,
): PolicyStatement[] {
  return [
    ...workOn(reach, {
      // Manifests: for the reason why an archive was stored long after its date.
      reads: [
        ...[manifests, ...proofs, ...ofBaseBackups],
        ...below(holdsPrefix, plansPrefix, sidecarVerdictsPrefix),
      ],
      writes: below(plansPrefix, duePrefix, runPrefix),
    }),
    // Not the log: its files are many, and none is kept for long after its base backup's days.
    ...(objectLock === 'off' ? [] : lockLonger(reach.bucket, keepDays, judged)),
    // Deleting lays a marker only: versions stay until the bucket's lifecycle removes them.
    onObjects(reach.bucket, ['s3:DeleteObject'], expirable),
  ];
}

export function watchPermissions(reach: Reach): PolicyStatement[] {
  return [
    ...workOn(reach, {
      reads: [
        ...[manifests, ...proofs, ...ofBaseBackups],
        ...below(sidecarVerdictsPrefix, reportsPrefix, watchPrefix),
        // Where a timeline came from; of all else the key says enough.
        `${walPrefix}*.history-*`,
      ],
      writes: below(watchPrefix, `${duePrefix}*/wal/`),
    }),
    listRecipients(reach.topic),
    publish(reach.topic),
  ];
}

/** What a launcher starts. */
type Launched = {
  readonly cluster: ICluster;
  readonly taskDefinition: ITaskDefinition;
  readonly volumeTaskDefinition: ITaskDefinition;
  readonly taskRoles: readonly IRole[];
  readonly volumeRole: IRole;
};

export function launchPermissions(reach: Reach, task: Launched): PolicyStatement[] {
  return [
    ...workOn(reach, {
      // Of base backups: how much room the recovery to a point takes.
      reads: [manifests, ...proofs, ...below(reportsPrefix, toldPrefix), turnsKey, ...ofBaseBackups],
      writes: [...below(toldPrefix), turnsKey],
    }),
    ...runTask(task.cluster, [task.taskDefinition, task.volumeTaskDefinition], task.taskRoles),
    passTo('ecs.amazonaws.com', [task.volumeRole.roleArn]),
    publish(reach.topic),
  ];
}

export function reportPermissions(reach: Reach): PolicyStatement[] {
  const noted = below(toldPrefix, faultsPrefix);
  return [
    ...workOn(reach, { reads: noted, writes: noted }),
    listRecipients(reach.topic),
    publish(reach.topic),
  ];
}

export function restoreTestPermissions(reach: Reach): PolicyStatement[] {
  return [
    ...workOn(reach, {
      // Earlier reports, retention's plan and the watcher's limits: the page shows how it has gone, and why each archive stays.
      reads: [
        `${watchPrefix}*.json`,
        ...[...below(archivesPrefix, checksPrefix, reportsPrefix, plansPrefix), ...proofs],
        ...below(baseBackupsPrefix, baseBackupVerdictsPrefix, walPrefix),
      ],
      versions: [archives, ...below(baseBackupsPrefix)],
      writes: below(reportsPrefix, toldPrefix),
    }),
    publish(reach.topic),
  ];
}

export function verifyPermissions(reach: Reach): PolicyStatement[] {
  const verdicts = below(sidecarVerdictsPrefix, baseBackupVerdictsPrefix);
  return [
    ...workOn(reach, {
      // Of the requests: which files of the log are to be read.
      reads: [
        ...[...judged, ...proofs, ...verdicts],
        ...below(faultsPrefix, walPrefix, `${duePrefix}*/wal/`),
      ],
      versions: judged,
      writes: [...below(verdictsPrefix, walVerdictsPrefix, faultsPrefix), ...verdicts],
    }),
    publish(reach.topic),
  ];
}

/** What a base backup's task may, which is the verifier's for those that take longer. */
export function verifyTaskPermissions(reach: Reach): PolicyStatement[] {
  return [
    ...workOn(reach, {
      reads: below(baseBackupsPrefix, baseBackupVerdictsPrefix, faultsPrefix),
      versions: below(baseBackupsPrefix),
      writes: below(baseBackupVerdictsPrefix, faultsPrefix),
    }),
    publish(reach.topic),
  ];
}

/** The verifier may also let ranges be read; what reads and joins them is another program with a role of its own. */
export function startPermissions(stateMachineArn: string, executionsArn: string): PolicyStatement[] {
  return [
    allow(['states:StartExecution'], [stateMachineArn]),
    allow(['states:DescribeExecution', 'states:RedriveExecution'], [executionsArn]),
  ];
}

export function readRangePermissions(reach: Reach): PolicyStatement[] {
  return workOn(reach, {
    reads: below(archivesPrefix, rangesPrefix),
    versions: [archives],
    writes: below(rangesPrefix),
  });
}

export function joinRangesPermissions(reach: Reach): PolicyStatement[] {
  return [
    ...workOn(reach, {
      reads: [...below(archivesPrefix, rangesPrefix, faultsPrefix), ...proofs],
      // To see whether a verdict speaks of the version that is there.
      versions: [archives],
      writes: below(verdictsPrefix, rangesPrefix, faultsPrefix),
    }),
    publish(reach.topic),
  ];
}

export function permit(role: Role, statements: readonly PolicyStatement[]): void {
  for (const statement of statements) role.addToPrincipalPolicy(statement);
  acknowledgePrefixes(role, statements);
}
