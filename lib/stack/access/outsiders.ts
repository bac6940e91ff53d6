// What those outside of the cloud may do, hosts and persons: one function a policy, each returning all of it. What is not
// here is denied; the agent in particular can create, and nothing else.

import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { baseBackupKeys } from '../../archive/base-backup-names.ts';
import { acceptancesPrefix, anyIdOf, archiveKeys } from '../../archive/names.ts';
import { anyWalKeysOf } from '../../archive/wal-names.ts';
import { holdsPrefix } from '../../retention/hold.ts';
import { sidecarKeys } from '../../sidecar/names.ts';
import { expirable } from './identities.ts';
import { allow, below, decrypt, encrypt, type Keyed, onObjects, useKey } from './statements.ts';

/**
 * All that the host may do which makes archives of a source: create what can be listed and expired, and give up what it
 * began.
 *
 * @param source - Its name, or a variable of policies that stands for it.
 */
export function agentPermissions({ bucket, key }: Keyed, source: string): PolicyStatement[] {
  const any = anyIdOf(source);
  const baseBackup = baseBackupKeys(any);
  const archives = [archiveKeys(any), sidecarKeys(any), baseBackup].flatMap(({ archive, manifest }) => [
    archive,
    manifest,
  ]);
  // Granted always: a host that has no use for it gains nothing by it but more names of its own source.
  const names = [...archives, baseBackup.serverManifest, ...anyWalKeysOf(source)];
  return [
    onObjects(bucket, ['s3:PutObject', 's3:AbortMultipartUpload'], names),
    // The parts of a multipart upload are decrypted to be joined; without s3:GetObject it reads nothing by that.
    ...useKey(key, decrypt, encrypt),
  ];
}

/** What listing, fetching, verifying, restoring and asking for a test mail takes. */
export function operatorPermissions({
  bucket,
  key,
  reportArn,
}: Keyed & { readonly reportArn: string }): PolicyStatement[] {
  return [
    allow(['s3:ListBucket', 's3:ListBucketVersions'], [bucket.bucketArn]),
    onObjects(bucket, ['s3:GetObject', 's3:GetObjectVersion'], ['*']),
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
export function undoPermissions({ bucket, key }: Keyed): PolicyStatement[] {
  return [
    allow(['s3:GetLifecycleConfiguration'], [bucket.bucketArn]),
    onObjects(bucket, ['s3:DeleteObjectVersion'], expirable),
    onObjects(bucket, ['s3:PutObject'], below(holdsPrefix)),
    ...useKey(key, encrypt),
  ];
}

/** What `offsite accept` takes besides reading. Nobody else may say that a suspicious archive is right. */
export function acceptPermissions({ bucket, key }: Keyed): PolicyStatement[] {
  return [onObjects(bucket, ['s3:PutObject'], below(acceptancesPrefix)), ...useKey(key, encrypt)];
}
