// The construct as somebody else uses it: in an app and a stack of theirs, with other choices than the defaults, and
// with tokens where a value is known at deployment only.

import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, CfnParameter, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { execa } from 'execa';
import { afterAll, describe, expect, test } from 'vitest';
import { describeError } from '../../lib/base/errors.ts';
import { environmentNames } from '../../lib/deployment/environment.ts';
import { OffsiteArchive, type OffsiteArchiveProps } from '../../lib/stack/offsite-archive.ts';
import { projectRoot } from '../fixtures/cdk.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-archive-'));
const email = 'op@example.com';

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** In a stack that has more to do than this; without bundles, which other tests look at. */
function build(choose: (stack: Stack) => OffsiteArchiveProps) {
  const app = new App({
    context: { 'aws:cdk:bundling-stacks': [] },
    outdir: mkdtempSync(join(home, 'out-')),
  });
  const stack = new Stack(app, 'Theirs');
  const archive = new OffsiteArchive(stack, 'Archive', choose(stack));
  return { stack, archive, template: Template.fromStack(stack) };
}

function refusal(choose: (stack: Stack) => OffsiteArchiveProps): string {
  try {
    build(choose);
  } catch (error) {
    return describeError(error);
  }
  throw new Error('it was not refused');
}

const bucketOf = (template: Template) =>
  Object.values(template.findResources('AWS::S3::Bucket')).map(({ Properties }) => Properties)[0];

test('needs a mail address and nothing else, and hands out its parts', () => {
  const { archive, template } = build(() => ({ email }));
  expect(archive.deployment).toMatchObject({ email, sources: ['bitagent'], keepDays: 14 });
  const { bucket, topic, deadLetters, operatorPolicy, restoreTask, handlers } = archive;
  for (const part of [bucket, topic, deadLetters, operatorPolicy, restoreTask.cluster, handlers])
    expect(part.node.path).toMatch(/^Theirs\/Archive\//);
  template.resourceCountIs('AWS::S3::Bucket', 1);
});

test("in a network of the account's nothing is added but a group that nothing reaches", () => {
  const { template } = build((stack) => ({ email, vpc: new Vpc(stack, 'Mine', { maxAzs: 1 }) }));
  template.resourceCountIs('AWS::EC2::VPC', 1);
  for (const type of ['EC2::VPCEndpoint', 'Route53Resolver::FirewallRuleGroup', 'EC2::SecurityGroupIngress'])
    template.resourceCountIs(`AWS::${type}`, 0);
  const [privateSubnet] = Object.keys(template.findResources('AWS::EC2::Subnet')).filter((id) =>
    id.startsWith('MinePrivate'),
  );
  template.hasResourceProperties('AWS::Lambda::Function', {
    Environment: {
      Variables: Match.objectLike({
        [environmentNames.subnetIds]: { Ref: privateSubnet },
        [environmentNames.assignPublicIp]: 'DISABLED',
      }),
    },
  });
});

describe('availability zones', () => {
  const subnetsOf = (template: Template) =>
    Object.entries(template.findResources('AWS::EC2::Subnet')).map(([id, { Properties }]) => ({
      id,
      zone: Properties.AvailabilityZoneId ?? 'any',
      name: Properties.AvailabilityZone,
    }));
  const chosen = (availabilityZones?: string[], restoreTestNetwork: 'public' | 'endpoints' = 'public') =>
    build(() => ({ email, availabilityZones, restoreTestNetwork }));
  const inRegion = (region: string) => {
    const app = new App({
      context: { 'aws:cdk:bundling-stacks': [] },
      outdir: mkdtempSync(join(home, 'out-')),
    });
    const stack = new Stack(app, 'Theirs', { env: { region } });
    new OffsiteArchive(stack, 'Archive', { email });
    return subnetsOf(Template.fromStack(stack)).map(({ zone }) => zone);
  };

  test.each(['public', 'endpoints'] as const)(
    '%s: by their ids, in a network that can be made beside the one before',
    (network) => {
      const before = subnetsOf(chosen(undefined, network).template);
      expect(before.map(({ zone }) => zone)).toEqual(['any', 'any']);
      const after = subnetsOf(chosen(['use1-az2', 'use1-az4'], network).template);
      expect(after.map(({ zone, name }) => [zone, name])).toEqual([
        ['use1-az2', undefined],
        ['use1-az4', undefined],
      ]);
      const other = subnetsOf(chosen(['use1-az5'], network).template);
      expect(other.map(({ zone }) => zone)).toEqual(['use1-az5']);
      expect(new Set([...before, ...after, ...other].map(({ id }) => id)).size).toBe(5);
    },
  );

  test('where Fargate is not in every zone of the region, those that have it are taken by themselves', () => {
    expect(inRegion('eu-central-1')).toEqual(['any', 'any']);
    expect(inRegion('us-west-1')).toEqual(['usw1-az1', 'usw1-az3']);
    // A stack that is of no region goes where cdk says.
    process.env.CDK_DEFAULT_REGION = 'ap-northeast-1';
    try {
      expect(subnetsOf(chosen().template).map(({ zone }) => zone)).toEqual(['apne1-az1', 'apne1-az2']);
    } finally {
      delete process.env.CDK_DEFAULT_REGION;
    }
  });

  test.each([
    ['a name, which is another zone in each account', ['us-east-1a']],
    ['none', []],
    ['three', ['use1-az1', 'use1-az2', 'use1-az4']],
    ['one twice', ['use1-az1', 'use1-az1']],
  ])('%s is refused', (_, zones) => {
    expect(refusal(() => ({ email, availabilityZones: zones }))).toMatch(
      /availabilityZones: ids of one or two/,
    );
  });
});

test('a topic of theirs is published to, and what is left behind is their choice', () => {
  const { template } = build((stack) => ({
    email,
    topic: Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:eu-central-1:123456789012:theirs'),
    removalPolicy: RemovalPolicy.DESTROY,
  }));
  template.resourceCountIs('AWS::SNS::Topic', 0);
  template.hasResourceProperties('AWS::SNS::Subscription', { TopicArn: Match.stringLikeRegexp('theirs$') });
  template.hasResource('AWS::S3::Bucket', { DeletionPolicy: 'Delete' });
});

test('two of them in one stack are two vaults', () => {
  const { template } = build((stack) => {
    new OffsiteArchive(stack, 'Another', { email });
    return { email };
  });
  template.resourceCountIs('AWS::S3::Bucket', 2);
});

test('in an app of theirs, started elsewhere, it is synthesized with its bundles and its image', async () => {
  const folder = mkdtempSync(join(home, 'app-'));
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const construct = join(projectRoot, 'lib', 'stack', 'offsite-archive.ts');
  writeFileSync(
    join(folder, 'app.ts'),
    `import { App, Stack } from 'aws-cdk-lib';
import { OffsiteArchive, type OffsiteArchiveProps } from '${construct}';
const props: OffsiteArchiveProps = { email: 'op@example.com' };
const app = new App({ outdir: 'out' });
new OffsiteArchive(new Stack(app, 'Theirs'), 'Archive', props);
app.synth();
`,
  );
  await execa(process.execPath, ['app.ts'], { cwd: folder });
  const { files, dockerImages } = JSON.parse(readFileSync(join(folder, 'out', 'Theirs.assets.json'), 'utf8'));
  const bundles = Object.values(files as Record<string, { source: { path: string; packaging: string } }>)
    .filter(({ source }) => source.packaging === 'zip')
    .map(({ source }) => existsSync(join(folder, 'out', source.path, 'index.js')));
  expect(bundles.length).toBeGreaterThanOrEqual(5);
  expect(bundles.every(Boolean)).toBe(true);
  expect(Object.keys(dockerImages)).toHaveLength(1);
});

describe('tokens', () => {
  test('are taken for texts and numbers, and come out as references', () => {
    const { template } = build((stack) => ({
      email: new CfnParameter(stack, 'Email').valueAsString,
      sources: ['bitagent', new CfnParameter(stack, 'Source').valueAsString],
      keepDays: new CfnParameter(stack, 'KeepDays', { type: 'Number' }).valueAsNumber,
      undoDays: new CfnParameter(stack, 'UndoDays', { type: 'Number' }).valueAsNumber,
    }));
    template.hasResourceProperties('AWS::SNS::Subscription', { Endpoint: { Ref: 'Email' } });
    expect(bucketOf(template)).toMatchObject({
      ObjectLockConfiguration: { Rule: { DefaultRetention: { Days: { Ref: 'KeepDays' } } } },
      LifecycleConfiguration: {
        Rules: expect.arrayContaining([
          expect.objectContaining({ NoncurrentVersionExpiration: { NoncurrentDays: { Ref: 'UndoDays' } } }),
        ]),
      },
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Description: 'Offsite: expire',
      Environment: { Variables: { OFFSITE_KEEP_DAYS: { Ref: 'KeepDays' }, OFFSITE_KEEP_INTACT: '7' } },
    });
    const policies = Object.values(template.findResources('AWS::IAM::ManagedPolicy')).map((policy) =>
      JSON.stringify(policy),
    );
    const ofToken = '/archives/",{"Ref":"Source"},"/",{"Ref":"Source"},"-????-??-??-??????Z.sql.gz"';
    expect(policies.filter((policy) => policy.includes(ofToken))).toHaveLength(1);
  });

  test('are refused where the template depends on them', () => {
    const text = refusal((stack) => ({
      email,
      sources: Fn.split(',', new CfnParameter(stack, 'Sources').valueAsString),
      objectLock: new CfnParameter(stack, 'Lock').valueAsString as 'off',
    }));
    expect(text).toContain('[CONFIG_INVALID]');
    expect(text).toContain('a token for objectLock, sources');
  });
});

test('wrong properties are named, all at once', () => {
  const text = refusal(() => ({ email: 'nobody', keepDays: 0, keepDay: 7 }) as OffsiteArchiveProps);
  for (const sentence of ['email: "nobody"', 'keepDays: 0', 'keepDay: no such setting', 'docs/cloud.md']) {
    expect(text).toContain(sentence);
  }
});

describe('Object Lock', () => {
  test('in compliance mode', () => {
    expect(bucketOf(build(() => ({ email, objectLock: 'compliance' })).template)).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 14 } } },
    });
  });

  test('off', () => {
    const bucket = bucketOf(build(() => ({ email, objectLock: 'off' })).template);
    expect(bucket).not.toHaveProperty('ObjectLockConfiguration');
    expect(bucket).not.toHaveProperty('ObjectLockEnabled');
    expect(bucket).toHaveProperty('VersioningConfiguration', { Status: 'Enabled' });
  });

  test('of a bucket that exists, without the property that would have it replaced', () => {
    const bucket = bucketOf(build(() => ({ email, lockExistingBucket: true })).template);
    expect(bucket).not.toHaveProperty('ObjectLockEnabled');
    expect(bucket).toMatchObject({
      ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'GOVERNANCE' } } },
    });
  });
});

describe('Glacier Instant Retrieval', () => {
  test('takes archives from the age that was asked for, and nothing else', () => {
    const { stack, template } = build(() => ({ email, keepDays: 365, glacierAfterDays: 30 }));
    expect(bucketOf(template)?.LifecycleConfiguration.Rules).toContainEqual({
      Id: 'move-archives-to-glacier',
      Status: 'Enabled',
      Prefix: 'archives/',
      Transitions: [{ StorageClass: 'GLACIER_IR', TransitionInDays: 30 }],
    });
    Annotations.fromStack(stack).hasNoWarning('*', Match.stringLikeRegexp('Glacier'));
  });

  test('takes what is kept for its year, too, without a word of nights that never come so far', () => {
    const { stack } = build(() => ({ email, keepYearly: 7, glacierAfterDays: 90 }));
    Annotations.fromStack(stack).hasNoWarning('*', Match.stringLikeRegexp('Glacier'));
  });

  test('warns where less is kept than is charged for', () => {
    const { stack } = build(() => ({ email, glacierAfterDays: 1 }));
    Annotations.fromStack(stack).hasWarning(
      '*',
      Match.stringLikeRegexp('would lie in Glacier Instant Retrieval for 20 days, and is charged for 90'),
    );
  });
});

test('a key of our own is rotated, kept, and used through S3 only, by whoever reads or writes', () => {
  const { template } = build(() => ({ email, encryption: 'kms' }));
  template.hasResource('AWS::KMS::Key', {
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
    Properties: { EnableKeyRotation: true },
  });
  const [[keyId] = []] = Object.entries(template.findResources('AWS::KMS::Key'));
  const reference = { 'Fn::GetAtt': [keyId, 'Arn'] };
  expect(bucketOf(template)?.BucketEncryption.ServerSideEncryptionConfiguration).toEqual([
    {
      BucketKeyEnabled: true,
      ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: reference },
    },
  ]);
  const policies = ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy'].flatMap((type) =>
    Object.entries(template.findResources(type)),
  );
  const uses = policies.flatMap(([id, { Properties }]) =>
    Properties.PolicyDocument.Statement.filter(({ Action }: { Action: string | string[] }) =>
      [Action].flat().some((action) => action.startsWith('kms:')),
    ).map(({ Action, Resource, Condition }: Record<string, unknown>) => {
      expect(Resource).toEqual(reference);
      expect(JSON.stringify(Condition)).toContain('kms:ViaService');
      return `${id.replace(/^Archive(Handlers|Identities)?|(RoleDefaultPolicy)?[0-9A-F]{8}$/g, '')}: ${[Action].flat().join(', ')}`;
    }),
  );
  expect(uses.sort()).toEqual([
    'AcceptPolicy: kms:GenerateDataKey',
    'AgentbitagentPolicy: kms:Decrypt, kms:GenerateDataKey',
    'Expire: kms:Decrypt, kms:GenerateDataKey',
    'JoinRanges: kms:Decrypt, kms:GenerateDataKey',
    'LaunchRestoreTest: kms:Decrypt, kms:GenerateDataKey',
    'OperatorPolicy: kms:Decrypt',
    'ReadRange: kms:Decrypt, kms:GenerateDataKey',
    'Report: kms:Decrypt, kms:GenerateDataKey',
    'RestoreTaskTask: kms:Decrypt, kms:GenerateDataKey',
    'RestoreTaskVerifyTask: kms:Decrypt, kms:GenerateDataKey',
    'UndoPolicy: kms:GenerateDataKey',
    'Verify: kms:Decrypt, kms:GenerateDataKey',
    'Watch: kms:Decrypt, kms:GenerateDataKey',
  ]);
});

describe('the agent comes by its credentials', () => {
  test('by itself, unless something else is asked for', () => {
    const { template, archive } = build(() => ({ email }));
    template.resourceCountIs('AWS::IAM::User', 0);
    template.resourceCountIs('AWS::RolesAnywhere::TrustAnchor', 0);
    const { agents, rolesAnywhere } = archive.agentAccess;
    expect(agents).toMatchObject([{ source: 'bitagent', secret: undefined, role: undefined }]);
    expect(rolesAnywhere).toBeUndefined();
  });

  test('by the key of a user, which stands in a secret and nowhere else', () => {
    const { stack, template, archive } = build(() => ({ email, agentAccess: 'user' }));
    const [[userId, user] = []] = Object.entries(template.findResources('AWS::IAM::User'));
    expect(user?.Properties).toEqual({
      ManagedPolicyArns: [stack.resolve(archive.agentAccess.agents[0]?.policy.managedPolicyArn)],
    });
    const [[keyId, key] = []] = Object.entries(template.findResources('AWS::IAM::AccessKey'));
    expect(key?.Properties).toMatchObject({ UserName: { Ref: userId } });
    const secret = Object.values(template.findResources('AWS::SecretsManager::Secret'))[0]?.Properties;
    expect(JSON.stringify(secret?.SecretString)).toContain(JSON.stringify({ Ref: keyId }));
    const holders = Object.entries(template.toJSON().Resources).filter(([, resource]) =>
      JSON.stringify(resource).includes('SecretAccessKey'),
    );
    expect(holders.map(([, resource]) => (resource as { Type: string }).Type)).toEqual([
      'AWS::SecretsManager::Secret',
    ]);
    expect(JSON.stringify(template.toJSON().Outputs ?? {})).not.toContain('SecretAccessKey');
  });

  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

  test.each([
    ['a file', 'CERTIFICATE_BUNDLE', { X509CertificateData: pem }],
    ['a private CA', 'AWS_ACM_PCA', { AcmPcaArn: 'arn:aws:acm-pca:eu-central-1:1:certificate-authority/a' }],
  ])('by a certificate of the authority in %s', (_, SourceType, SourceData) => {
    const file = join(home, 'ca.pem');
    writeFileSync(file, `Bag Attributes: whatever\n${pem}`);
    const agentCa = 'AcmPcaArn' in SourceData ? SourceData.AcmPcaArn : file;
    const { stack, template, archive } = build(() => ({ email, agentAccess: 'rolesAnywhere', agentCa }));
    template.hasResourceProperties('AWS::RolesAnywhere::TrustAnchor', {
      Enabled: true,
      Source: { SourceType, SourceData },
    });
    const [agent] = archive.agentAccess.agents;
    const { trustAnchorArn } = stack.resolve(archive.agentAccess.rolesAnywhere);
    const roleArn = stack.resolve(agent?.role?.roleArn);
    template.hasResourceProperties('AWS::RolesAnywhere::Profile', { Enabled: true, RoleArns: [roleArn] });
    const role = template.toJSON().Resources[roleArn['Fn::GetAtt'][0]].Properties;
    expect(role.ManagedPolicyArns).toEqual([stack.resolve(agent?.policy.managedPolicyArn)]);
    const statements = role.AssumeRolePolicyDocument.Statement as Record<string, unknown>[];
    expect(statements.flatMap(({ Action }) => Action).sort()).toEqual([
      'sts:AssumeRole',
      'sts:SetSourceIdentity',
      'sts:TagSession',
    ]);
    for (const { Principal, Condition } of statements) {
      expect(Principal).toEqual({ Service: 'rolesanywhere.amazonaws.com' });
      expect(Condition).toEqual({
        ArnEquals: { 'aws:SourceArn': trustAnchorArn },
        StringEquals: { 'aws:PrincipalTag/x509Subject/CN': 'bitagent' },
      });
    }
  });

  test.each([
    ['no file', () => join(home, 'nowhere.pem'), 'cannot be read'],
    [
      'a file without a certificate',
      () => {
        writeFileSync(join(home, 'key.pem'), '-----BEGIN PRIVATE KEY-----\n');
        return join(home, 'key.pem');
      },
      'holds no certificate',
    ],
  ])('%s is refused', (_, agentCa, sentence) => {
    const text = refusal(() => ({ email, agentAccess: 'rolesAnywhere', agentCa: agentCa() }));
    expect(text).toContain('[CONFIG_INVALID]');
    expect(text).toContain(sentence);
  });
});

test.each([
  [true, { Bool: { 'aws:MultiFactorAuthPresent': 'true' } }],
  [false, undefined],
])(
  "the operator's role is for principals of the account; with a second factor: %s",
  (operatorMfa, condition) => {
    const { stack, template, archive } = build(() => ({ email, operatorMfa }));
    const arn = stack.resolve(archive.operatorRole.roleArn);
    const { Statement } =
      template.toJSON().Resources[arn['Fn::GetAtt'][0]].Properties.AssumeRolePolicyDocument;
    expect(Statement).toEqual([
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: {
          AWS: {
            'Fn::Join': [
              '',
              ['arn:', { Ref: 'AWS::Partition' }, ':iam::', { Ref: 'AWS::AccountId' }, ':root'],
            ],
          },
        },
        ...(condition && { Condition: condition }),
      },
    ]);
  },
);
