// The bucket that outlives everything else in the stack: versioned, locked, closed to the public and kept when the stack
// is deleted, so that neither a stolen key, nor a bug in retention, nor a wrong deployment takes the archives along.
//
// The lock is the bucket's default retention, so that no writer has to ask for it and none can ask for less: setting a
// retention takes a permission of its own, which `expire` alone has, to lock longer what stays longer. It therefore lies on
// everything, also on what is written anew each hour (watch/): each of those versions is kept for `keepDays`, which is a
// few hundred bytes an hour.
// A lock holds versions, not names: overwriting and deleting stay allowed, and leave the locked version behind as a
// noncurrent one. That is how `expire` and `watch` work under it, and how `offsite undo` brings an archive back.
// Lifecycle removes a noncurrent version after `undoDays`, but never before its lock has ended.

import { Annotations, Duration, RemovalPolicy, Token } from 'aws-cdk-lib';
import { AnyPrincipal, type Conditions, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type CfnBucket,
  type CfnBucketPolicy,
  type LifecycleRule,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { baseBackupsPrefix } from '../../archive/base-backup-names.ts';
import { archivesPrefix, duePrefix, faultsPrefix, rangesPrefix } from '../../archive/names.ts';
import { walPrefix } from '../../archive/wal-names.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import { sidecarsPrefix } from '../../sidecar/names.ts';
import { acknowledge } from '../access/nag.ts';

export type VaultProps = Pick<
  Deployment,
  | 'keepDays'
  | 'keepWeekly'
  | 'keepMonthly'
  | 'keepYearly'
  | 'undoDays'
  | 'objectLock'
  | 'lockExistingBucket'
  | 'existingBucket'
  | 'encryption'
  | 'existingKey'
  | 'glacierAfterDays'
> & { readonly removalPolicy?: RemovalPolicy | undefined };

/** Glacier Instant Retrieval charges for so long at least. @see https://aws.amazon.com/s3/storage-classes/glacier/ */
const glacierLeastDays = 90;

/** Where archives, verdicts and reports live. */
export class Vault extends Construct {
  readonly bucket: Bucket;
  /** What the bucket is encrypted with, if not with S3's own key. */
  readonly key: IKey | undefined;

  constructor(scope: Construct, id: string, props: VaultProps) {
    super(scope, id);
    const { removalPolicy = RemovalPolicy.RETAIN } = props;
    this.key = props.encryption === 'kms' ? this.createKey(props.existingKey, removalPolicy) : undefined;
    this.bucket = new Bucket(this, 'Bucket', {
      // A name of its own is what lets CloudFormation take over the bucket that has it.
      ...(props.existingBucket !== undefined && { bucketName: props.existingBucket }),
      versioned: true,
      ...encryptedWith(this.key),
      // Never `false`: a bucket that was deployed without the property would be replaced for that, too.
      ...(props.objectLock === 'off' ? {} : { objectLockEnabled: true }),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy,
      lifecycleRules: lifecycleOf(props),
    });
    const resource = this.bucket.node.defaultChild as CfnBucket;
    // Not `eventBridgeEnabled`: it sets the same by a custom resource with a Lambda function of its own.
    resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
    lock(resource, props);
    acknowledge(
      this.bucket,
      'S1',
      'A locked bucket cannot receive access logs, and another one only for them would be one more to guard. Whoever ' +
        'wants to know each reader turns on data events of CloudTrail.',
    );
    this.refuseOverwriting();
    this.refuseForeignStorage();
    this.keepGuards(props);
    this.warnOfShortStays(props);
  }

  private createKey(existing: string | undefined, removalPolicy: RemovalPolicy): IKey {
    if (existing !== undefined) return Key.fromKeyArn(this, 'Key', existing);
    return new Key(this, 'Key', {
      description: 'Offsite: what the vault is encrypted with',
      enableKeyRotation: true,
      // Without it no archive can be read again, by nobody.
      removalPolicy,
    });
  }

  /**
   * An archive or manifest is created under a key that is free, or not at all. Only requests that make an object are
   * asked for the header: beginning a multipart upload and its parts cannot carry it, completing it does.
   *
   * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
   */
  private refuseOverwriting(): void {
    this.refuse(
      'CreateOnly',
      { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
      [archivesPrefix, sidecarsPrefix, baseBackupsPrefix, walPrefix],
    );
  }

  /**
   * What is stored is encrypted and kept as the vault says: under a key that the sender took along nobody could read it,
   * and in another class it would cost what nobody reckoned with. Absent, each header leaves it to the bucket.
   *
   * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
   */
  private refuseForeignStorage(): void {
    const { key } = this;
    const unless = (header: string, value: string) => ({
      Null: { [header]: 'false' },
      StringNotEquals: { [header]: value },
    });
    this.refuse('NoKeyOfTheSender', {
      Null: { 's3:x-amz-server-side-encryption-customer-algorithm': 'false' },
    });
    this.refuse('NoForeignEncryption', unless('s3:x-amz-server-side-encryption', key ? 'aws:kms' : 'AES256'));
    if (key)
      this.refuse('NoForeignKey', unless('s3:x-amz-server-side-encryption-aws-kms-key-id', key.keyArn));
    this.refuse('NoForeignStorageClass', unless('s3:x-amz-storage-class', 'STANDARD'));
  }

  /** Lets nobody store anything below these prefixes under these conditions. */
  private refuse(sid: string, conditions: Conditions, prefixes: readonly string[] = ['']): void {
    this.bucket.addToResourcePolicy(
      new PolicyStatement({
        sid,
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObject'],
        resources: prefixes.map((prefix) => this.bucket.arnForObjects(`${prefix}*`)),
        conditions,
      }),
    );
  }

  /** What stays without its policy could be overwritten by whoever may write to it, a host whose policy stayed too. */
  private keepGuards({ existingBucket, removalPolicy = RemovalPolicy.RETAIN }: VaultProps): void {
    const policy = this.bucket.policy?.node.defaultChild as CfnBucketPolicy;
    policy.applyRemovalPolicy(removalPolicy);
    // Taken over by its literal name, as the bucket is.
    if (existingBucket !== undefined) policy.bucket = existingBucket;
  }

  private warnOfShortStays(props: VaultProps): void {
    const { keepDays, undoDays, glacierAfterDays, keepWeekly, keepMonthly, keepYearly } = props;
    if (glacierAfterDays === undefined || [keepDays, undoDays, glacierAfterDays].some(Token.isUnresolved))
      return;
    // Of the nights nothing comes so far; what is kept for its month or year does, and stays.
    const isOfLonger = [keepWeekly, keepMonthly, keepYearly].some((count) => (count ?? 0) !== 0);
    if (glacierAfterDays > keepDays && isOfLonger) return;
    const stayDays = keepDays + undoDays - glacierAfterDays;
    if (stayDays >= glacierLeastDays) return;
    Annotations.of(this).addWarningV2(
      'offsite:shortGlacierStay',
      `An archive would lie in Glacier Instant Retrieval for ${Math.max(stayDays, 0)} days, and is charged for ${glacierLeastDays}: ` +
        'compare the cost (offsite estimate), or keep archives for longer, or leave glacierAfterDays out.',
    );
  }
}

function encryptedWith(key: IKey | undefined): BucketProps {
  if (key === undefined) return { encryption: BucketEncryption.S3_MANAGED };
  return { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true };
}

function lock(resource: CfnBucket, { objectLock, lockExistingBucket, keepDays }: VaultProps): void {
  if (objectLock === 'off') return;
  // Not by `objectLockDefaultRetention`, which takes no token for its days.
  resource.objectLockConfiguration = {
    objectLockEnabled: 'Enabled',
    rule: { defaultRetention: { mode: objectLock.toUpperCase(), days: keepDays } },
  };
  // Added to a bucket that exists, this one property makes CloudFormation replace it by a new, empty one.
  if (lockExistingBucket) resource.objectLockEnabled = undefined;
}

function lifecycleOf({ undoDays, glacierAfterDays }: VaultProps): LifecycleRule[] {
  return [
    // A first back-up over a home's uplink takes days: a terabyte at 20 Mbit/s, nearly five.
    { id: 'abort-incomplete-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
    {
      id: 'remove-noncurrent-versions',
      noncurrentVersionExpiration: Duration.days(undoDays),
      expiredObjectDeleteMarker: true,
    },
    // Of no use once the verdict is there; kept as long as an execution that failed can be taken up again.
    { id: 'remove-readings', prefix: rangesPrefix, expiration: Duration.days(14) },
    // An event has come of each by then.
    { id: 'remove-requests', prefix: duePrefix, expiration: Duration.days(1) },
    // Whoever looks when the hour is over looks no further back than two days.
    { id: 'remove-told-faults', prefix: faultsPrefix, expiration: Duration.days(7) },
    ...(glacierAfterDays === undefined
      ? []
      : [
          {
            id: 'move-archives-to-glacier',
            prefix: archivesPrefix,
            transitions: [
              {
                storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL,
                transitionAfter: Duration.days(glacierAfterDays),
              },
            ],
          },
        ]),
  ];
}
