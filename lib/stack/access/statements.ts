// What a policy is made of: one function a kind of right, each over objects of the vault by the patterns of their names.

import { Stack, Tokenization } from 'aws-cdk-lib';
import type { ICluster, ITaskDefinition } from 'aws-cdk-lib/aws-ecs';
import {
  Effect,
  type IRole,
  PolicyStatement,
  type PolicyStatementProps,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IConstruct } from 'constructs';

type Conditions = PolicyStatementProps['conditions'];

export function allow(actions: string[], resources: string[], conditions?: Conditions): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions, resources, ...(conditions && { conditions }) });
}

/** Actions on objects, by the patterns of their names. */
export function onObjects(
  bucket: Bucket,
  actions: string[],
  patterns: readonly string[],
  conditions?: Conditions,
): PolicyStatement {
  const resources = patterns.map((pattern) => bucket.arnForObjects(pattern));
  return allow(actions, resources, conditions);
}

/** All objects whose names begin like that. */
export function below(...prefixes: readonly string[]): string[] {
  return prefixes.map((prefix) => `${prefix}*`);
}

/** The vault. */
export type Keyed = {
  readonly bucket: Bucket;
  /** The bucket's, if it is not S3's own. */
  readonly key: IKey | undefined;
};

/** What a program does with objects, by the patterns of their names. */
type Work = {
  readonly reads: readonly string[];
  /** Of which it reads the very version that a verdict or a manifest speaks of, not whatever has its name today. */
  readonly versions?: readonly string[];
  readonly writes: readonly string[];
};

/**
 * All that this work takes. Listing, too: S3 answers a GET of an absent object with 403 unless the caller may list
 * the bucket, and "no verdict yet" must not look like a refusal.
 *
 * @remarks Without a condition on `s3:prefix`: nothing of AWS says that a GET's key counts as its prefix, and all that
 *   this shows more is the names of keys in this one bucket.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function workOn({ bucket, key }: Keyed, { reads, versions, writes }: Work): PolicyStatement[] {
  return [
    allow(['s3:ListBucket'], [bucket.bucketArn]),
    onObjects(bucket, ['s3:GetObject'], reads),
    ...(versions === undefined ? [] : [onObjects(bucket, ['s3:GetObjectVersion'], versions)]),
    onObjects(bucket, ['s3:PutObject'], writes),
    ...useKey(key, decrypt, encrypt),
  ];
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

/** Running a task in a cluster of its own, and handing it its roles. */
export function runTask(
  { clusterArn }: ICluster,
  definitions: readonly ITaskDefinition[],
  roles: readonly IRole[],
): PolicyStatement[] {
  const arns = definitions.map(({ taskDefinitionArn }) => taskDefinitionArn);
  return [
    allow(['ecs:RunTask'], arns, { ArnEquals: { 'ecs:cluster': clusterArn } }),
    passTo(
      'ecs-tasks.amazonaws.com',
      roles.map(({ roleArn }) => roleArn),
    ),
  ];
}

/** Asking who hears of what is published. */
export function listRecipients(topic: ITopic): PolicyStatement {
  return allow(['sns:ListSubscriptionsByTopic'], [topic.topicArn]);
}

export function publish(topic: ITopic): PolicyStatement {
  return allow(['sns:Publish'], [topic.topicArn]);
}

/**
 * To lock longer what is locked, and for no more than so many days from then on; a shorter lock S3 refuses.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
 */
export function lockLonger(bucket: Bucket, days: number, patterns: readonly string[]): PolicyStatement[] {
  const limit = { 's3:object-lock-remaining-retention-days': Tokenization.stringifyNumber(days) };
  return [
    // How it is locked is in the answer to HEAD, for those who may read object and retention.
    onObjects(bucket, ['s3:GetObject', 's3:GetObjectRetention'], patterns),
    onObjects(bucket, ['s3:PutObjectRetention'], patterns, { NumericLessThanEquals: limit }),
  ];
}
