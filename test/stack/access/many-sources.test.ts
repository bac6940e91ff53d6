// A policy for each source, however many there are: what CloudFormation and IAM take of one stack is not passed, and
// where it would be, a sentence says so while synthesizing.

import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { expect, test } from 'vitest';
import { describeError } from '../../../lib/base/errors.ts';
import { Access, type AccessProps } from '../../../lib/stack/access/access.ts';
import { sourceTag } from '../../../lib/stack/access/agent-access.ts';

/** As long as a source may be called. */
const named = (count: number) =>
  Array.from({ length: count }, (_, index) => `s${String(index).padStart(39, '0')}`);

function build(sources: number, agentAccess: AccessProps['agentAccess']) {
  const stack = new Stack(new App(), 'Stack');
  const bucket = new Bucket(stack, 'Bucket', { bucketName: 'b'.repeat(63) });
  const access = new Access(stack, 'Access', {
    bucket,
    key: undefined,
    sources: named(sources),
    reportArn: 'arn:aws:lambda:eu-central-1:111122223333:function:report',
    agentAccess,
    agentCa: 'arn:aws:acm-pca:eu-central-1:1:certificate-authority/a',
    operatorMfa: false,
  });
  return { access, resources: Template.fromStack(stack).toJSON().Resources as Record<string, Resource> };
}

type Resource = { readonly Type: string; readonly Properties: { readonly PolicyDocument?: unknown } };

/** The template's words, with the longest that a reference can become. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
function policyLengths(resources: Record<string, Resource>): number[] {
  return Object.values(resources).flatMap(({ Type, Properties }) => {
    if (Type !== 'AWS::IAM::ManagedPolicy') return [];
    const text = JSON.stringify(Properties.PolicyDocument, (_, value) =>
      value?.['Fn::GetAtt']
        ? `arn:aws-us-gov:s3:::${'b'.repeat(63)}`
        : (value?.['Fn::Join']?.[1].join('') ?? value),
    );
    return [text.length];
  });
}

test.each([
  [1, 'policy', 1],
  [100, 'policy', 100],
  [101, 'policy', 101],
  [1000, 'policy', 101],
  [60, 'user', 240],
  [60, 'rolesAnywhere', 122],
] as const)('%i sources with agentAccess=%s take %i resources', (sources, agentAccess, expected) => {
  const { access, resources } = build(sources, agentAccess);
  const ofAgents = Object.keys(resources).filter((id) => id.startsWith('AccessAgent'));
  expect(ofAgents).toHaveLength(expected);
  expect(Math.max(...policyLengths(resources))).toBeLessThan(6144);
  expect(access.agentAccess.agents.map(({ source }) => source)).toEqual(named(Math.min(sources, 100)));
});

test('those beyond have one policy for whoever carries the name as a tag', () => {
  const { access, resources } = build(101, 'policy');
  const { taggedPolicy } = access.agentAccess;
  const [[, policy] = []] = Object.entries(resources).filter(([id]) => id.startsWith('AccessAgentPolicy'));
  expect(taggedPolicy).toBeDefined();
  const tag = `\${aws:PrincipalTag/${sourceTag}}`;
  expect(JSON.stringify(policy)).toContain(`/archives/${tag}/${tag}-????-??-??-??????Z.sql.gz`);
});

test.each(['user', 'rolesAnywhere'] as const)('61 sources with agentAccess=%s are refused', (agentAccess) => {
  try {
    build(61, agentAccess);
  } catch (error) {
    const text = describeError(error);
    expect(text).toContain('60 sources at most');
    expect(text).toContain('groups of sources');
    return;
  }
  throw new Error('it was not refused');
});
