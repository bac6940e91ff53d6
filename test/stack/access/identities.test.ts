// Who may do what, read off the synthesized policies: a permission that is missing or too wide is a line that differs.

import { describe, expect, test } from 'vitest';
import { nameOf, plain, synthesize } from '../synthesized.ts';

type Document = {
  readonly Statement: readonly {
    readonly Effect: string;
    readonly Principal?: { readonly Service?: unknown };
    readonly Condition?: object;
  }[];
};

const { resources, allowed } = synthesize();

describe('permissions', () => {
  const logs = (name: string) => [`logs:CreateLogStream on ${name}Logs`, `logs:PutLogEvents on ${name}Logs`];
  const failures = [
    'lambda:InvokeFunction on HandlersReportFunction',
    'lambda:InvokeFunction on HandlersReportFunction:*',
  ];
  const publish = 'sns:Publish on Reports';
  const ask = 'sns:ListSubscriptionsByTopic on Reports';
  const list = 's3:ListBucket on VaultBucket';
  const faults = ['s3:GetObject on VaultBucket/watch/faults/*', 's3:PutObject on VaultBucket/watch/faults/*'];
  /** What Lambda asks for to take messages out of a queue in the function's name. */
  const consumes = (queue: string) =>
    ['ChangeMessageVisibility', 'DeleteMessage', 'GetQueueAttributes', 'GetQueueUrl', 'ReceiveMessage'].map(
      (action) => `sqs:${action} on HandlersVerifyQueue${queue}`,
    );
  const expected = {
    Verify: [
      ...consumes('Committed'),
      ...faults,
      'states:DescribeExecution on arn:AWS::Partition:states:AWS::Region:AWS::AccountId:execution:6 of HandlersRangesStateMachine:*',
      'states:RedriveExecution on arn:AWS::Partition:states:AWS::Region:AWS::AccountId:execution:6 of HandlersRangesStateMachine:*',
      ...failures,
      list,
      's3:GetObject on VaultBucket/archives/*',
      's3:GetObject on VaultBucket/acceptances/*',
      's3:GetObject on VaultBucket/sidecar-verdicts/*',
      's3:GetObject on VaultBucket/sidecars/*',
      's3:GetObject on VaultBucket/basebackups/*',
      's3:GetObject on VaultBucket/basebackup-verdicts/*',
      's3:GetObject on VaultBucket/wal/*',
      's3:GetObject on VaultBucket/due/*/wal/*',
      's3:GetObject on VaultBucket/verdicts/*',
      's3:GetObjectVersion on VaultBucket/archives/*',
      's3:GetObjectVersion on VaultBucket/sidecars/*',
      's3:GetObjectVersion on VaultBucket/basebackups/*',
      's3:PutObject on VaultBucket/sidecar-verdicts/*',
      's3:PutObject on VaultBucket/basebackup-verdicts/*',
      's3:PutObject on VaultBucket/wal-verdicts/*',
      's3:PutObject on VaultBucket/verdicts/*',
      'states:StartExecution on HandlersRangesStateMachine',
      'ecs:RunTask on RestoreTaskVerifyTaskDefinition if ecs:cluster is RestoreTaskCluster',
      'iam:PassRole on RestoreTaskExecutionRole if iam:PassedToService is ecs-tasks.amazonaws.com',
      'iam:PassRole on RestoreTaskVerifyTaskRole if iam:PassedToService is ecs-tasks.amazonaws.com',
      publish,
    ],
    ReadRange: [
      ...failures,
      list,
      's3:GetObject on VaultBucket/archives/*',
      's3:GetObject on VaultBucket/ranges/*',
      's3:GetObjectVersion on VaultBucket/archives/*.sql.gz',
      's3:PutObject on VaultBucket/ranges/*',
    ],
    JoinRanges: [
      ...faults,
      ...failures,
      list,
      's3:GetObject on VaultBucket/archives/*',
      's3:GetObject on VaultBucket/acceptances/*',
      's3:GetObject on VaultBucket/ranges/*',
      's3:GetObject on VaultBucket/verdicts/*',
      's3:GetObjectVersion on VaultBucket/archives/*.sql.gz',
      's3:PutObject on VaultBucket/ranges/*',
      's3:PutObject on VaultBucket/verdicts/*',
      publish,
    ],
    Expire: [
      ...failures,
      list,
      's3:GetObject on VaultBucket/archives/*.manifest.json',
      's3:GetObject on VaultBucket/acceptances/*',
      's3:GetObject on VaultBucket/holds/*',
      's3:GetObject on VaultBucket/sidecar-verdicts/*',
      's3:GetObject on VaultBucket/verdicts/*',
      's3:DeleteObject on VaultBucket/archives/*',
      's3:DeleteObject on VaultBucket/sidecar-verdicts/*',
      's3:DeleteObject on VaultBucket/sidecars/*',
      ...['basebackups', 'basebackup-verdicts', 'wal', 'wal-verdicts'].map(
        (folder) => `s3:DeleteObject on VaultBucket/${folder}/*`,
      ),
      's3:GetObject on VaultBucket/basebackups/*.manifest.json',
      's3:GetObject on VaultBucket/basebackup-verdicts/*',
      's3:GetObject on VaultBucket/basebackups/*',
      's3:GetObjectRetention on VaultBucket/basebackups/*',
      's3:PutObjectRetention on VaultBucket/basebackups/* if s3:object-lock-remaining-retention-days is 21',
      's3:DeleteObject on VaultBucket/verdicts/*',
      's3:PutObject on VaultBucket/plans/*',
      's3:PutObject on VaultBucket/due/*',
      's3:GetObject on VaultBucket/plans/*',
      // Never for longer than keepDays from now, and S3 refuses what is shorter.
      's3:GetObject on VaultBucket/archives/*',
      's3:GetObject on VaultBucket/sidecars/*',
      's3:GetObjectRetention on VaultBucket/archives/*',
      's3:GetObjectRetention on VaultBucket/sidecars/*',
      's3:PutObjectRetention on VaultBucket/archives/* if s3:object-lock-remaining-retention-days is 21',
      's3:PutObjectRetention on VaultBucket/sidecars/* if s3:object-lock-remaining-retention-days is 21',
      's3:PutObject on VaultBucket/watch/run/*',
    ],
    Watch: [
      ...failures,
      list,
      's3:GetObject on VaultBucket/archives/*.manifest.json',
      's3:GetObject on VaultBucket/reports/*',
      's3:GetObject on VaultBucket/acceptances/*',
      's3:GetObject on VaultBucket/sidecar-verdicts/*',
      's3:GetObject on VaultBucket/verdicts/*',
      's3:GetObject on VaultBucket/watch/*',
      's3:GetObject on VaultBucket/basebackups/*.manifest.json',
      's3:GetObject on VaultBucket/basebackup-verdicts/*',
      // A timeline's origin; of all other log the names are enough.
      's3:GetObject on VaultBucket/wal/*.history-*',
      's3:PutObject on VaultBucket/due/*/wal/*',
      's3:PutObject on VaultBucket/watch/*',
      publish,
      ask,
    ],
    LaunchRestoreTest: [
      ...failures,
      list,
      's3:GetObject on VaultBucket/archives/*.manifest.json',
      's3:GetObject on VaultBucket/acceptances/*',
      's3:GetObject on VaultBucket/basebackup-verdicts/*',
      's3:GetObject on VaultBucket/basebackups/*.manifest.json',
      's3:GetObject on VaultBucket/verdicts/*',
      's3:GetObject on VaultBucket/reports/*',
      's3:GetObject on VaultBucket/watch/_restore-tests.json',
      's3:GetObject on VaultBucket/watch/told/*',
      's3:PutObject on VaultBucket/watch/_restore-tests.json',
      's3:PutObject on VaultBucket/watch/told/*',
      'ecs:RunTask on RestoreTaskTaskDefinition if ecs:cluster is RestoreTaskCluster',
      'ecs:RunTask on RestoreTaskVolumeTaskDefinition if ecs:cluster is RestoreTaskCluster',
      'iam:PassRole on RestoreTaskExecutionRole if iam:PassedToService is ecs-tasks.amazonaws.com',
      'iam:PassRole on RestoreTaskTaskRole if iam:PassedToService is ecs-tasks.amazonaws.com',
      'iam:PassRole on RestoreTaskVolumeRole if iam:PassedToService is ecs.amazonaws.com',
      publish,
    ],
    Report: [
      ...consumes('Failed'),
      ...faults,
      'sqs:SendMessage on DeadLetters',
      list,
      's3:GetObject on VaultBucket/watch/told/*',
      's3:PutObject on VaultBucket/watch/told/*',
      publish,
      ask,
    ],
  };

  test.each(Object.entries(expected))('of %s', (name, lines) => {
    expect(allowed('AWS::IAM::Policy', `Handlers${name}RoleDefaultPolicy`)).toEqual(
      [...lines, ...logs(`Handlers${name}`)].sort(),
    );
  });

  test('of the restore test', () => {
    expect(allowed('AWS::IAM::Policy', 'RestoreTaskTaskRoleDefaultPolicy')).toEqual([
      's3:GetObject on VaultBucket/acceptances/*',
      's3:GetObject on VaultBucket/archives/*',
      's3:GetObject on VaultBucket/basebackup-verdicts/*',
      's3:GetObject on VaultBucket/basebackups/*',
      's3:GetObject on VaultBucket/checks/*',
      's3:GetObject on VaultBucket/plans/*',
      's3:GetObject on VaultBucket/reports/*',
      's3:GetObject on VaultBucket/verdicts/*',
      's3:GetObject on VaultBucket/wal/*',
      's3:GetObject on VaultBucket/watch/*.json',
      's3:GetObjectVersion on VaultBucket/archives/*.sql.gz',
      's3:GetObjectVersion on VaultBucket/basebackups/*',
      list,
      's3:PutObject on VaultBucket/reports/*',
      's3:PutObject on VaultBucket/watch/told/*',
      publish,
    ]);
  });

  test('of the task that judges a large base backup: what the verifier may with base backups, and no archive', () => {
    expect(allowed('AWS::IAM::Policy', 'RestoreTaskVerifyTaskRoleDefaultPolicy')).toEqual([
      's3:GetObject on VaultBucket/basebackup-verdicts/*',
      's3:GetObject on VaultBucket/basebackups/*',
      's3:GetObject on VaultBucket/watch/faults/*',
      's3:GetObjectVersion on VaultBucket/basebackups/*',
      list,
      's3:PutObject on VaultBucket/basebackup-verdicts/*',
      's3:PutObject on VaultBucket/watch/faults/*',
      publish,
    ]);
  });

  test('of the state machine: its functions, its own executions, its log', () => {
    const logs = 'Create Delete Get List Update'.split(' ').map((verb) => `${verb}LogDelivery`);
    expect(allowed('AWS::IAM::Policy', 'HandlersRangesRoleDefaultPolicy')).toEqual(
      [
        ...['ReadRange', 'JoinRanges'].flatMap((name) => [
          `lambda:InvokeFunction on Handlers${name}Function`,
          `lambda:InvokeFunction on Handlers${name}Function:*`,
        ]),
        ...logs.map((action) => `logs:${action.replace('ListLogDelivery', 'ListLogDeliveries')} on *`),
        'logs:DescribeLogGroups on *',
        'logs:DescribeResourcePolicies on *',
        'logs:PutResourcePolicy on *',
      ].sort(),
    );
    const executions =
      'arn:AWS::Partition:states:AWS::Region:AWS::AccountId:execution:6 of HandlersRangesStateMachine';
    expect(allowed('AWS::IAM::Policy', 'HandlersRangesStateMachineDistributedMapPolicy')).toEqual([
      `states:DescribeExecution on ${executions}:*`,
      `states:RedriveExecution on ${executions}/*:*`,
      'states:StartExecution on HandlersRangesStateMachine',
      `states:StopExecution on ${executions}:*`,
    ]);
  });

  test.each(['bitagent', 'attic'])(
    'of the agent of %s: it creates archives of it, and nothing else',
    (source) => {
      const any = (characters: number) => '?'.repeat(characters);
      const id = `${source}/${source}-????-??-??-??????Z`;
      const names = [
        `archives/${id}.manifest.json`,
        `archives/${id}.sql.gz`,
        `sidecars/${id}.db.gz`,
        `sidecars/${id}.manifest.json`,
        `basebackups/${id}.tar.gz`,
        `basebackups/${id}.backup_manifest`,
        `basebackups/${id}.manifest.json`,
        ...[
          any(24),
          `${any(24)}.partial`,
          `${any(24)}.${any(8)}.begun`,
          `${any(24)}.${any(8)}.backup`,
          `${any(8)}.history`,
        ].map((name) => `wal/${source}/${any(19)}/${name}-${any(64)}.gz`),
      ];
      expect(allowed('AWS::IAM::ManagedPolicy', `IdentitiesAgent${source}Policy`)).toEqual(
        ['s3:AbortMultipartUpload', 's3:PutObject']
          .flatMap((action) => names.map((name) => `${action} on VaultBucket/${name}`))
          .sort(),
      );
    },
  );

  test('of the operator: it reads', () => {
    expect(allowed('AWS::IAM::ManagedPolicy', 'IdentitiesOperatorPolicy')).toEqual([
      'lambda:InvokeFunction on HandlersReportFunction',
      's3:GetObject on VaultBucket/*',
      's3:GetObjectVersion on VaultBucket/*',
      's3:ListBucket on VaultBucket',
      's3:ListBucketVersions on VaultBucket',
    ]);
  });

  test('of undo: it takes marks off archives and verdicts, and places holds', () => {
    expect(allowed('AWS::IAM::ManagedPolicy', 'IdentitiesUndoPolicy')).toEqual([
      's3:DeleteObjectVersion on VaultBucket/archives/*',
      's3:DeleteObjectVersion on VaultBucket/basebackup-verdicts/*',
      's3:DeleteObjectVersion on VaultBucket/basebackups/*',
      's3:DeleteObjectVersion on VaultBucket/sidecar-verdicts/*',
      's3:DeleteObjectVersion on VaultBucket/sidecars/*',
      's3:DeleteObjectVersion on VaultBucket/verdicts/*',
      's3:DeleteObjectVersion on VaultBucket/wal-verdicts/*',
      's3:DeleteObjectVersion on VaultBucket/wal/*',
      's3:GetLifecycleConfiguration on VaultBucket',
      's3:PutObject on VaultBucket/holds/*',
    ]);
  });

  test('of whoever accepts: the word on an archive, and nothing of the archive', () => {
    expect(allowed('AWS::IAM::ManagedPolicy', 'IdentitiesAcceptPolicy')).toEqual([
      's3:PutObject on VaultBucket/acceptances/*',
    ]);
  });

  test('name their resource, but for what has none: the registry token, deliveries of logs', () => {
    const wide = Object.entries(resources)
      .filter(([, { Type }]) => ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy'].includes(Type))
      .flatMap(([id, { Type }]) => allowed(Type, nameOf(id)).map((line) => `${nameOf(id)}: ${line}`))
      .filter((line) => / on \*|: [a-z0-9]*:?\*/.test(line));
    const deliveries = /^HandlersRangesRoleDefaultPolicy: logs:\w+ on \*$/;
    expect(wide.filter((line) => !deliveries.test(line))).toEqual([
      'RestoreTaskExecutionRoleDefaultPolicy: ecr:GetAuthorizationToken on *',
    ]);
  });

  test('come from these policies alone: no role has an inline one, and one of AWS only that for volumes', () => {
    const roles = Object.entries(resources).filter(([, { Type }]) => Type === 'AWS::IAM::Role');
    const more = roles.flatMap(([id, { Properties }]) =>
      Object.keys(Properties)
        .filter((key) => key.includes('Polic') && key !== 'AssumeRolePolicyDocument')
        .map((key) => `${nameOf(id)}: ${[Properties[key]].flat().map(plain)}`),
    );
    expect(more.sort()).toEqual([
      'IdentitiesOperatorRole: IdentitiesOperatorPolicy',
      'RestoreTaskVolumeRole: arn:AWS::Partition:iam::aws:policy/service-role/AmazonECSInfrastructureRolePolicyForVolumes',
    ]);
  });

  test('of services of AWS are theirs at work for this account or this resource alone', () => {
    const documents = Object.entries(resources).flatMap(([id, { Type, Properties }]) =>
      ['AssumeRolePolicyDocument', 'PolicyDocument', 'KeyPolicy'].flatMap((key) =>
        Properties?.[key] === undefined ? [] : [{ id, Type, document: Properties[key] as Document }],
      ),
    );
    const services = documents.flatMap(({ id, document }) =>
      document.Statement.filter(({ Effect, Principal }) => Effect === 'Allow' && Principal?.Service).map(
        ({ Principal, Condition }) => ({ id, service: Principal?.Service, condition: Condition }),
      ),
    );
    expect(services.length).toBeGreaterThan(10);
    for (const { id, condition } of services) {
      const keys = Object.values(condition ?? {}).flatMap((tests) => Object.keys(tests as object));
      expect(
        keys.filter((key) => /^aws:Source(Account|Arn)$/.test(key)),
        id,
      ).not.toEqual([]);
    }
    const invokers = Object.values(resources).filter(({ Type }) => Type === 'AWS::Lambda::Permission');
    expect(invokers.filter(({ Properties }) => !Properties.SourceArn)).toEqual([]);
  });
});
