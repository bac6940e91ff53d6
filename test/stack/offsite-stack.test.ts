// The rules of the cloud side, read off the synthesized template: what a deployment would really make.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match } from 'aws-cdk-lib/assertions';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { filesIn, nameOf, plain, synthesize } from './synthesized.ts';

const { outdir, template, resources, byName, statementsOf } = synthesize();

const handlers = {
  Verify: 'verify',
  ReadRange: 'read-range',
  JoinRanges: 'join-ranges',
  Expire: 'expire',
  Watch: 'watch',
  LaunchRestoreTest: 'launch-restore-test',
  Report: 'report',
};

describe('vault', () => {
  test('is kept, versioned, encrypted, closed to the public, and announces its objects', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        VersioningConfiguration: { Status: 'Enabled' },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
      },
    });
  });

  test('speaks TLS only, and creates an archive under a key that is free or not at all', () => {
    const statements = statementsOf('AWS::S3::BucketPolicy', 'VaultBucketPolicy');
    expect(
      statements.map(({ Resource, ...rest }) => ({ ...rest, Resource: [Resource].flat().map(plain) })),
    ).toEqual([
      {
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: 's3:*',
        Resource: ['VaultBucket', 'VaultBucket/*'],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
      {
        Sid: 'CreateOnly',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: 's3:PutObject',
        Resource: ['archives', 'basebackups', 'sidecars', 'wal'].map((folder) => `VaultBucket/${folder}/*`),
        Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
      },
      // What each refuses, test/stack/agent.test.ts asks.
      expect.objectContaining({ Sid: 'NoKeyOfTheSender', Resource: ['VaultBucket/*'] }),
      expect.objectContaining({ Sid: 'NoForeignEncryption', Resource: ['VaultBucket/*'] }),
      expect.objectContaining({ Sid: 'NoForeignStorageClass', Resource: ['VaultBucket/*'] }),
    ]);
  });

  test('locks every version for as long as archives are kept', () => {
    expect(byName('AWS::S3::Bucket', 'VaultBucket').properties).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 21 } },
      },
    });
  });

  test('forgets aborted uploads after a week and what was deleted after undoDays, and expires nothing by itself but readings and requests', () => {
    expect(byName('AWS::S3::Bucket', 'VaultBucket').properties.LifecycleConfiguration).toEqual({
      Rules: [
        {
          Id: 'abort-incomplete-uploads',
          Status: 'Enabled',
          AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
        },
        {
          Id: 'remove-noncurrent-versions',
          Status: 'Enabled',
          NoncurrentVersionExpiration: { NoncurrentDays: 9 },
          ExpiredObjectDeleteMarker: true,
        },
        { Id: 'remove-readings', Status: 'Enabled', Prefix: 'ranges/', ExpirationInDays: 14 },
        { Id: 'remove-requests', Status: 'Enabled', Prefix: 'due/', ExpirationInDays: 1 },
        { Id: 'remove-told-faults', Status: 'Enabled', Prefix: 'watch/faults/', ExpirationInDays: 7 },
      ],
    });
  });
});

test('what holds something keeps its logical id: another id would be another, empty one', () => {
  const ids = Object.entries(resources)
    .filter(([, { Type }]) => /::(Bucket|Topic|Queue|Key|Secret|User)$/.test(Type))
    .map(([id]) => id);
  expect(ids.sort()).toEqual([
    'DeadLettersBBF8BAAB',
    'HandlersVerifyQueueCommitted227EBDE9',
    'HandlersVerifyQueueFailed37F6C516',
    'Reports65402A0A',
    'VaultBucket0925C477',
  ]);
});

describe('mail', () => {
  test('goes to the operator, and to whom else was named', () => {
    const found = Object.values(template.findResources('AWS::SNS::Subscription')).map(({ Properties }) => {
      expect(Properties.TopicArn).toEqual({ Ref: 'Reports65402A0A' });
      return `${Properties.Protocol} ${Properties.Endpoint}`;
    });
    expect(found).toEqual([
      'email op@example.com',
      'email second@example.com',
      'https https://hooks.example.com/a/b',
      'sqs arn:aws:sqs:eu-central-1:111122223333:pager',
    ]);
  });

  test('is published over TLS only', () => {
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({
            Effect: 'Deny',
            Action: 'sns:Publish',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
          Match.objectLike({ Sid: 'Alarms', Effect: 'Allow', Action: 'sns:Publish' }),
        ],
      },
    });
  });
});

describe('handlers', () => {
  test('are these and no other: no custom resource brings a function of its own', () => {
    template.resourceCountIs('AWS::Lambda::Function', Object.keys(handlers).length);
    const foreign = Object.values(resources).filter(({ Type }) => /^Custom::|CustomResource/.test(Type));
    expect(foreign).toEqual([]);
  });

  test.each(Object.entries(handlers))(
    '%s runs on nodejs24.x, arm64, from a bundle of its own',
    async (name, file) => {
      const { properties } = byName('AWS::Lambda::Function', `Handlers${name}Function`);
      expect(properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
        Description: `Offsite: ${file}`,
      });
      const { S3Key } = properties.Code as unknown as { S3Key: string };
      // In a directory without node_modules: what the bundle does not hold is not there.
      const cwd = join(outdir, `asset.${S3Key.replace('.zip', '')}`);
      const loaded = await execa(process.execPath, ['-p', "typeof require('./index.js').handler"], { cwd });
      expect(loaded.stdout).toBe('function');
    },
  );

  test.each(['Verify', 'ReadRange', 'JoinRanges'])(
    '%s has a whole vCPU and all the time there is',
    (name) => {
      const { properties } = byName('AWS::Lambda::Function', `Handlers${name}Function`);
      expect(properties).toMatchObject({ Timeout: 900, MemorySize: 1769 });
    },
  );

  test.each(Object.keys(handlers))(
    '%s is tried three times; what fails for good is told by report, and what report cannot tell is kept',
    (name) => {
      const { properties } = byName(
        'AWS::Lambda::EventInvokeConfig',
        `Handlers${name}FunctionEventInvokeConfig`,
      );
      expect(properties.MaximumRetryAttempts).toBe(2);
      const config = properties.DestinationConfig as unknown as
        | { OnFailure: { Destination: unknown } }
        | undefined;
      const dead = byName('AWS::Lambda::Function', `Handlers${name}Function`).properties.DeadLetterConfig;
      if (name === 'Report') {
        expect(config).toBeUndefined();
        expect(plain((dead as unknown as { TargetArn: unknown }).TargetArn)).toBe('DeadLetters');
      } else {
        expect(plain(config?.OnFailure.Destination)).toBe('HandlersReportFunction');
        // One fault, one mail: what lies in the queue sets off an alarm.
        expect(dead).toBeUndefined();
      }
    },
  );

  test('know what they need and nothing else', () => {
    const environments = Object.fromEntries(
      Object.keys(handlers).map((name) => {
        const { Environment } = byName('AWS::Lambda::Function', `Handlers${name}Function`).properties;
        const { Variables } = Environment as unknown as { Variables: Record<string, unknown> };
        const { OFFSITE_SERVICE, OFFSITE_MONITORING, ...others } = Variables;
        expect([OFFSITE_SERVICE, OFFSITE_MONITORING]).toEqual(['OffsiteStack', 'lean']);
        return [name, Object.fromEntries(Object.entries(others).map(([key, value]) => [key, plain(value)]))];
      }),
    );
    const store = { OFFSITE_BUCKET: 'VaultBucket', OFFSITE_TOPIC_ARN: 'Reports' };
    const sources = { OFFSITE_SOURCES: 'bitagent,attic' };
    const place = {
      OFFSITE_CLUSTER_ARN: 'RestoreTaskCluster',
      OFFSITE_SUBNET_IDS: 'RestoreTaskVpcpublicSubnet1Subnet,RestoreTaskVpcpublicSubnet2Subnet',
      OFFSITE_SECURITY_GROUP_ID: 'RestoreTaskSecurityGroup',
      OFFSITE_ASSIGN_PUBLIC_IP: 'ENABLED',
    };
    const recipients = {
      OFFSITE_RECIPIENTS:
        'op@example.com,second@example.com,https://hooks.example.com/a/b,arn:aws:sqs:eu-central-1:111122223333:pager',
    };
    expect(environments).toEqual({
      Verify: {
        ...store,
        ...place,
        OFFSITE_RANGES_ARN: 'HandlersRangesStateMachine',
        OFFSITE_VERIFY_TASK_DEFINITION_ARN: 'RestoreTaskVerifyTaskDefinition',
      },
      ReadRange: { OFFSITE_BUCKET: 'VaultBucket' },
      JoinRanges: store,
      Expire: {
        OFFSITE_BUCKET: 'VaultBucket',
        ...sources,
        OFFSITE_KEEP_DAYS: '21',
        OFFSITE_KEEP_INTACT: '5',
        OFFSITE_KEEP_WEEKLY: '8',
        OFFSITE_KEEP_MONTHLY: '12',
        OFFSITE_KEEP_YEARLY: '3',
        OFFSITE_REREAD_PERCENT: '25',
        OFFSITE_LOCK_MODE: 'GOVERNANCE',
        OFFSITE_FRESHNESS_HOURS: '30',
      },
      Watch: {
        ...store,
        ...sources,
        ...recipients,
        OFFSITE_REPORT_ARN: 'HandlersReportFunction',
        OFFSITE_FRESHNESS_HOURS: '30',
        OFFSITE_RESTORE_TEST_DAYS: '120',
        OFFSITE_RPO_MINUTES: '60',
      },
      LaunchRestoreTest: {
        ...store,
        ...sources,
        ...place,
        OFFSITE_TASK_DEFINITION_ARN: 'RestoreTaskTaskDefinition',
        OFFSITE_VOLUME_TASK_DEFINITION_ARN: 'RestoreTaskVolumeTaskDefinition',
        OFFSITE_VOLUME_ROLE_ARN: 'RestoreTaskVolumeRole',
      },
      Report: { ...store, ...recipients },
    });
  });
});

describe('events that could not be handled', () => {
  test('lie in a queue for two weeks, encrypted, and come and go over TLS only', () => {
    expect(byName('AWS::SQS::Queue', 'DeadLetters').properties).toEqual({
      MessageRetentionPeriod: 14 * 24 * 3600,
      SqsManagedSseEnabled: true,
    });
    const [tls] = statementsOf('AWS::SQS::QueuePolicy', 'DeadLettersPolicy');
    expect(tls).toMatchObject({
      Effect: 'Deny',
      Action: 'sqs:*',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
  });

  test('come from every target of every rule, which is tried three times before, and from nowhere else', () => {
    const rules = Object.entries(resources).filter(([, { Type }]) => Type === 'AWS::Events::Rule');
    for (const [id, { Properties }] of rules) {
      const targets = Properties.Targets as unknown as { DeadLetterConfig: { Arn: unknown } }[];
      for (const { DeadLetterConfig, ...rest } of targets) {
        expect(plain(DeadLetterConfig?.Arn), id).toBe('DeadLetters');
        expect(rest, id).toMatchObject({ RetryPolicy: { MaximumRetryAttempts: 3 } });
      }
    }
    const [, ...senders] = statementsOf('AWS::SQS::QueuePolicy', 'DeadLettersPolicy');
    const allowed = senders.map(({ Action, Condition }) => {
      expect(Action).toBe('sqs:SendMessage');
      const { ArnEquals } = Condition as unknown as { ArnEquals: Record<string, unknown> };
      return plain(ArnEquals['aws:SourceArn']);
    });
    expect(allowed.sort()).toEqual(rules.map(([id]) => nameOf(id)).sort());
  });
});

describe('triggers', () => {
  test.each([
    ['HandlersDaily', 'cron(0 6 * * ? *)', 'HandlersExpireFunction'],
    ['HandlersHourly', 'cron(0 * * * ? *)', 'HandlersWatchFunction'],
    ['HandlersRestoreTests', 'cron(0 7 * * ? *)', 'HandlersLaunchRestoreTestFunction'],
  ])('%s: %s wakes %s', (rule, schedule, target) => {
    const { properties } = byName('AWS::Events::Rule', rule);
    expect(properties.ScheduleExpression).toBe(schedule);
    expect(targetsOf(properties)).toEqual([target]);
  });

  test('a manifest below archives/, sidecars/ or basebackups/, an archive, and what is due wake verify, and no other object does', () => {
    const { properties } = byName('AWS::Events::Rule', 'HandlersCommitted');
    expect(properties.EventPattern).toEqual({
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: {
        bucket: { name: [{ Ref: 'VaultBucket0925C477' }] },
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
    });
    expect(targetsOf(properties)).toEqual(['HandlersVerifyQueueCommitted']);
  });

  test.each([
    ['Committed', 'Verify', 1, 'HandlersVerifyQueueFailed'],
    ['Failed', 'Report', 10, 'DeadLetters'],
  ])('the queue %s wakes %s, two at once, and hands on what fails three times', (name, fn, batch, next) => {
    const queue = byName('AWS::SQS::Queue', `HandlersVerifyQueue${name}`).properties;
    const timeout = byName('AWS::Lambda::Function', `Handlers${fn}Function`).properties.Timeout;
    expect(queue).toEqual({
      MessageRetentionPeriod: 14 * 24 * 3600,
      SqsManagedSseEnabled: true,
      // As AWS asks: shorter, and a message would be handed out again while it is worked on.
      VisibilityTimeout: 6 * Number(timeout),
      RedrivePolicy: { maxReceiveCount: 3, deadLetterTargetArn: expect.anything() },
    });
    const { deadLetterTargetArn } = queue.RedrivePolicy as unknown as { deadLetterTargetArn: unknown };
    expect(plain(deadLetterTargetArn)).toBe(next);
    const [mapping, ...others] = Object.values(resources).filter(
      ({ Type, Properties }) =>
        Type === 'AWS::Lambda::EventSourceMapping' &&
        plain(Properties.EventSourceArn) === `HandlersVerifyQueue${name}`,
    );
    expect(others).toEqual([]);
    expect(plain(mapping?.Properties.FunctionName)).toBe(`Handlers${fn}Function`);
    expect(mapping?.Properties).toMatchObject({
      BatchSize: batch,
      ScalingConfig: { MaximumConcurrency: 2 },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    const [tls, ...senders] = statementsOf('AWS::SQS::QueuePolicy', `HandlersVerifyQueue${name}Policy`);
    expect(tls).toMatchObject({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } });
    // What AWS itself moves from queue to queue needs no policy.
    expect(
      senders.map(({ Condition }) => plain(Object.values(Condition ?? {})[0]?.['aws:SourceArn'])),
    ).toEqual(name === 'Committed' ? ['HandlersCommitted'] : []);
  });

  test('a restore test that stops, or is taken down and may never stop, is told to report, and to the launcher, whose next test may begin', () => {
    const { properties } = byName('AWS::Events::Rule', 'HandlersTaskStopped');
    const { id } = byName('AWS::ECS::Cluster', 'RestoreTaskCluster');
    expect(properties.EventPattern).toEqual({
      source: ['aws.ecs'],
      'detail-type': ['ECS Task State Change'],
      detail: { clusterArn: [{ 'Fn::GetAtt': [id, 'Arn'] }], lastStatus: ['STOPPED', 'DEPROVISIONING'] },
    });
    expect(targetsOf(properties)).toEqual(['HandlersReportFunction', 'HandlersLaunchRestoreTestFunction']);
  });

  test('each rule may invoke its function, and there is no other rule', () => {
    template.resourceCountIs('AWS::Events::Rule', 6);
    template.resourceCountIs('AWS::Lambda::Permission', 6);
    const invokers = Object.values(resources)
      .filter(({ Type }) => Type === 'AWS::Lambda::Permission')
      .map(({ Properties }) => `${plain(Properties.SourceArn)} -> ${plain(Properties.FunctionName)}`);
    expect(invokers.sort()).toEqual([
      'HandlersDaily -> HandlersExpireFunction',
      'HandlersHourly -> HandlersWatchFunction',
      'HandlersRangesEnded -> HandlersReportFunction',
      'HandlersRestoreTests -> HandlersLaunchRestoreTestFunction',
      'HandlersTaskStopped -> HandlersLaunchRestoreTestFunction',
      'HandlersTaskStopped -> HandlersReportFunction',
    ]);
  });

  function targetsOf(properties: Record<string, never>): string[] {
    return (properties.Targets as unknown as { Arn: unknown }[]).map(({ Arn }) => plain(Arn));
  }
});

describe('restore task', () => {
  const definitions = ['TaskDefinition', 'VolumeTaskDefinition', 'VerifyTaskDefinition'] as const;
  const definition = (name: string) => byName('AWS::ECS::TaskDefinition', `RestoreTask${name}`).properties;

  test.each(definitions)(
    '%s is a small Fargate task on x86_64 that knows the bucket and the topic',
    (name) => {
      const properties = definition(name);
      expect(properties).toMatchObject({
        RequiresCompatibilities: ['FARGATE'],
        NetworkMode: 'awsvpc',
        Cpu: '1024',
        Memory: '2048',
        EphemeralStorage: { SizeInGiB: 21 },
        RuntimePlatform: { CpuArchitecture: 'X86_64', OperatingSystemFamily: 'LINUX' },
      });
      const [container, ...others] = properties.ContainerDefinitions as unknown as Record<string, unknown>[];
      expect(others).toEqual([]);
      expect(container).toMatchObject({
        Name: name === 'VerifyTaskDefinition' ? 'verify-base-backup' : 'restore-test',
        Essential: true,
        Environment: [
          { Name: 'OFFSITE_BUCKET', Value: { Ref: 'VaultBucket0925C477' } },
          { Name: 'OFFSITE_TOPIC_ARN', Value: { Ref: 'Reports65402A0A' } },
        ],
        LogConfiguration: { LogDriver: 'awslogs' },
      });
      // Written to is one place, by a user who is named so that ECS gives a volume to him, and who may nothing else.
      expect(container).toMatchObject({
        User: 'postgres',
        ReadonlyRootFilesystem: true,
        MountPoints: [{ SourceVolume: 'scratch', ContainerPath: '/scratch', ReadOnly: false }],
        LinuxParameters: { InitProcessEnabled: true, Capabilities: { Drop: ['ALL'] } },
      });
      expect(properties.Volumes).toEqual([
        { Name: 'scratch', ...(name === 'VolumeTaskDefinition' && { ConfiguredAtLaunch: true }) },
      ]);
      // The launcher sets cpu and memory on the task: a limit on the container would hold it back.
      expect(Object.keys(container ?? {})).not.toEqual(expect.arrayContaining(['Cpu']));
      expect(Object.keys(container ?? {})).not.toEqual(expect.arrayContaining(['Memory']));
    },
  );

  test('is the same with a volume and without, but for that; and where it judges a base backup, but for its word and role', () => {
    const [one, other, judging] = definitions.map((name) => {
      const { Family, Volumes, ...rest } = definition(name);
      return rest as unknown as Record<string, unknown> & { ContainerDefinitions: Record<string, unknown>[] };
    });
    expect(one).toEqual(other);
    const [container] = one?.ContainerDefinitions ?? [];
    expect({ ...judging, TaskRoleArn: one?.TaskRoleArn }).toEqual({
      ...one,
      ContainerDefinitions: [{ ...container, Name: 'verify-base-backup', Command: ['verify'] }],
    });
    expect(plain(judging?.TaskRoleArn)).toBe('RestoreTaskVerifyTaskRole');
  });

  test('lives in public subnets without a NAT gateway, reaches S3 inside of AWS, and is not reached', () => {
    template.resourceCountIs('AWS::EC2::Subnet', 2);
    template.resourceCountIs('AWS::EC2::NatGateway', 0);
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
    template.allResourcesProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: Match.absent(),
      SecurityGroupEgress: [Match.objectLike({ IpProtocol: 'tcp', FromPort: 443, ToPort: 443 })],
    });
    const { properties } = byName('AWS::EC2::VPCEndpoint', 'RestoreTaskVpcs3');
    expect(properties).toMatchObject({ VpcEndpointType: 'Gateway' });
    expect(plain(properties.ServiceName)).toBe('com.amazonaws.AWS::Region.s3');
    expect(properties.RouteTableIds).toHaveLength(2);
  });

  test('its image is built from the program alone', () => {
    const assets = JSON.parse(readFileSync(join(outdir, 'OffsiteStack.assets.json'), 'utf8'));
    const [image, ...others] = Object.values(assets.dockerImages) as {
      source: Record<string, string> & { directory: string };
    }[];
    expect(others).toEqual([]);
    expect(image?.source).toMatchObject({
      dockerBuildArgs: { POSTGRES_MAJOR: '17' },
      dockerFile: 'bin/restore-test.Dockerfile',
      platform: 'linux/amd64',
    });
    expect(filesIn(join(outdir, image?.source.directory ?? ''))).toEqual([
      'bin/restore-test.Dockerfile',
      'dist/restore-test.cjs',
    ]);
  });
});

test('logs are kept for a month and go with the stack', () => {
  template.resourceCountIs('AWS::Logs::LogGroup', 9);
  template.allResources('AWS::Logs::LogGroup', {
    DeletionPolicy: 'Delete',
    Properties: { RetentionInDays: 30 },
  });
});

test('outputs name what an operator needs next', () => {
  expect(Object.keys(template.toJSON().Outputs)).toEqual([
    'BucketName',
    'TopicArn',
    'DeadLettersUrl',
    'AgentPolicyArnBitagent',
    'AgentPolicyArnAttic',
    'OperatorPolicyArn',
    'UndoPolicyArn',
    'OperatorRoleArn',
    'AcceptPolicyArn',
    'ReportFunction',
    'LaunchRestoreTestFunction',
    'WhatNext',
  ]);
  // The CDK prints them by name.
  expect(Object.keys(template.toJSON().Outputs).sort().at(-1)).toBe('WhatNext');
});

test('cfn-lint finds nothing, neither by default nor with other choices, where it is installed', async (context) => {
  const other = synthesize({
    encryption: 'kms',
    agentAccess: 'rolesAnywhere',
    agentCa: 'arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/a',
    objectLock: 'compliance',
    keepDays: '365',
    glacierAfterDays: '30',
    operatorMfa: 'true',
    restoreTestNetwork: 'endpoints',
  });
  const paths = [outdir, other.outdir].map((directory) => join(directory, 'OffsiteStack.template.json'));
  // W3005: the CDK always says DependsOn where it refers to a role too.
  const lint = await execa('cfn-lint', ['--ignore-checks', 'W3005', '--template', ...paths], {
    reject: false,
  });
  if (lint.code === 'ENOENT') return context.skip('cfn-lint is not installed');
  expect(lint.stdout).toBe('');
  expect(lint.exitCode).toBe(0);
});
