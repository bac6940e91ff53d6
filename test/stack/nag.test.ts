// cdk-nag's AwsSolutions over everything that a deployment can make: no finding stands without a written reason beside
// the resource that it is about.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { afterAll, expect, test, vi } from 'vitest';
import { parseDeployment } from '../../lib/deployment/deployment.ts';
import { OffsiteStack } from '../../lib/stack/offsite-stack.ts';
import { projectRoot } from '../fixtures/cdk.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-nag-'));
// The CDK's own rules, too: off in other tests.
delete process.env.CDK_VALIDATION;

afterAll(() => rmSync(home, { recursive: true, force: true }));

type Report = { pluginReports: { violations: Violation[] }[] };
type Violation = { ruleName: string; violatingConstructs: { constructPath: string }[] };

/** Synthesizes without bundles; @returns what stands, as `rule at path`. */
function findings(fill: (app: App) => void): string[] {
  const outdir = mkdtempSync(join(home, 'out-'));
  const { context } = JSON.parse(readFileSync(join(projectRoot, 'cdk.json'), 'utf8'));
  const app = new App({ context: { ...context, 'aws:cdk:bundling-stacks': [] }, outdir });
  fill(app);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  // It prints what it finds before it throws.
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  try {
    app.synth();
    return [];
  } catch {
    const report = JSON.parse(readFileSync(join(outdir, 'validation-report.json'), 'utf8')) as Report;
    return report.pluginReports.flatMap(({ violations }) =>
      violations.flatMap(({ ruleName, violatingConstructs }) =>
        violatingConstructs.map(({ constructPath }) => `${ruleName} at ${constructPath}`),
      ),
    );
  } finally {
    said.mockRestore();
  }
}

test.each([
  ['by default', {}],
  [
    'with a key of our own and a user',
    { encryption: 'kms', agentAccess: 'user', keepDays: '365', glacierAfterDays: '1' },
  ],
  [
    'with certificates and without a lock',
    {
      objectLock: 'off',
      agentAccess: 'rolesAnywhere',
      agentCa: 'arn:aws:acm-pca:eu-central-1:1:certificate-authority/a',
      operatorMfa: 'true',
      restoreTestNetwork: 'endpoints',
    },
  ],
  ['with its image built in the account', { build: 'cloud', availabilityZones: 'use1-az2' }],
])('%s', (_, settings) => {
  const deployment = parseDeployment({ email: 'op@example.com', ...settings });
  expect(findings((app) => new OffsiteStack(app, 'OffsiteStack', { deployment }))).toEqual([]);
});

test('finds what is wrong: a bucket without anything', () => {
  const found = findings((app) => new Bucket(new Stack(app, 'Other'), 'Bucket'));
  expect(found.join('\n')).toMatch(/AwsSolutions-S10.* at Other\/Bucket/);
});
