// The network of the restore test: nothing reaches in, and out of it lead the ways to S3, SNS, the registry of images and
// the log. `public` is the cheap one: it has an address, may open HTTPS to anywhere, and names are answered for those four
// only. `endpoints` has no way to the internet at all, and costs by the hour, test or no test.

import { Stack, Token } from 'aws-cdk-lib';
import {
  type CfnSubnet,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  type ISubnet,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import {
  CfnFirewallDomainList,
  CfnFirewallRuleGroup,
  CfnFirewallRuleGroupAssociation,
} from 'aws-cdk-lib/aws-route53resolver';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Deployment } from '../../deployment/deployment.ts';
import type { Reach } from '../access/identities.ts';
import {
  layersBucket,
  letThroughImages,
  letThroughLines,
  letThroughMails,
  letThroughObjects,
} from './endpoint-policies.ts';

export type RestoreNetworkProps = {
  readonly choice: Deployment['restoreTestNetwork'];
  readonly availabilityZones?: Deployment['availabilityZones'];
  /** One of the account's, in place of one of its own. */
  readonly vpc?: IVpc | undefined;
  readonly reach: Reach;
  /** Where the image lies. */
  readonly repositoryArn: string;
  readonly logGroup: ILogGroup;
};

export type RestoreNetwork = {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly securityGroup: SecurityGroup;
  readonly assignPublicIp: 'ENABLED' | 'DISABLED';
};

/**
 * Makes the network.
 *
 * @remarks Each choice has a VPC of its own: the subnets of one could not be made while those of the other hold their
 *   addresses, and CloudFormation makes the new before it deletes the old.
 */
export function createRestoreNetwork(scope: Construct, props: RestoreNetworkProps): RestoreNetwork {
  if (props.vpc !== undefined) return networkIn(scope, props.vpc);
  const isPublic = props.choice === 'public';
  const vpc = createVpc(scope, isPublic, props.availabilityZones ?? zonesWithFargate(scope));
  const securityGroup = createGroup(scope, vpc);
  // The archive's bytes and the image's come this way: without charge, and not over the internet.
  letThroughObjects(vpc.addGatewayEndpoint('s3', { service: GatewayVpcEndpointAwsService.S3 }), props.reach);
  if (!isPublic) addEndpoints(scope, vpc, securityGroup, props);
  // No rule of a security group names S3 without asking AWS for its list of addresses while synthesizing. Isolated subnets
  // have a route to that list and to no other address.
  securityGroup.addEgressRule(
    Peer.anyIpv4(),
    Port.HTTPS,
    isPublic ? 'HTTPS to S3, SNS, ECR and the log' : 'HTTPS to S3, which alone has a route',
  );
  new NameFirewall(scope, 'Names', { vpc, bucket: props.reach.bucket });
  return {
    vpc,
    subnets: isPublic ? vpc.publicSubnets : vpc.isolatedSubnets,
    securityGroup,
    assignPublicIp: isPublic ? 'ENABLED' : 'DISABLED',
  };
}

function createGroup(scope: Construct, vpc: IVpc): SecurityGroup {
  const description = 'Offsite restore test: reaches out, is not reached';
  return new SecurityGroup(scope, 'SecurityGroup', { vpc, description, allowAllOutbound: false });
}

/** Others live there: no endpoint, no route and no firewall of names is added to it. */
function networkIn(scope: Construct, vpc: IVpc): RestoreNetwork {
  const securityGroup = createGroup(scope, vpc);
  securityGroup.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'HTTPS to S3, SNS, ECR and the log');
  const inward = [vpc.privateSubnets, vpc.isolatedSubnets].find((subnets) => subnets.length > 0);
  return {
    vpc,
    subnets: inward ?? vpc.publicSubnets,
    securityGroup,
    assignPublicIp: inward === undefined ? 'ENABLED' : 'DISABLED',
  };
}

/**
 * Without a NAT gateway: it would cost more in a month than all the restore tests of a year.
 *
 * @param zones - Their ids; `undefined` leaves them to AWS. They are part of the network's own: a subnet that changes its
 *   zone is made anew, and cannot be beside the old one.
 */
function createVpc(scope: Construct, isPublic: boolean, zones: readonly string[] | undefined): Vpc {
  const inZones = zones === undefined ? '' : `In${zones.join('').replaceAll('-', '')}`;
  const vpc = new Vpc(scope, `${isPublic ? 'Vpc' : 'IsolatedVpc'}${inZones}`, {
    maxAzs: zones?.length ?? 2,
    natGateways: 0,
    // Restricting it takes a custom resource; nothing uses that group.
    restrictDefaultSecurityGroup: false,
    subnetConfiguration: isPublic
      ? [{ name: 'public', subnetType: SubnetType.PUBLIC, mapPublicIpOnLaunch: false }]
      : [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
  });
  for (const [index, id] of (zones ?? []).entries()) {
    // A zone's name is another zone in each account; its id is not.
    const subnet = [...vpc.publicSubnets, ...vpc.isolatedSubnets][index]?.node.defaultChild as CfnSubnet;
    subnet.availabilityZone = undefined;
    subnet.availabilityZoneId = id;
  }
  return vpc;
}

/**
 * Where Fargate is not in every zone of a region, two of those that have it.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
 */
const partOfRegion: Readonly<Record<string, readonly string[]>> = {
  'us-west-1': ['usw1-az1', 'usw1-az3'],
  'ap-northeast-1': ['apne1-az1', 'apne1-az2'],
  'cn-north-1': ['cnn1-az1', 'cnn1-az2'],
};

/** @returns `undefined` where any zone will do. A stack that is of no region is deployed to the one that cdk has chosen. */
function zonesWithFargate(scope: Construct): readonly string[] | undefined {
  const { region } = Stack.of(scope);
  const known = Token.isUnresolved(region) ? process.env.CDK_DEFAULT_REGION : region;
  return partOfRegion[known ?? ''];
}

/** In one zone, which serves the other as well: the second would double what they cost. */
function addEndpoints(
  scope: Construct,
  vpc: Vpc,
  task: SecurityGroup,
  { reach: { topic }, repositoryArn, logGroup }: RestoreNetworkProps,
): void {
  const securityGroup = new SecurityGroup(scope, 'EndpointsSecurityGroup', {
    vpc,
    description: 'Offsite restore test: endpoints, reached by the task alone',
    allowAllOutbound: false,
  });
  task.addEgressRule(securityGroup, Port.HTTPS, 'HTTPS to the endpoints');
  securityGroup.addIngressRule(task, Port.HTTPS, 'HTTPS from the task');
  const add = (id: string, service: InterfaceVpcEndpointAwsService) =>
    vpc.addInterfaceEndpoint(id, {
      service,
      subnets: { subnets: vpc.isolatedSubnets.slice(0, 1) },
      securityGroups: [securityGroup],
      open: false,
    });
  letThroughMails(add('Sns', InterfaceVpcEndpointAwsService.SNS), topic.topicArn);
  letThroughImages(add('EcrApi', InterfaceVpcEndpointAwsService.ECR), repositoryArn);
  letThroughImages(add('EcrDocker', InterfaceVpcEndpointAwsService.ECR_DOCKER), repositoryArn);
  letThroughLines(add('Logs', InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS), logGroup);
}

type NameFirewallProps = { readonly vpc: Vpc; readonly bucket: Bucket };

/**
 * Answers for the names that the restore test needs, and for no other, by a DNS Firewall of Route 53 Resolver: a program that was
 * smuggled in finds no server of its own by name, and can hide nothing in the names that it asks for. Half a cent a month.
 *
 * @remarks If it does not work, nothing is answered: so it is by default, and a test that cannot start is told.
 * @see https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-rule-settings.html
 * @see https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-vpc-configuration.html
 */
class NameFirewall extends Construct {
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
