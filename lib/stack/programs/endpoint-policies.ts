// What the endpoints of the restore test's network let through, whoever asks: a second fence behind the roles, which holds
// for credentials of another account too. What a role may do stands in identities.ts.

import { Stack } from 'aws-cdk-lib';
import type { InterfaceVpcEndpoint, VpcEndpoint } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, StarPrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IConstruct } from 'constructs';
import { type Reach, restoreTestPermissions, verifyTaskPermissions } from '../access/identities.ts';

/** Objects as the tasks' own roles may have them, and layers of images. */
export function letThroughObjects(endpoint: VpcEndpoint, reach: Reach): void {
  const { partition } = Stack.of(endpoint);
  letThrough(endpoint, [
    ...[...restoreTestPermissions(reach), ...verifyTaskPermissions(reach)].filter(({ actions }) =>
      actions.every((action) => action.startsWith('s3:')),
    ),
    allow(['s3:GetObject'], `arn:${partition}:s3:::${layersBucket(endpoint)}/*`),
  ]);
}

/**
 * Where layers of images lie: not in the registry but in a bucket of AWS, one for each region.
 *
 * @see https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
 */
export function layersBucket(scope: IConstruct): string {
  return `prod-${Stack.of(scope).region}-starport-layer-bucket`;
}

export function letThroughMails(endpoint: InterfaceVpcEndpoint, topicArn: string): void {
  letThrough(endpoint, [allow(['sns:Publish'], topicArn)]);
}

/** Pulling from this repository; the token for it has no resource. */
export function letThroughImages(endpoint: InterfaceVpcEndpoint, repositoryArn: string): void {
  const pull = ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'];
  letThrough(endpoint, [allow(['ecr:GetAuthorizationToken'], '*'), allow(pull, repositoryArn)]);
}

export function letThroughLines(endpoint: InterfaceVpcEndpoint, { logGroupArn }: ILogGroup): void {
  letThrough(endpoint, [allow(['logs:CreateLogStream', 'logs:PutLogEvents'], logGroupArn)]);
}

function letThrough(endpoint: VpcEndpoint, statements: readonly PolicyStatement[]): void {
  for (const statement of statements)
    endpoint.addToPolicy(statement.copy({ principals: [new StarPrincipal()] }));
}

function allow(actions: string[], resource: string): PolicyStatement {
  return new PolicyStatement({ actions, resources: [resource] });
}
