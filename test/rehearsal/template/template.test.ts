// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is CloudFormation's own syntax

import { describe, expect, test } from 'vitest';
import {
  bucketId,
  createResolver,
  type Deployed,
  type Template,
} from '../../../lib/rehearsal/template/template.ts';

const template: Template = {
  Parameters: { BootstrapVersion: { Default: '/cdk-bootstrap/version' } },
  Resources: {
    Vault: { Type: 'AWS::S3::Bucket' },
    Topic: { Type: 'AWS::SNS::Topic' },
    Verify: { Type: 'AWS::Lambda::Function' },
    Cluster: { Type: 'AWS::ECS::Cluster' },
    Task: { Type: 'AWS::ECS::TaskDefinition' },
    Group: { Type: 'AWS::EC2::SecurityGroup' },
    Vpc: { Type: 'AWS::EC2::VPC' },
  },
};
const deployed: Deployed = {
  region: 'eu-west-1',
  account: '123456789012',
  stackName: 'Offsite',
  physicalIds: new Map([['Vault', bucketId('offsite')]]),
};
const resolve = createResolver(template, deployed);

describe('createResolver', () => {
  test.each<[string, unknown, unknown]>([
    ['plain values', { a: [1, 'x', true, null] }, { a: [1, 'x', true, null] }],
    ['Ref of what exists on this machine', { Ref: 'Vault' }, 'offsite'],
    ['GetAtt of it', { 'Fn::GetAtt': ['Vault', 'Arn'] }, 'arn:aws:s3:::offsite'],
    ['Ref of a function', { Ref: 'Verify' }, 'Offsite-Verify'],
    [
      'its ARN',
      { 'Fn::GetAtt': ['Verify', 'Arn'] },
      'arn:aws:lambda:eu-west-1:123456789012:function:Offsite-Verify',
    ],
    [
      'GetAtt in one text',
      { 'Fn::GetAtt': 'Cluster.Arn' },
      'arn:aws:ecs:eu-west-1:123456789012:cluster/Offsite-Cluster',
    ],
    ['Ref of a topic is its ARN', { Ref: 'Topic' }, 'arn:aws:sns:eu-west-1:123456789012:Offsite-Topic'],
    [
      'Ref of a task definition is its ARN',
      { Ref: 'Task' },
      'arn:aws:ecs:eu-west-1:123456789012:task-definition/Offsite-Task:1',
    ],
    ['GroupId', { 'Fn::GetAtt': ['Group', 'GroupId'] }, 'Offsite-Group'],
    ['an attribute that nothing here needs', { 'Fn::GetAtt': ['Vpc', 'CidrBlock'] }, 'Vpc.CidrBlock'],
    ['a parameter', { Ref: 'BootstrapVersion' }, '/cdk-bootstrap/version'],
    ['pseudo parameters', [{ Ref: 'AWS::Region' }, { Ref: 'AWS::AccountId' }], ['eu-west-1', '123456789012']],
    ['NoValue in an object', { a: 1, b: { Ref: 'AWS::NoValue' } }, { a: 1 }],
    ['NoValue in a list', [1, { Ref: 'AWS::NoValue' }], [1]],
    [
      'Join',
      { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::', { Ref: 'Vault' }, '/*']] },
      'arn:aws:s3:::offsite/*',
    ],
    [
      'Sub',
      { 'Fn::Sub': 'assets-${AWS::AccountId}-${AWS::Region}/${Vault}/${Cluster.Arn}/${!literal}' },
      'assets-123456789012-eu-west-1/offsite/arn:aws:ecs:eu-west-1:123456789012:cluster/Offsite-Cluster/${literal}',
    ],
    ['Sub with variables', { 'Fn::Sub': ['${name}!', { name: { Ref: 'Vault' } }] }, 'offsite!'],
    ['Select', { 'Fn::Select': [1, { 'Fn::GetAZs': '' }] }, 'eu-west-1b'],
    ['Split', { 'Fn::Select': ['3', { 'Fn::Split': [':', { Ref: 'Topic' }] }] }, 'eu-west-1'],
    ['an object with a key like an intrinsic among others', { Ref: 'x', other: 1 }, { Ref: 'x', other: 1 }],
  ])('resolves %s', (_, value, expected) => {
    expect(resolve(value)).toEqual(expected);
  });

  test('refuses an intrinsic that it does not know, and a reference to nothing', () => {
    expect(() => resolve({ a: { 'Fn::Cidr': ['10.0.0.0/16', 2, 8] } })).toThrow(/Fn::Cidr/);
    expect(() => resolve({ Ref: 'Absent' })).toThrow(/Absent/);
  });
});
