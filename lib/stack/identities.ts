// Who may do what, on one page: one function a program, each returning all that its role or policy is allowed beyond
// logging. What is not here is denied; the agent in particular can create, and nothing else.

import {
  Effect,
  type IGrantable,
  type IRole,
  ManagedPolicy,
  PolicyStatement,
  type PolicyStatementProps,
} from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import {
  archiveSuffix,
  archivesPrefix,
  manifestSuffix,
  reportsPrefix,
  verdictsPrefix,
} from '../core/archive.ts';

/** Where `watch` remembers what it has already told. */
const watchPrefix = 'watch/';

/** What the programs of the cloud work on. */
export type Reach = { readonly bucket: Bucket; readonly topic: Topic };

/** What the launcher needs to know of the task it starts. */
export type LaunchReach = Reach & {
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  /** The task's own role and the one that pulls its image. */
  readonly taskRoles: readonly IRole[];
};

export function verifyPermissions({ bucket, topic }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(bucket, `${archivesPrefix}*`, `${verdictsPrefix}*`),
    // By version id, so that a verdict speaks of the very bytes that were read.
    allow(['s3:GetObjectVersion'], [bucket.arnForObjects(`${archivesPrefix}*`)]),
    put(bucket, `${verdictsPrefix}*`),
    publish(topic),
  ];
}

export function expirePermissions({ bucket, topic }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(bucket, `${verdictsPrefix}*`),
    // A delete marker only: versions stay until the bucket's lifecycle removes them.
    allow(
      ['s3:DeleteObject'],
      [bucket.arnForObjects(`${archivesPrefix}*`), bucket.arnForObjects(`${verdictsPrefix}*`)],
    ),
    publish(topic),
  ];
}

export function watchPermissions({ bucket, topic }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(bucket, `${verdictsPrefix}*`, `${reportsPrefix}*`, `${watchPrefix}*`),
    put(bucket, `${watchPrefix}*`),
    publish(topic),
  ];
}

export function launchPermissions(reach: LaunchReach): PolicyStatement[] {
  const { bucket, topic, clusterArn, taskDefinitionArn, taskRoles } = reach;
  return [
    list(bucket),
    get(bucket, `${archivesPrefix}*${manifestSuffix}`, `${verdictsPrefix}*`),
    allow(['ecs:RunTask'], [taskDefinitionArn], { ArnEquals: { 'ecs:cluster': clusterArn } }),
    allow(
      ['iam:PassRole'],
      taskRoles.map((role) => role.roleArn),
      { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    ),
    publish(topic),
  ];
}

export function reportPermissions({ topic }: Pick<Reach, 'topic'>): PolicyStatement[] {
  return [publish(topic)];
}

export function restoreTestPermissions({ bucket, topic }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(bucket, `${archivesPrefix}*`, `${verdictsPrefix}*`),
    // The archive that the verdict speaks of, not whatever has its name today.
    allow(['s3:GetObjectVersion'], [bucket.arnForObjects(`${archivesPrefix}*${archiveSuffix}`)]),
    put(bucket, `${reportsPrefix}*`),
    publish(topic),
  ];
}

/** Gives a role its permissions. */
export function permit(grantee: IGrantable, statements: readonly PolicyStatement[]): void {
  for (const statement of statements) grantee.grantPrincipal.addToPrincipalPolicy(statement);
}

/** The policies for whoever is outside of the stack: the host that makes archives, and the operator. */
export class Identities extends Construct {
  readonly agentPolicy: ManagedPolicy;
  readonly operatorPolicy: ManagedPolicy;

  constructor(scope: Construct, id: string, props: { bucket: Bucket; sources: readonly string[] }) {
    super(scope, id);
    const { bucket, sources } = props;
    this.agentPolicy = new ManagedPolicy(this, 'AgentPolicy', {
      description: 'Offsite agent: creates archives of its sources, and nothing else',
      statements: [
        allow(
          ['s3:PutObject', 's3:AbortMultipartUpload'],
          sources.map((source) => bucket.arnForObjects(`${archivesPrefix}${source}/*`)),
        ),
      ],
    });
    this.operatorPolicy = new ManagedPolicy(this, 'OperatorPolicy', {
      description: 'Offsite operator: lists, fetches and restores archives',
      statements: [
        allow(['s3:ListBucket', 's3:ListBucketVersions', 's3:GetBucketLocation'], [bucket.bucketArn]),
        allow(['s3:GetObject', 's3:GetObjectVersion'], [bucket.arnForObjects('*')]),
      ],
    });
  }
}

function allow(
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

function publish(topic: Topic): PolicyStatement {
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
function list(bucket: Bucket): PolicyStatement {
  return allow(['s3:ListBucket'], [bucket.bucketArn]);
}

function get(bucket: Bucket, ...patterns: string[]): PolicyStatement {
  return allow(
    ['s3:GetObject'],
    patterns.map((pattern) => bucket.arnForObjects(pattern)),
  );
}

function put(bucket: Bucket, ...patterns: string[]): PolicyStatement {
  return allow(
    ['s3:PutObject'],
    patterns.map((pattern) => bucket.arnForObjects(pattern)),
  );
}
