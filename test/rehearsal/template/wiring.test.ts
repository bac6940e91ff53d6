import { describe, expect, test } from 'vitest';
import type { Template } from '../../../lib/rehearsal/template/template.ts';
import { functionByRole, readWiring } from '../../../lib/rehearsal/template/wiring.ts';

const local = { bucket: 'offsite', topicArn: 'arn:aws:sns:us-east-1:000000000000:operator' };

const fn = (code: string, more: object = {}) => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Code: { S3Bucket: 'assets', S3Key: `${code}.zip` },
    Handler: 'index.handler',
    Runtime: 'nodejs24.x',
    ...more,
  },
});

const endpoint = (service: string) => ({
  Type: 'AWS::EC2::VPCEndpoint',
  Properties: {
    ServiceName: { 'Fn::Join': ['', ['com.amazonaws.', { Ref: 'AWS::Region' }, `.${service}`]] },
  },
});

const resources: Template['Resources'] = {
  Vault: {
    Type: 'AWS::S3::Bucket',
    Properties: {
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    },
  },
  Topic: { Type: 'AWS::SNS::Topic' },
  Mail: {
    Type: 'AWS::SNS::Subscription',
    Properties: { TopicArn: { Ref: 'Topic' }, Protocol: 'email', Endpoint: 'a@example.com' },
  },
  HandlersVerifyFunction1: fn('aaa', {
    Timeout: 900,
    MemorySize: 1769,
    DeadLetterConfig: { TargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] } },
    Environment: { Variables: { BUCKET: { Ref: 'Vault' }, TOPIC: { Ref: 'Topic' } } },
  }),
  HandlersReportFunction2: fn('bbb'),
  Dead: { Type: 'AWS::SQS::Queue' },
  VerifyConfig: {
    Type: 'AWS::Lambda::EventInvokeConfig',
    Properties: {
      FunctionName: { Ref: 'HandlersVerifyFunction1' },
      Qualifier: '$LATEST',
      MaximumRetryAttempts: 1,
      DestinationConfig: {
        OnFailure: { Destination: { 'Fn::GetAtt': ['HandlersReportFunction2', 'Arn'] } },
      },
    },
  },
  Committed: {
    Type: 'AWS::Events::Rule',
    Properties: {
      State: 'ENABLED',
      EventPattern: { source: ['aws.s3'], detail: { bucket: { name: [{ Ref: 'Vault' }] } } },
      Targets: [{ Arn: { 'Fn::GetAtt': ['HandlersVerifyFunction1', 'Arn'] }, Id: 'T', RetryPolicy: {} }],
    },
  },
  Daily: {
    Type: 'AWS::Events::Rule',
    Properties: {
      ScheduleExpression: 'rate(1 day)',
      Targets: [
        { Arn: { 'Fn::GetAtt': ['HandlersReportFunction2', 'Arn'] }, Id: 'T', Input: '{"dryRun":true}' },
      ],
    },
  },
  Cluster: { Type: 'AWS::ECS::Cluster' },
  Task: {
    Type: 'AWS::ECS::TaskDefinition',
    Properties: {
      TaskRoleArn: 'arn:aws:iam::000000000000:role/task',
      ExecutionRoleArn: 'arn:aws:iam::000000000000:role/execution',
      Cpu: '1024',
      Memory: '2048',
      Volumes: [{ Name: 'scratch' }],
      ContainerDefinitions: [
        { Name: 'restore-test', Environment: [{ Name: 'BUCKET', Value: { Ref: 'Vault' } }] },
      ],
    },
  },
  Subnet: { Type: 'AWS::EC2::Subnet' },
  Group: { Type: 'AWS::EC2::SecurityGroup' },
  Gateway: { Type: 'AWS::EC2::InternetGateway' },
  Objects: endpoint('s3'),
  Images: endpoint('ecr.api'),
  Role: {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: {
        Statement: [
          { Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'ecs.amazonaws.com' } },
        ],
      },
    },
  },
};

const read = (changes: Template['Resources'] = {}) =>
  readWiring({ Resources: { ...resources, ...changes } }, 'Offsite', local);

describe('readWiring', () => {
  test('reads functions with their environment, limits and failure destination', () => {
    const { functions } = read();
    expect(functions).toEqual([
      {
        logicalId: 'HandlersVerifyFunction1',
        name: 'Offsite-HandlersVerifyFunction1',
        arn: 'arn:aws:lambda:us-east-1:000000000000:function:Offsite-HandlersVerifyFunction1',
        handler: 'index.handler',
        codeKey: 'aaa.zip',
        environment: { BUCKET: 'offsite', TOPIC: local.topicArn },
        timeoutMs: 900_000,
        memoryMiB: 1769,
        retryAttempts: 1,
        onFailure: functions[1]?.arn,
        deadLetters: 'arn:aws:sqs:us-east-1:000000000000:Offsite-Dead',
      },
      expect.objectContaining({
        environment: {},
        timeoutMs: 3000,
        memoryMiB: 128,
        retryAttempts: 2,
        onFailure: undefined,
        deadLetters: undefined,
      }),
    ]);
  });

  test('reads rules, with patterns resolved and inputs parsed', () => {
    const { functions, rules } = read();
    expect(rules).toMatchObject([
      {
        pattern: { source: ['aws.s3'], detail: { bucket: { name: ['offsite'] } } },
        schedule: undefined,
        targets: [{ arn: functions[0]?.arn, input: undefined }],
      },
      { pattern: undefined, schedule: 'rate(1 day)', targets: [{ input: { dryRun: true } }] },
    ]);
  });

  test('reads the task, its network, the subscription and what the bucket announces', () => {
    const wiring = read();
    expect(wiring.taskDefinitions).toMatchObject([
      {
        cpu: 1024,
        memoryMiB: 2048,
        roleArns: ['arn:aws:iam::000000000000:role/task', 'arn:aws:iam::000000000000:role/execution'],
        volumes: [{ name: 'scratch', configuredAtLaunch: false }],
        containers: [{ name: 'restore-test', environment: { BUCKET: 'offsite' } }],
      },
    ]);
    expect(wiring).toMatchObject({
      region: 'us-east-1',
      account: '000000000000',
      bucketAnnounces: true,
      subnetIds: ['Offsite-Subnet'],
      securityGroupIds: ['Offsite-Group'],
      hasInternetGateway: true,
      hasNatGateway: false,
      endpointServices: ['s3', 'ecr.api'],
      roles: [{ arn: 'arn:aws:iam::000000000000:role/Offsite-Role', trusts: ['ecs.amazonaws.com'] }],
      subscriptions: [{ topicArn: local.topicArn, protocol: 'email', endpoint: 'a@example.com' }],
    });
    expect(read({ Vault: { Type: 'AWS::S3::Bucket' } }).bucketAnnounces).toBe(false);
  });

  test('refuses a second bucket, a transformed input and a rule that is switched off', () => {
    expect(() => read({ Other: { Type: 'AWS::S3::Bucket' } })).toThrow(/Vault, Other/);
    const target = { Arn: 'x', Id: 'T', InputTransformer: {} };
    expect(() => read({ R: { Type: 'AWS::Events::Rule', Properties: { Targets: [target] } } })).toThrow(
      /InputTransformer/,
    );
    expect(() =>
      read({ R: { Type: 'AWS::Events::Rule', Properties: { State: 'DISABLED', Targets: [] } } }),
    ).toThrow(/State/);
  });
});

test('functionByRole finds a function by the name of its handler, or says that it cannot', () => {
  const wiring = read({ HandlersLaunchRestoreTestFunction3: fn('ccc') });
  expect(functionByRole(wiring, 'launch-restore-test').codeKey).toBe('ccc.zip');
  expect(() => functionByRole(wiring, 'expire')).toThrow(/0 functions for expire/);
  expect(() => functionByRole(wiring, 'function')).toThrow(/3 functions/);
});
