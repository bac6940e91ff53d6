// Answers for the names that the restore test needs, and for no other: a program that was smuggled in finds no server of
// its own by name, and can hide nothing in the names that it asks for. It costs by the name: half a cent a month.

import { Stack } from 'aws-cdk-lib';
import type { Vpc } from 'aws-cdk-lib/aws-ec2';
import {
  CfnFirewallDomainList,
  CfnFirewallRuleGroup,
  CfnFirewallRuleGroupAssociation,
} from 'aws-cdk-lib/aws-route53resolver';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { layersBucket } from './endpoint-policies.ts';

export type NameFirewallProps = { readonly vpc: Vpc; readonly bucket: Bucket };

/**
 * A DNS Firewall of Route 53 Resolver.
 *
 * @remarks If it does not work, nothing is answered: so it is by default, and a test that cannot start is told.
 * @see https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-rule-settings.html
 * @see https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-vpc-configuration.html
 */
export class NameFirewall extends Construct {
  constructor(scope: Construct, id: string, { vpc, bucket }: NameFirewallProps) {
    super(scope, id);
    const needed = new CfnFirewallDomainList(this, 'Needed', { domains: neededNames(this, bucket) });
    const any = new CfnFirewallDomainList(this, 'Any', { domains: ['*'] });
    const group = new CfnFirewallRuleGroup(this, 'Rules', {
      firewallRules: [
        {
          priority: 100,
          action: 'ALLOW',
          firewallDomainListId: needed.attrId,
          // S3 and ECR lead on to names that AWS changes as it likes.
          firewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN',
        },
        { priority: 200, action: 'BLOCK', blockResponse: 'NXDOMAIN', firewallDomainListId: any.attrId },
      ],
    });
    new CfnFirewallRuleGroupAssociation(this, 'Association', {
      firewallRuleGroupId: group.attrId,
      vpcId: vpc.vpcId,
      // The first that may be taken: 100 and less are for AWS Firewall Manager.
      priority: 101,
    });
  }
}

/** As the SDK and Fargate's agent ask for them; each exactly, for a bucket's name can be anybody's. */
function neededNames(scope: Construct, bucket: Bucket): string[] {
  const { region, account, urlSuffix } = Stack.of(scope);
  const ofRegion = (name: string) => `${name}.${region}.${urlSuffix}`;
  return [
    ofRegion(`${bucket.bucketName}.s3`),
    ofRegion(`${layersBucket(scope)}.s3`),
    ofRegion('sns'),
    ofRegion('api.ecr'),
    ofRegion(`${account}.dkr.ecr`),
    ofRegion('logs'),
  ];
}
