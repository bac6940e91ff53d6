// What those outside of the cloud may do, hosts and persons: one function a policy, each returning all of it. What is not
// here is denied; the agent in particular can create, and nothing else.

import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  baseBackupKeys,
  baseBackupsPrefix,
  baseBackupVerdictsPrefix,
} from '../../archive/base-backup-names.ts';
import {
  acceptancesPrefix,
  anyIdOf,
  archiveKeys,
  archivesPrefix,
  verdictsPrefix,
} from '../../archive/names.ts';
import { anyWalKeysOf, walPrefix, walVerdictsPrefix } from '../../archive/wal-names.ts';
import { holdsPrefix } from '../../retention/hold.ts';
import { sidecarKeys, sidecarsPrefix, sidecarVerdictsPrefix } from '../../sidecar/names.ts';
import type { Reach } from './identities.ts';
import { allow, decrypt, encrypt, put, useKey } from './statements.ts';

/**
 * All that the host may do which makes archives of a source: create what can be listed and expired, and give up what it
 * began.
 *
 * @param source - Its name, or a variable of policies that stands for it.
 */
export function agentPermissions(
  { bucket, key }: Pick<Reach, 'bucket' | 'key'>,
  source: string,
): PolicyStatement[] {
  const any = anyIdOf(source);
  const archives = [archiveKeys(any), sidecarKeys(any)].flatMap(({ archive, manifest }) => [
    archive,
    manifest,
  ]);
  // Granted always: a host that has no use for it gains nothing by it but more names of its own source.
  const names = [...archives, ...Object.values(baseBackupKeys(any)), ...anyWalKeysOf(source)];
  return [
    allow(
      ['s3:PutObject', 's3:AbortMultipartUpload'],
      names.map((name) => bucket.arnForObjects(name)),
    ),
    // The parts of a multipart upload are decrypted to be joined; without s3:GetObject it reads nothing by that.
    ...useKey(key, decrypt, encrypt),
  ];
}

/** What listing, fetching, verifying, restoring and asking for a test mail takes. */
export function operatorPermissions({
  bucket,
  key,
  reportArn,
}: Pick<Reach, 'bucket' | 'key'> & { readonly reportArn: string }): PolicyStatement[] {
  return [
    allow(['s3:ListBucket', 's3:ListBucketVersions'], [bucket.bucketArn]),
    allow(['s3:GetObject', 's3:GetObjectVersion'], [bucket.arnForObjects('*')]),
    allow(['lambda:InvokeFunction'], [reportArn]),
    ...useKey(key, decrypt),
  ];
}

/**
 * What `offsite undo` takes besides reading: taking delete markers off, and placing holds.
 *
 * @remarks A policy of its own, because IAM knows no right that is for markers only: whoever has this one can destroy
 *   versions whose lock has ended, too. Locked ones it cannot touch.
 */
export function undoPermissions({ bucket, key }: Pick<Reach, 'bucket' | 'key'>): PolicyStatement[] {
  return [
    allow(['s3:GetLifecycleConfiguration'], [bucket.bucketArn]),
    allow(
      ['s3:DeleteObjectVersion'],
      [
        ...[archivesPrefix, verdictsPrefix, sidecarsPrefix, sidecarVerdictsPrefix],
        ...[baseBackupsPrefix, baseBackupVerdictsPrefix, walPrefix, walVerdictsPrefix],
      ].map((prefix) => bucket.arnForObjects(`${prefix}*`)),
    ),
    put(bucket, `${holdsPrefix}*`),
    ...useKey(key, encrypt),
  ];
}

/** What `offsite accept` takes besides reading. Nobody else may say that a suspicious archive is right. */
export function acceptPermissions({ bucket, key }: Pick<Reach, 'bucket' | 'key'>): PolicyStatement[] {
  return [put(bucket, `${acceptancesPrefix}*`), ...useKey(key, encrypt)];
}
