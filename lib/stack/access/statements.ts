// What a policy is made of: one function a kind of right, each over objects of the vault by the patterns of their names.

import { Stack, Tokenization } from 'aws-cdk-lib';
import { Effect, PolicyStatement, type PolicyStatementProps, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IConstruct } from 'constructs';

export function allow(
  actions: string[],
  resources: string[],
  conditions?: PolicyStatementProps['conditions'],
): PolicyStatement {
  return new PolicyStatement({
    effect: Effect.ALLOW,
    actions,
    resources,
    ...(conditions ? { conditions } : {}),
  });
}

export const decrypt = 'kms:Decrypt';
export const encrypt = 'kms:GenerateDataKey';

/**
 * The vault's key, for nothing but objects of S3.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
 */
export function useKey(key: IKey | undefined, ...actions: string[]): PolicyStatement[] {
  if (key === undefined) return [];
  const viaS3 = { StringEquals: { 'kms:ViaService': `s3.${Stack.of(key).region}.amazonaws.com` } };
  return [allow(actions, [key.keyArn], viaS3)];
}

/**
 * A service of AWS, at work for this account and for no other that names our role to it.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
 */
export function ownService(scope: IConstruct, service: string): ServicePrincipal {
  const { account } = Stack.of(scope);
  return new ServicePrincipal(service, { conditions: { StringEquals: { 'aws:SourceAccount': account } } });
}

export function passTo(service: string, roleArns: string[]): PolicyStatement {
  return allow(['iam:PassRole'], roleArns, { StringEquals: { 'iam:PassedToService': service } });
}

/** Asking who hears of what is published. */
export function listRecipients(topic: ITopic): PolicyStatement {
  return allow(['sns:ListSubscriptionsByTopic'], [topic.topicArn]);
}

export function publish(topic: ITopic): PolicyStatement {
  return allow(['sns:Publish'], [topic.topicArn]);
}

/**
 * Listing the vault. Every reader needs it, for S3 answers a GET of an absent object with 403 unless the caller may list
 * the bucket, and "no verdict yet" must not look like a refusal.
 *
 * @remarks Without a condition on `s3:prefix`: nothing of AWS says that a GET's key counts as its prefix, and all that
 *   this shows more is the names of keys in this one bucket.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function list(bucket: Bucket): PolicyStatement {
  return allow(['s3:ListBucket'], [bucket.bucketArn]);
}

export function get(bucket: Bucket, ...patterns: string[]): PolicyStatement {
  return allow(
    ['s3:GetObject'],
    patterns.map((pattern) => bucket.arnForObjects(pattern)),
  );
}

export function put(bucket: Bucket, ...patterns: string[]): PolicyStatement {
  return allow(
    ['s3:PutObject'],
    patterns.map((pattern) => bucket.arnForObjects(pattern)),
  );
}

/** Deleting lays a marker only: versions stay until the bucket's lifecycle removes them. */
export function layMarkers(bucket: Bucket, ...prefixes: string[]): PolicyStatement {
  return allow(
    ['s3:DeleteObject'],
    prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`)),
  );
}

/**
 * To lock longer what is locked, and for no more than so many days from then on; a shorter lock S3 refuses.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
 */
export function lockLonger(bucket: Bucket, days: number, ...patterns: string[]): PolicyStatement[] {
  const objects = patterns.map((pattern) => bucket.arnForObjects(pattern));
  const limit = { 's3:object-lock-remaining-retention-days': Tokenization.stringifyNumber(days) };
  return [
    // How it is locked is in the answer to HEAD, for those who may read object and retention.
    allow(['s3:GetObject', 's3:GetObjectRetention'], objects),
    allow(['s3:PutObjectRetention'], objects, { NumericLessThanEquals: limit }),
  ];
}
