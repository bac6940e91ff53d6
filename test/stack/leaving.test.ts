// What stays when the stack is deleted, what keeps it from being deleted by a slip, and how a kept vault is taken over.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, expect, test } from 'vitest';
import { parseDeployment } from '../../lib/deployment/deployment.ts';
import { OffsiteStack } from '../../lib/stack/offsite-stack.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-leaving-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Without bundles. */
function build(settings: Readonly<Record<string, string>> = {}) {
  const app = new App({
    context: { 'aws:cdk:bundling-stacks': [] },
    outdir: mkdtempSync(join(home, 'out-')),
  });
  const deployment = parseDeployment({ email: 'op@example.com', ...settings });
  const stack = new OffsiteStack(app, 'OffsiteStack', { deployment });
  return { stack, template: Template.fromStack(stack) };
}

type Resource = { readonly Type: string; readonly DeletionPolicy?: string; readonly Properties: Properties };
type Properties = Record<string, unknown>;

const resourcesOf = (template: Template) =>
  Object.values(template.toJSON().Resources as Record<string, Resource>);
const only = (template: Template, type: string) => {
  const [found, ...others] = resourcesOf(template).filter(({ Type }) => Type === type);
  expect(others).toEqual([]);
  return found;
};

test('the vault, what guards it and what it is encrypted with stay, and nothing else does', () => {
  const kept = resourcesOf(build({ encryption: 'kms' }).template).filter(
    ({ DeletionPolicy }) => DeletionPolicy !== undefined && DeletionPolicy !== 'Delete',
  );
  expect(kept.map(({ Type, DeletionPolicy }) => `${Type} ${DeletionPolicy}`).sort()).toEqual([
    'AWS::KMS::Key Retain',
    'AWS::S3::Bucket Retain',
    'AWS::S3::BucketPolicy Retain',
  ]);
});

test('deleting is refused, unless that was not wanted', () => {
  expect(build().stack.terminationProtection).toBe(true);
  expect(build({ terminationProtection: 'false' }).stack.terminationProtection).toBe(false);
});

test('a kept vault is taken over by its name, its policy too, and its key is used as it is', () => {
  const existingKey = 'arn:aws:kms:eu-central-1:111122223333:key/0000-1111';
  const { template } = build({ existingBucket: 'kept-vault', encryption: 'kms', existingKey });
  const bucket = only(template, 'AWS::S3::Bucket');
  expect(bucket).toMatchObject({ DeletionPolicy: 'Retain', Properties: { BucketName: 'kept-vault' } });
  expect(JSON.stringify(bucket?.Properties.BucketEncryption)).toContain(existingKey);
  expect(only(template, 'AWS::S3::BucketPolicy')).toMatchObject({
    DeletionPolicy: 'Retain',
    Properties: { Bucket: 'kept-vault' },
  });
  template.resourceCountIs('AWS::KMS::Key', 0);
  const uses = resourcesOf(template).filter(
    ({ Type, Properties }) =>
      Type.startsWith('AWS::IAM::') && JSON.stringify(Properties).includes(existingKey),
  );
  expect(uses.length).toBeGreaterThan(8);
});

test('without it nothing has a name of its own that another stack could stumble over', () => {
  expect(only(build().template, 'AWS::S3::Bucket')?.Properties).not.toHaveProperty('BucketName');
});

test('a budget mails to the address itself, and is there only if it was asked for', () => {
  build().template.resourceCountIs('AWS::Budgets::Budget', 0);
  const { template } = build({ budgetDollars: '5' });
  expect(only(template, 'AWS::Budgets::Budget')?.Properties).toMatchObject({
    Budget: { BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: 5, Unit: 'USD' } },
    NotificationsWithSubscribers: ['ACTUAL', 'FORECASTED'].map((NotificationType) => ({
      Notification: { NotificationType },
      Subscribers: [{ SubscriptionType: 'EMAIL', Address: 'op@example.com' }],
    })),
  });
});

test('the log of the state machine lies where AWS asks for what it writes', () => {
  const names = resourcesOf(build().template)
    .filter(({ Type }) => Type === 'AWS::Logs::LogGroup')
    .flatMap(({ Properties }) => (Properties.LogGroupName === undefined ? [] : [Properties.LogGroupName]));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(name).toMatch(/^\/aws\/vendedlogs\/states\//);
});

test.each([
  ['policy', 'export OFFSITE_BUCKET='],
  ['user', 'aws secretsmanager get-secret-value --secret-id '],
])('with agentAccess=%s the outputs end with the next command', (agentAccess, beginning) => {
  const { Value } = build({ agentAccess }).template.toJSON().Outputs.WhatNext;
  expect(Value['Fn::Join'][1][0]).toBe(beginning);
  expect(Value['Fn::Join'][1].at(-1)).toMatch(/; offsite doctor --container bitagent-postgres/);
});
