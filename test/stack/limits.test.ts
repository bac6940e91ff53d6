// What AWS takes: the stack keeps within it, with one source and with a thousand, and what does not is refused while it
// is synthesized, with a sentence.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { App, CfnOutput, Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { afterAll, describe, expect, test } from 'vitest';
import { describeError } from '../../lib/base/errors.ts';
import { describeExcess, findExcesses } from '../../lib/stack/limits.ts';
import { OffsiteArchive } from '../../lib/stack/offsite-archive.ts';
import { bundleWith } from '../../lib/stack/programs/create-function.ts';
import { projectRoot } from '../fixtures/cdk.ts';

const outdir = mkdtempSync(join(tmpdir(), 'offsite-limits-'));
afterAll(() => rmSync(outdir, { recursive: true, force: true }));

/** Without bundles: they are the same for all. @returns What is refused, a line each. */
function refusals(sources: number, more: (stack: Stack) => void = () => {}): string[] {
  const { context } = JSON.parse(readFileSync(join(projectRoot, 'cdk.json'), 'utf8'));
  const app = new App({
    context: { ...context, 'aws:cdk:bundling-stacks': [] },
    outdir: mkdtempSync(join(outdir, 'out-')),
  });
  const stack = new Stack(app, 'OffsiteStack');
  new OffsiteArchive(stack, 'Default', {
    email: 'op@example.com',
    // Users are made for 60 sources at most: test/stack/access/many-sources.test.ts.
    agentAccess: sources <= 60 ? 'user' : 'policy',
    encryption: 'kms',
    restoreTestNetwork: 'endpoints',
    monitoring: 'full',
    sources: Array.from({ length: sources }, (_, index) => `bitagent-${index}`),
  });
  more(stack);
  try {
    app.synth();
    return [];
  } catch (error) {
    const text = describeError(error);
    expect(text).toContain('AWS would not take this stack [CONFIG_INVALID]');
    return text.split('\n').filter((line) => / takes [\d,]+$/.test(line));
  }
}

test.each([1, 15, 100, 1000])('AWS takes a stack of %d sources', (sources) => {
  expect(refusals(sources)).toEqual([]);
});

test('the names of many sources are in the bundle, which sets them for the handler', () => {
  const name = 'OFFSITE_SOURCES';
  const many = Array.from({ length: 1000 }, (_, index) => `bitagent-${index}`).join(',');
  const { environment, bundling } = bundleWith({ [name]: many, OTHER: 'x' });
  expect(environment).toEqual({ OTHER: 'x' });
  const process = { env: {} as Record<string, string> };
  runInNewContext(bundling.banner ?? '', { process });
  expect(process.env[name]).toBe(many);
  expect(bundleWith({ [name]: 'bitagent' })).toMatchObject({ environment: { [name]: 'bitagent' } });
});

test('what another part of the same stack has too much of is refused, all at once, by its name', () => {
  const lines = refusals(1, (stack) => {
    for (let index = 0; index < 200; index += 1) new CfnOutput(stack, `Out${index}`, { value: 'x' });
    new CfnOutput(stack, 'OneMore', { value: 'x' });
    const statements = Array.from(
      { length: 400 },
      (_, index) =>
        new PolicyStatement({ actions: ['s3:GetObject'], resources: [`arn:aws:s3:::bucket-${index}/*`] }),
    );
    new ManagedPolicy(stack, 'Large', { statements });
  });
  expect(lines).toEqual([
    expect.stringMatching(/the template has 201 outputs; CloudFormation takes 200$/),
    expect.stringMatching(/Large\w+ has [\d,]+ characters in the policy; IAM takes 6,144$/),
  ]);
});

describe('each limit', () => {
  const widget = (properties: object) => ({ DashboardBody: JSON.stringify({ widgets: [{ properties }] }) });
  const times = (length: number) => Array.from({ length }, () => 'x');
  const text = (length: number) => 'x'.repeat(length);

  // The most that AWS takes, and that and one more.
  test.each<[string, string, (most: number) => object, number]>([
    ['AWS::IAM::ManagedPolicy', 'characters in the policy', (n) => ({ PolicyDocument: text(n) }), 6144],
    [
      'AWS::IAM::Role',
      'characters in the policies written into it',
      (n) => ({ Policies: [{ PolicyDocument: text(n - 12) }, { PolicyDocument: text(8) }] }),
      10_240,
    ],
    ['AWS::IAM::Role', 'managed policies', (n) => ({ ManagedPolicyArns: times(n) }), 10],
    [
      'AWS::Lambda::Function',
      'bytes of environment',
      (n) => ({ Environment: { Variables: { A: text(n - 8) } } }),
      4096,
    ],
    ['AWS::Lambda::Function', 'seconds', (n) => ({ Timeout: n }), 900],
    ['AWS::SQS::Queue', 'seconds of invisibility', (n) => ({ VisibilityTimeout: n }), 43_200],
    ['AWS::SNS::TopicPolicy', 'bytes in the policy', (n) => ({ PolicyDocument: text(n) }), 30_720],
    ['AWS::S3::BucketPolicy', 'bytes in the policy', (n) => ({ PolicyDocument: text(n) }), 20_480],
    ['AWS::Events::Rule', 'targets', (n) => ({ Targets: times(n) }), 5],
    ['AWS::CloudWatch::Alarm', 'characters in the name', (n) => ({ AlarmName: text(n) }), 255],
    ['AWS::CloudWatch::Alarm', 'characters in the description', (n) => ({ AlarmDescription: text(n) }), 1024],
    ['AWS::CloudWatch::Alarm', 'metrics in the expression', (n) => ({ Metrics: times(n) }), 10],
    [
      'AWS::CloudWatch::Alarm',
      'seconds looked at',
      (n) => ({ Period: n / 7, EvaluationPeriods: 7 }),
      604_800,
    ],
    ['AWS::CloudWatch::Dashboard', 'alarms in a widget', (n) => widget({ alarms: times(n) }), 100],
    ['AWS::CloudWatch::Dashboard', 'metrics in a widget', (n) => widget({ metrics: times(n) }), 500],
  ])('%s: %s', (Type, what, properties, most) => {
    const found = (n: number) =>
      findExcesses({ Resources: { It: { Type, Properties: { ...properties(n) } } } }, 'S');
    expect(found(most)).toEqual([]);
    const [excess, ...others] = found(most + 1);
    expect(others).toEqual([]);
    expect(excess).toMatchObject({ logicalId: 'It', what, found: most + 1, most });
    expect(excess && describeExcess(excess)).toMatch(/^It has [\d,]+ .*; [A-Z][\w ]+ takes [\d,]+$/);
  });

  test('a policy is as long as it is once its references are filled in', () => {
    const [excess] = findExcesses(
      {
        Resources: {
          Bucket: { Type: 'AWS::S3::Bucket' },
          Policy: {
            Type: 'AWS::IAM::ManagedPolicy',
            Properties: {
              PolicyDocument: Array.from({ length: 120 }, () => ({
                'Fn::Join': ['', [{ 'Fn::GetAtt': ['Bucket', 'Arn'] }, '/', { Ref: 'AWS::Region' }]],
              })),
            },
          },
        },
      },
      'Stack',
    );
    // arn:aws:s3:::Stack-Bucket-<13> / ap-southeast-1, quoted and parted by commas.
    expect(excess?.found).toBe(2 + 119 + 120 * (2 + 13 + 26 + 1 + 14));
  });
});
