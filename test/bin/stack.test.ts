// The CDK app as an operator meets it: the real `cdk synth`, with right and with wrong settings, on a machine that has
// no account, no Docker and no network.

import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { describeError, exitCodeOf } from '../../lib/base/errors.ts';
import { parseDeployment } from '../../lib/deployment/deployment.ts';
import { runCdk } from '../fixtures/cdk.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-synth-'));

afterAll(() => rmSync(home, { recursive: true, force: true }));

let outputs = 0;

async function synth(settings: readonly string[], environment: Record<string, string> = {}) {
  const out = join(home, `out-${outputs++}`);
  const context = settings.flatMap((setting) => ['-c', setting]);
  const { exitCode, stderr } = await runCdk(['synth', '--quiet', '-o', out, ...context], home, environment);
  return { exitCode, stderr: stderr ?? '', template: join(out, 'OffsiteStack.template.json') };
}

describe('wrong settings', () => {
  test('are sentences, and nothing is synthesized', async () => {
    const { exitCode, stderr, template } = await synth(['keepDay=30', 'keepDays=two weeks']);
    expect(exitCode).not.toBe(0);
    for (const sentence of [
      'the settings of the deployment are not valid [CONFIG_INVALID]',
      'email: the mail address for reports and alerts',
      'email: nothing',
      'npx cdk deploy -c email=you@example.com',
      'keepDay: no such setting',
      'keepDays: a whole number of days, 1 or more',
      'keepDays: "two weeks"',
      'exited with error 2',
    ])
      expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/^\s+at |node:internal/m);
    expect(existsSync(template)).toBe(false);
  });

  test.each([
    ['email=nobody', 'email: "nobody"'],
    ['alsoNotify=', 'alsoNotify: ""'],
    ['alsoNotify=nobody', 'alsoNotify: "nobody"'],
    ['alsoNotify=http://hooks.example.com/a', 'alsoNotify: "http:'],
    ['alsoNotify=https://me:secret@hooks.example.com/a', 'alsoNotify: "https:'],
    ['alsoNotify=arn:aws:sqs:eu-central-1:111122223333:pager.fifo', 'alsoNotify: "arn:'],
    ['alsoNotify=two@example.com,Two@example.com', 'alsoNotify: "two@'],
    ['sources=', 'sources: ""'],
    ['sources=BitAgent', 'sources: "BitAgent"'],
    ['keepDays=0', 'keepDays: "0"'],
    ['keepDays=1.5', 'keepDays: "1.5"'],
    ['keepIntact=0', 'keepIntact: "0"'],
    ['keepWeekly=-1', 'keepWeekly: "-1"'],
    ['keepMonthly=1.5', 'keepMonthly: "1.5"'],
    ['rereadPercent=101', 'rereadPercent: "101"'],
    ['keepYearly=1000', 'keepYearly: "1000"'],
    ['freshnessHours=-1', 'freshnessHours: "-1"'],
    ['restoreTestDays=', 'restoreTestDays: ""'],
    ['undoDays=0', 'undoDays: "0"'],
    ['objectLock=GOVERNANCE', 'objectLock: "GOVERNANCE"'],
    ['lockExistingBucket=yes', 'lockExistingBucket: "yes"'],
    ['encryption=aws', 'encryption: "aws"'],
    ['existingBucket=My_Bucket', 'existingBucket: "My_Bucket"'],
    ['existingKey=arn:aws:kms:eu-central-1:111122223333:key/a', 'existingKey: "arn'],
    ['terminationProtection=no', 'terminationProtection: "no"'],
    ['budgetDollars=0', 'budgetDollars: "0"'],
    ['glacierAfterDays=0', 'glacierAfterDays: "0"'],
    ['agentAccess=key', 'agentAccess: "key"'],
    ['agentAccess=rolesAnywhere', 'agentCa: nothing'],
    ['agentCa=ca.pem', 'agentCa: "ca.pem"'],
    ['postgresMajor=12', 'postgresMajor: "12"'],
    ['postgresMajor=16.4', 'postgresMajor: "16.4"'],
    ['postgresMajor=latest', 'postgresMajor: "latest"'],
    ['restoreTestNetwork=private', 'restoreTestNetwork: "private"'],
    ['Email=op@example.com', 'Email: no such setting'],
  ])('%s', (setting, found) => {
    const [key = '', value] = setting.split('=');
    const error = thrownBy(() => parseDeployment({ email: 'op@example.com', [key]: value }));
    expect(describeError(error)).toContain(found);
    expect(exitCodeOf(error)).toBe(2);
  });

  test('are named all at once', () => {
    const error = thrownBy(() => parseDeployment({ keepDays: 'x', keepDay: '1', sources: 'a,,b' }));
    expect(describeError(error).split('\n')).toEqual([
      'offsite: the settings of the deployment are not valid [CONFIG_INVALID]',
      '  expected  email: the mail address for reports and alerts',
      '            sources: names of a-z, 0-9 and -, separated by commas',
      '            keepDays: a whole number of days, 1 or more',
      '            only these settings: email, alsoNotify, sources, keepDays, keepIntact, keepWeekly, keepMonthly, keepYearly, rereadPercent, freshnessHours, rpoMinutes, restoreTestDays, undoDays, objectLock, lockExistingBucket, existingBucket, existingKey, terminationProtection, budgetDollars, encryption, glacierAfterDays, agentAccess, agentCa, operatorMfa, postgresMajor, restoreTestNetwork, availabilityZones, build, monitoring',
      '  found     email: nothing',
      '            sources: "a,,b"',
      '            keepDays: "x"',
      '            keepDay: no such setting',
      '  hint      npx cdk deploy -c email=you@example.com (bootstrap, diff and destroy want it too), or once for all under "context" in cdk.json',
    ]);
  });

  function thrownBy(action: () => unknown): unknown {
    try {
      action();
    } catch (error) {
      return error;
    }
    throw new Error('nothing was thrown');
  }
});

test("the CDK's own context is no setting, and all settings but the address have a default", () => {
  const context = {
    email: 'op@example.com',
    '@aws-cdk/core:checkSecretUsage': true,
    'aws:cdk:enable-path-metadata': true,
    'availability-zones:account=1:region=eu-central-1': ['eu-central-1a'],
    'cli-telemetry': false,
  };
  expect(parseDeployment(context)).toEqual({
    email: 'op@example.com',
    alsoNotify: [],
    sources: ['bitagent'],
    keepDays: 14,
    keepIntact: 7,
    keepWeekly: 0,
    keepMonthly: 0,
    keepYearly: 0,
    rereadPercent: 15,
    freshnessHours: 26,
    rpoMinutes: 60,
    restoreTestDays: 100,
    undoDays: 7,
    objectLock: 'governance',
    lockExistingBucket: false,
    terminationProtection: true,
    encryption: 's3',
    agentAccess: 'policy',
    operatorMfa: false,
    postgresMajor: 16,
    restoreTestNetwork: 'public',
    build: 'local',
    monitoring: 'lean',
  });
});

test('synthesizes without an account, without Docker and without a network', async () => {
  const path = pathWithout('docker');
  const closed = 'http://127.0.0.1:9';
  const { exitCode, stderr, template } = await synth(['email=op@example.com'], {
    PATH: path,
    HTTP_PROXY: closed,
    HTTPS_PROXY: closed,
    AWS_EC2_METADATA_DISABLED: 'true',
    CDK_DOCKER: 'no-docker-here',
    CDK_VALIDATION: 'true',
  });
  expect(stderr).not.toMatch(/error/i);
  expect(exitCode).toBe(0);
  expect(existsSync(template)).toBe(true);
});

/** A PATH of one folder with links to all programs of the machine's PATH but one, and npm's npx, not the tests'. */
function pathWithout(program: string): string {
  const folder = mkdtempSync(join(home, 'bin-'));
  for (const source of (process.env.PATH ?? '')
    .split(':')
    .filter((path) => existsSync(path) && !path.endsWith('template/bin'))) {
    for (const name of readdirSync(source)) {
      const link = join(folder, name);
      if (name !== program && !existsSync(link)) {
        try {
          symlinkSync(join(source, name), link);
        } catch {
          // A dangling link of the same name from an earlier folder.
        }
      }
    }
  }
  expect(existsSync(join(folder, program))).toBe(false);
  return folder;
}
