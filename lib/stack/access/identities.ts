// Which program of the cloud may do what: one function a program, each returning all that its role is allowed beyond logging.
// What is not here is denied. What hosts and persons may stands in outsiders.ts.

import type { IRole, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
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
  decrypt,
  encrypt,
  get,
  layMarkers,
  list,
  listRecipients,
  lockLonger,
  passTo,
  publish,
  put,
  useKey,
} from './statements.ts';

/** What says of an archive whether it is intact: the verifier's word, and the operator's. */
export const proofs = [`${verdictsPrefix}*`, `${acceptancesPrefix}*`];

/** What base backups are known by. */
const ofBaseBackups = [`${baseBackupsPrefix}*${manifestSuffix}`, `${baseBackupVerdictsPrefix}*`];

/** What the programs of the cloud work on. */
export type Reach = {
  readonly bucket: Bucket;
  readonly topic: ITopic;
  /** The bucket's, if it is not S3's own. */
  readonly key: IKey | undefined;
};

/** What the launcher needs to know of the task it starts. */
export type LaunchReach = Reach & {
  readonly clusterArn: string;
  readonly taskDefinitionArns: readonly string[];
  /** The task's own role and the one that pulls its image. */
  readonly taskRoles: readonly IRole[];
  /** By which ECS makes the task's volume. */
  readonly volumeRole: IRole;
};

/** Not the log: its files are many, and none is kept for long after its base backup's days. */
const lockedLonger = [archivesPrefix, sidecarsPrefix, baseBackupsPrefix].map((prefix) => `${prefix}*`);

export function expirePermissions(
  { bucket, key }: Reach,
  { objectLock, keepDays }: Pick<Deployment, 'objectLock' | 'keepDays'>,
): PolicyStatement[] {
  return [
    list(bucket),
    // Manifests: for the reason why an archive was stored long after its date.
    get(
      bucket,
      `${archivesPrefix}*${manifestSuffix}`,
      ...proofs,
      `${holdsPrefix}*`,
      `${plansPrefix}*`,
      `${sidecarVerdictsPrefix}*`,
      ...ofBaseBackups,
    ),
    put(bucket, `${plansPrefix}*`, `${duePrefix}*`, `${runPrefix}*`),
    ...(objectLock === 'off' ? [] : lockLonger(bucket, keepDays, ...lockedLonger)),
    layMarkers(
      bucket,
      ...[archivesPrefix, verdictsPrefix, sidecarsPrefix, sidecarVerdictsPrefix],
      ...[baseBackupsPrefix, baseBackupVerdictsPrefix, walPrefix, walVerdictsPrefix],
    ),
    ...useKey(key, decrypt, encrypt),
  ];
}

export function watchPermissions({ bucket, topic, key }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(
      bucket,
      `${archivesPrefix}*${manifestSuffix}`,
      ...proofs,
      `${sidecarVerdictsPrefix}*`,
      `${reportsPrefix}*`,
      `${watchPrefix}*`,
      ...ofBaseBackups,
      // Where a timeline came from; of all else the key says enough.
      `${walPrefix}*.history-*`,
    ),
    put(bucket, `${watchPrefix}*`, `${duePrefix}*/wal/*`),
    ...useKey(key, decrypt, encrypt),
    listRecipients(topic),
    publish(topic),
  ];
}

export function launchPermissions(reach: LaunchReach): PolicyStatement[] {
  const { bucket, topic, key, clusterArn, taskDefinitionArns, taskRoles, volumeRole } = reach;
  return [
    list(bucket),
    get(
      bucket,
      `${archivesPrefix}*${manifestSuffix}`,
      ...proofs,
      `${reportsPrefix}*`,
      `${toldPrefix}*`,
      turnsKey,
      // How much room the recovery to a point takes.
      ...ofBaseBackups,
    ),
    put(bucket, `${toldPrefix}*`, turnsKey),
    ...useKey(key, decrypt, encrypt),
    allow(['ecs:RunTask'], [...taskDefinitionArns], { ArnEquals: { 'ecs:cluster': clusterArn } }),
    passTo(
      'ecs-tasks.amazonaws.com',
      taskRoles.map((role) => role.roleArn),
    ),
    passTo('ecs.amazonaws.com', [volumeRole.roleArn]),
    publish(topic),
  ];
}

export function reportPermissions({ bucket, topic, key }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(bucket, `${toldPrefix}*`, `${faultsPrefix}*`),
    put(bucket, `${toldPrefix}*`, `${faultsPrefix}*`),
    ...useKey(key, decrypt, encrypt),
    listRecipients(topic),
    publish(topic),
  ];
}

export function restoreTestPermissions({ bucket, topic, key }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    // Earlier reports and retention's plan: the page shows how it has gone, and why each archive stays.
    get(
      bucket,
      `${archivesPrefix}*`,
      ...proofs,
      `${checksPrefix}*`,
      `${reportsPrefix}*`,
      `${plansPrefix}*`,
      ...[baseBackupsPrefix, baseBackupVerdictsPrefix, walPrefix].map((prefix) => `${prefix}*`),
    ),
    // What verdict or manifest speaks of, not whatever has its name today.
    allow(
      ['s3:GetObjectVersion'],
      [`${archivesPrefix}*${archiveSuffix}`, `${baseBackupsPrefix}*`].map((pattern) =>
        bucket.arnForObjects(pattern),
      ),
    ),
    put(bucket, `${reportsPrefix}*`, `${toldPrefix}*`),
    ...useKey(key, decrypt, encrypt),
    publish(topic),
  ];
}

/** Gives a role its permissions. */
export function permit(role: Role, statements: readonly PolicyStatement[]): void {
  for (const statement of statements) role.addToPrincipalPolicy(statement);
  acknowledgePrefixes(role, statements);
}
