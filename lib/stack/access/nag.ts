// Why findings of cdk-nag stand: each reason is said beside the resource that it is about, so that it reaches whoever
// checks an app that holds our construct. Needs nothing of cdk-nag, which is there for tests only.

import { Stack, Validations } from 'aws-cdk-lib';
import type { IManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** Says why a rule does not hold for a construct and what is in it. */
export function acknowledge(construct: IConstruct, rule: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `AwsSolutions-${rule}`, reason });
}

/**
 * Says why a policy names resources by a pattern.
 *
 * @param resources - ARNs; those without `*` need no reason.
 */
export function acknowledgePatterns(policy: IConstruct, resources: readonly string[], reason: string): void {
  const patterns = new Set(resources.filter((arn) => arn.includes('*')));
  for (const arn of patterns) {
    acknowledge(policy, `IAM5[Resource::${flatten(Stack.of(policy).resolve(arn))}]`, reason);
  }
}

/** Why objects are named by their prefix. */
export function acknowledgePrefixes(policy: IConstruct, statements: readonly PolicyStatement[]): void {
  const resources = statements.flatMap((statement) => statement.resources);
  acknowledgePatterns(
    policy,
    resources,
    'Objects get their names when archives are made; their prefix says whose they are.',
  );
}

/** Says why a role has a policy of AWS. */
export function acknowledgeAwsPolicy(
  role: IConstruct,
  { managedPolicyArn }: IManagedPolicy,
  reason: string,
): void {
  acknowledge(role, `IAM4[Policy::${flatten(Stack.of(role).resolve(managedPolicyArn))}]`, reason);
}

/** References as cdk-nag writes them: `<Bucket.Arn>/archives/*`. */
function flatten(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, argument] = []] = Object.entries(value);
  if (name === 'Ref') return `<${argument}>`;
  if (name === 'Fn::GetAtt') return `<${argument.join('.')}>`;
  if (name === 'Fn::Join') return argument[1].map(flatten).join(argument[0]);
  return JSON.stringify(value);
}
