// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is CloudFormation's own syntax

// What the restore test's task reaches, read off the template, for both choices of its network.

import { describe, expect, test } from 'vitest';
import { nameOf, plain, synthesize } from '../synthesized.ts';

const networks = {
  public: synthesize(),
  endpoints: synthesize({ restoreTestNetwork: 'endpoints' }),
};

type Statement = { Action: string | string[]; Resource: unknown; Principal: unknown };

const ofType = (choice: keyof typeof networks, type: string) =>
  Object.entries(networks[choice].resources)
    .filter(([, { Type }]) => Type === type)
    .map(([id, { Properties }]) => ({ name: nameOf(id), properties: Properties as Record<string, unknown> }));

/** What an endpoint lets through, as sorted lines. */
function letThrough(choice: keyof typeof networks, name: string): string[] {
  const { properties } = networks[choice].byName('AWS::EC2::VPCEndpoint', name);
  const { Statement } = properties.PolicyDocument as unknown as { Statement: Statement[] };
  return Statement.flatMap(({ Action, Resource, Principal }) => {
    expect(Principal).toBe('*');
    return [Action].flat().flatMap((action) => [Resource].flat().map((one) => `${action} on ${plain(one)}`));
  }).sort();
}

describe.each(['public', 'endpoints'] as const)('%s', (choice) => {
  const vpc = choice === 'public' ? 'RestoreTaskVpc' : 'RestoreTaskIsolatedVpc';

  test('objects go by a gateway, which lets through what the tasks may and layers of images, and nothing else', () => {
    const roles = ['TaskRole', 'VerifyTaskRole'].flatMap((role) =>
      networks[choice].allowed('AWS::IAM::Policy', `RestoreTask${role}DefaultPolicy`),
    );
    const layers = 'arn:AWS::Partition:s3:::prod-AWS::Region-starport-layer-bucket/*';
    expect(letThrough(choice, `${vpc}s3`)).toEqual(
      [...new Set([...roles.filter((line) => line.startsWith('s3:')), `s3:GetObject on ${layers}`])].sort(),
    );
  });

  test('names are answered for what is needed, and for nothing else', () => {
    const lists = Object.fromEntries(
      ofType(choice, 'AWS::Route53Resolver::FirewallDomainList').map(({ name, properties }) => [
        name,
        (properties.Domains as unknown[]).map(plain).sort(),
      ]),
    );
    const regional = (name: string) => `${name}.AWS::Region.AWS::URLSuffix`;
    expect(lists).toEqual({
      RestoreTaskNamesNeeded: [
        regional('AWS::AccountId.dkr.ecr'),
        regional('VaultBucket.s3'),
        regional('api.ecr'),
        regional('logs'),
        regional('prod-AWS::Region-starport-layer-bucket.s3'),
        regional('sns'),
      ],
      RestoreTaskNamesAny: ['*'],
    });
    const [group] = ofType(choice, 'AWS::Route53Resolver::FirewallRuleGroup');
    const rules = group?.properties.FirewallRules as Record<string, unknown>[];
    expect(
      rules.map((rule) => ({ ...rule, FirewallDomainListId: plain(rule.FirewallDomainListId) })),
    ).toEqual([
      {
        Priority: 100,
        Action: 'ALLOW',
        FirewallDomainListId: 'RestoreTaskNamesNeeded',
        FirewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN',
      },
      {
        Priority: 200,
        Action: 'BLOCK',
        BlockResponse: 'NXDOMAIN',
        FirewallDomainListId: 'RestoreTaskNamesAny',
      },
    ]);
    const [association] = ofType(choice, 'AWS::Route53Resolver::FirewallRuleGroupAssociation');
    expect(association?.properties).toMatchObject({ Priority: 101 });
    expect(plain(association?.properties.VpcId)).toBe(vpc);
    expect(plain(association?.properties.FirewallRuleGroupId)).toBe('RestoreTaskNamesRules');
  });

  test('the launcher is told whether there is an address to be had', () => {
    const { Environment } = networks[choice].byName(
      'AWS::Lambda::Function',
      'HandlersLaunchRestoreTestFunction',
    ).properties;
    const { Variables } = Environment as unknown as { Variables: Record<string, unknown> };
    expect(Variables.OFFSITE_ASSIGN_PUBLIC_IP).toBe(choice === 'public' ? 'ENABLED' : 'DISABLED');
    expect(plain(Variables.OFFSITE_SUBNET_IDS)).toMatch(
      choice === 'public' ? /^(RestoreTaskVpcpublic\w+,?){2}$/ : /^(RestoreTaskIsolatedVpcisolated\w+,?){2}$/,
    );
  });
});

describe('endpoints', () => {
  test('there is no way to the internet, and no other route than to S3', () => {
    for (const type of ['InternetGateway', 'NatGateway', 'VPCGatewayAttachment', 'Route', 'EIP']) {
      expect(ofType('endpoints', `AWS::EC2::${type}`), type).toEqual([]);
    }
  });

  test('each lets through one thing', () => {
    const log = 'RestoreTaskLogs';
    const repository =
      'arn:AWS::Partition:ecr:AWS::Region:AWS::AccountId:repository/cdk-hnb659fds-container-assets-${AWS::AccountId}-${AWS::Region}';
    const pull = [
      `ecr:BatchCheckLayerAvailability on ${repository}`,
      `ecr:BatchGetImage on ${repository}`,
      'ecr:GetAuthorizationToken on *',
      `ecr:GetDownloadUrlForLayer on ${repository}`,
    ];
    expect(letThrough('endpoints', 'RestoreTaskIsolatedVpcSns')).toEqual(['sns:Publish on Reports']);
    expect(letThrough('endpoints', 'RestoreTaskIsolatedVpcEcrApi')).toEqual(pull);
    expect(letThrough('endpoints', 'RestoreTaskIsolatedVpcEcrDocker')).toEqual(pull);
    expect(letThrough('endpoints', 'RestoreTaskIsolatedVpcLogs')).toEqual([
      `logs:CreateLogStream on ${log}`,
      `logs:PutLogEvents on ${log}`,
    ]);
  });

  test('are reached by the task alone', () => {
    const rules = [
      ...ofType('endpoints', 'AWS::EC2::SecurityGroupIngress').map(({ properties }) => [
        plain(properties.GroupId),
        'from',
        plain(properties.SourceSecurityGroupId),
        properties.FromPort,
      ]),
      ...ofType('endpoints', 'AWS::EC2::SecurityGroupEgress').map(({ properties }) => [
        plain(properties.GroupId),
        'to',
        plain(properties.DestinationSecurityGroupId),
        properties.FromPort,
      ]),
    ];
    expect(rules).toEqual([
      ['RestoreTaskEndpointsSecurityGroup', 'from', 'RestoreTaskSecurityGroup', 443],
      ['RestoreTaskSecurityGroup', 'to', 'RestoreTaskEndpointsSecurityGroup', 443],
    ]);
  });

  test('stand in a network of their own: a deployment that changes over can make it beside the old one', () => {
    const names = (choice: keyof typeof networks) =>
      ['VPC', 'Subnet', 'RouteTable'].flatMap((type) =>
        ofType(choice, `AWS::EC2::${type}`).map(({ name }) => name),
      );
    expect(names('endpoints').filter((name) => names('public').includes(name))).toEqual([]);
  });
});
