// `cdk bootstrap` and `cdk deploy` as an operator types them, with the real CLI, against moto in place of AWS: the
// template is one that CloudFormation's calls accept, and what it names is there afterwards. In the same account `npm run integ`
// is played, as far as moto goes: it shows that a diff finds nothing, too.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeTaskDefinitionCommand, ECSClient, ListTaskDefinitionsCommand } from '@aws-sdk/client-ecs';
import { GetBucketEncryptionCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { ListTopicsCommand, SNSClient } from '@aws-sdk/client-sns';
import { execa, type Result } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { projectRoot, runCdk } from '../fixtures/cdk.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';

const account = '123456789012';
const region = 'eu-central-1';
const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' };
const email = 'op@example.com';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so nothing is deployed by this test');

describe.skipIf(!hasMoto)('cdk deploy against moto', () => {
  let home: string;
  let dockerLog: string;
  let moto: Moto;
  let endpoint: string;
  let refused: Result;
  /** Moto keeps no outputs of a stack that a change set made: what there is only one of is found by listing. */
  let made: { bucket: string; topicArn: string };

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'offsite-deploy-'));
    dockerLog = join(home, 'docker.log');
    moto = await startMoto();
    endpoint = moto.endpoint;
    refused = await integ();
    const bootstrapped = await runCdk(['bootstrap', `aws://${account}/${region}`], home, environment(), home);
    expect(bootstrapped.exitCode, bootstrapped.stderr).toBe(0);
    const deployed = await cdk('deploy', '--require-approval', 'never');
    expect(deployed.exitCode, deployed.stderr).toBe(0);
    const { Buckets = [] } = await s3().send(new ListBucketsCommand({}));
    const buckets = Buckets.flatMap(({ Name = '' }) => (Name.startsWith('cdk-') ? [] : [Name]));
    const { Topics = [] } = await sns().send(new ListTopicsCommand({}));
    expect([buckets.length, Topics.length], 'buckets and topics').toEqual([1, 1]);
    made = { bucket: buckets[0] ?? '', topicArn: Topics[0]?.TopicArn ?? '' };
  });

  afterAll(async () => {
    await moto?.stop();
    rmSync(home, { recursive: true, force: true });
  });

  // Of a bucket, moto's CloudFormation makes the name and the encryption; the rest is asserted on the template.
  test('the bucket is there, encrypted', async () => {
    const { ServerSideEncryptionConfiguration } = await s3().send(
      new GetBucketEncryptionCommand({ Bucket: made.bucket }),
    );
    expect(ServerSideEncryptionConfiguration?.Rules?.[0]).toMatchObject({
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' },
    });
  });

  test('the functions are there, and know the bucket, the topic and the task that exist', async () => {
    const { Functions } = await ask<{ Functions: DeployedFunction[] }>('lambda', '/2015-03-31/functions/');
    const environments = Object.fromEntries(
      Functions.map(({ Description, Environment }) => [Description, Environment.Variables]),
    );
    const store = { OFFSITE_BUCKET: made.bucket, OFFSITE_TOPIC_ARN: made.topicArn };
    expect(environments).toMatchObject({
      'Offsite: verify': store,
      'Offsite: expire': { OFFSITE_BUCKET: made.bucket, OFFSITE_KEEP_DAYS: '14', OFFSITE_KEEP_INTACT: '7' },
      'Offsite: watch': { ...store, OFFSITE_SOURCES: 'bitagent', OFFSITE_RESTORE_TEST_DAYS: '100' },
      'Offsite: launch-restore-test': {
        ...store,
        OFFSITE_CLUSTER_ARN: expect.stringMatching(`^arn:aws:ecs:${region}:${account}:cluster/`),
        OFFSITE_TASK_DEFINITION_ARN: expect.stringMatching(
          `^arn:aws:ecs:${region}:${account}:task-definition/`,
        ),
        OFFSITE_VOLUME_TASK_DEFINITION_ARN: expect.stringMatching(
          `^arn:aws:ecs:${region}:${account}:task-definition/\\w*Volume`,
        ),
        OFFSITE_VOLUME_ROLE_ARN: expect.stringMatching(`^arn:aws:iam::${account}:role/`),
        OFFSITE_SUBNET_IDS: expect.stringMatching(/^subnet-\w+,subnet-\w+$/),
        OFFSITE_SECURITY_GROUP_ID: expect.stringMatching(/^sg-\w+$/),
      },
      'Offsite: report': { OFFSITE_TOPIC_ARN: made.topicArn },
    });
    expect(Functions.every(({ Runtime }) => Runtime === 'nodejs24.x')).toBe(true);
  });

  test('the rules are there', async () => {
    const { Rules } = await ask<{ Rules: { ScheduleExpression?: string; EventPattern?: string }[] }>(
      'events',
      '/',
      'AWSEvents.ListRules',
    );
    expect(Rules.map(({ ScheduleExpression }) => ScheduleExpression ?? 'by event').sort()).toEqual([
      'by event',
      'by event',
      'by event',
      'cron(0 * * * ? *)',
      'cron(0 6 * * ? *)',
      'cron(0 7 * * ? *)',
    ]);
    const patterns = Rules.flatMap(({ EventPattern }) => (EventPattern ? [JSON.parse(EventPattern)] : []));
    expect(patterns).toContainEqual(
      expect.objectContaining({
        source: ['aws.s3'],
        detail: {
          bucket: { name: [made.bucket] },
          object: {
            key: [
              { wildcard: 'archives/*.manifest.json' },
              { wildcard: 'sidecars/*.manifest.json' },
              { wildcard: 'basebackups/*.manifest.json' },
              { wildcard: 'archives/*.sql.gz' },
              { prefix: 'due/' },
            ],
          },
        },
      }),
    );
  });

  test('the task definitions are there, with the image that was published', async () => {
    const ecs = new ECSClient({ endpoint, region, credentials });
    const { taskDefinitionArns } = await ecs.send(new ListTaskDefinitionsCommand({}));
    expect(taskDefinitionArns).toHaveLength(3);
    const [pushed, ...others] = dockerCalls('push');
    expect(others).toEqual([]);
    for (const taskDefinitionArn of taskDefinitionArns ?? []) {
      const { taskDefinition } = await ecs.send(
        new DescribeTaskDefinitionCommand({ taskDefinition: taskDefinitionArn }),
      );
      const [container] = taskDefinition?.containerDefinitions ?? [];
      expect(container?.name).toMatch(/^(restore-test|verify-base-backup)$/);
      expect(container?.image).toBe(pushed?.replace('push ', ''));
    }
    const [build] = dockerCalls('build');
    expect(build).toContain('--file bin/restore-test.Dockerfile --platform linux/amd64');
    expect(build).toContain('--build-arg POSTGRES_MAJOR=16');
  });

  test('a diff of another setting, synthesized anew, finds that and nothing else', async () => {
    const diff = await cdk('diff', '--fail', '--method=template', '-c', 'keepDays=30');
    expect(diff.exitCode).toBe(1);
    expect(diff.stderr).toMatch(/OFFSITE_KEEP_DAYS[\s\S]*14[\s\S]*30/);
    const changes = diff.stderr.match(/(?<=^\[)[-~+]\] \S+|\[[-+]\] .*/gm) ?? [];
    const fromTo = (type: string, from: string, to: string) => [
      `~] AWS::${type}`,
      `[-] ${from}`,
      `[+] ${to}`,
    ];
    const days = (count: number) => `    "s3:object-lock-remaining-retention-days": "${count}"`;
    expect(changes).toEqual([
      ...fromTo('S3::Bucket', '14', '30'),
      ...fromTo('IAM::Policy', days(14), days(30)),
      ...fromTo('Lambda::Function', '14', '30'),
    ]);
  });

  test('npm run integ tells what is missing, stays where it is, and goes on when that is mended', async () => {
    expect(told(refused)).toContain('is not bootstrapped: run npx cdk bootstrap');
    expect(refused.exitCode).not.toBe(0);
    const played = await integ();
    expect(played.exitCode, told(played)).toBe(0);
    expect(told(played)).toContain('At most 30 minutes and $0.05');
    expect(told(played)).toContain('All 12 steps as expected');
    expect(told(played)).toContain(
      "Left out, not by AWS: What the agent's key is refused; Restore test in Fargate; cdk destroy.",
    );
    expect(existsSync(stateOfInteg())).toBe(false);
  }, 600_000);

  function s3() {
    return new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  }

  function sns() {
    return new SNSClient({ endpoint, region, credentials });
  }

  const stateOfInteg = () => join(home, 'state.json');
  const told = ({ all }: { all?: unknown }) => String(all).replaceAll(/\s+/g, ' ');

  function integ(): Promise<Result> {
    const place = ['--region', region, '--endpoint', endpoint, '--state', stateOfInteg()];
    return execa(process.execPath, ['test/integ/integ.ts', ...place], {
      cwd: projectRoot,
      reject: false,
      stdin: 'ignore',
      all: true,
      env: { ...environment(), HOME: home },
    });
  }

  function cdk(command: string, ...args: string[]) {
    const out = join(home, `out-${command}`);
    rmSync(out, { recursive: true, force: true });
    return runCdk([command, ...args, '-c', `email=${email}`, '-o', out], home, environment());
  }

  function environment(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      CDK_DOCKER: join(projectRoot, 'test', 'fixtures', 'docker-stand-in'),
      DOCKER_STAND_IN_LOG: dockerLog,
    };
  }

  function dockerCalls(verb: string): string[] {
    return readFileSync(dockerLog, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(`${verb} `));
  }

  /** One unsigned call: moto looks at the service's name in the header, not at the signature. */
  async function ask<Answer>(service: string, path: string, target?: string): Promise<Answer> {
    const scope = `${credentials.accessKeyId}/20261123/${region}/${service}/aws4_request`;
    const response = await fetch(`${endpoint}${path}`, {
      headers: {
        Authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=none`,
        ...(target ? { 'X-Amz-Target': target, 'Content-Type': 'application/x-amz-json-1.1' } : {}),
      },
      ...(target ? { method: 'POST', body: '{}' } : {}),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as Answer;
  }
});

type DeployedFunction = {
  Description: string;
  Runtime: string;
  Environment: { Variables: Record<string, string> };
};
