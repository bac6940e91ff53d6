// Where the quarterly restore test runs: a Fargate task that exists only while it runs, in a network of its own that
// nothing reaches from outside. The launcher sizes it for the archive; what stands here is the smallest.

import { join } from 'node:path';
import { IgnoreMode, RemovalPolicy } from 'aws-cdk-lib';
import {
  GatewayVpcEndpointAwsService,
  type ISubnet,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import {
  Cluster,
  ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  LogDriver,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { environmentNames } from '../core/deployment.ts';
import { permit, type Reach, restoreTestPermissions } from './identities.ts';
import { explain, explainPatterns } from './reasons.ts';

const projectRoot = join(import.meta.dirname, '..', '..');

/** All that the image is built from. A list of what goes in, so that a forgotten key file never does. */
const imageContext = [
  'bin',
  'lib/core',
  'lib/io',
  'lib/steps',
  'package.json',
  'package-lock.json',
  '.npmrc',
] as const;

/** The throw-away Postgres and the program that restores into it. */
export class RestoreTask extends Construct {
  readonly cluster: Cluster;
  readonly taskDefinition: FargateTaskDefinition;
  readonly taskRoles: readonly Role[];
  readonly containerName = 'restore-test';
  readonly subnets: readonly ISubnet[];
  readonly securityGroup: SecurityGroup;

  constructor(scope: Construct, id: string, reach: Reach) {
    super(scope, id);
    const vpc = createNetwork(this);
    this.subnets = vpc.publicSubnets;
    this.securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'Offsite restore test: reaches out, is not reached',
      allowAllOutbound: false,
    });
    // S3, SNS, ECR and CloudWatch Logs; only S3 has a list of addresses that a rule could name.
    this.securityGroup.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'HTTPS to S3, SNS, ECR and the log');
    this.cluster = new Cluster(this, 'Cluster', { vpc });
    const assumedBy = new ServicePrincipal('ecs-tasks.amazonaws.com');
    const taskRole = new Role(this, 'TaskRole', { assumedBy });
    const executionRole = new Role(this, 'ExecutionRole', { assumedBy });
    permit(taskRole, restoreTestPermissions(reach));
    this.taskRoles = [taskRole, executionRole];
    this.taskDefinition = new FargateTaskDefinition(this, 'TaskDefinition', {
      cpu: 1024,
      memoryLimitMiB: 2048,
      ephemeralStorageGiB: 21,
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.X86_64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
      taskRole,
      executionRole,
    });
    this.addContainer(reach);
    explainPatterns(
      executionRole,
      ['*'],
      'The token for the registry of images has no resource to be named.',
    );
    explainRest(this);
  }

  private addContainer({ bucket, topic }: Reach): void {
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.taskDefinition.addContainer(this.containerName, {
      image: ContainerImage.fromAsset(projectRoot, {
        file: 'bin/restore-test.Dockerfile',
        platform: Platform.LINUX_AMD64,
        ignoreMode: IgnoreMode.DOCKER,
        exclude: ['**', ...imageContext.map((path) => `!${path}`)],
      }),
      logging: LogDriver.awsLogs({ logGroup, streamPrefix: 'restore-test' }),
      environment: {
        [environmentNames.bucket]: bucket.bucketName,
        [environmentNames.topicArn]: topic.topicArn,
      },
    });
  }
}

/** Public subnets without a NAT gateway: it would cost more in a month than all the restore tests of a year. */
function createNetwork(scope: Construct): IVpc {
  return new Vpc(scope, 'Vpc', {
    maxAzs: 2,
    natGateways: 0,
    subnetConfiguration: [{ name: 'public', subnetType: SubnetType.PUBLIC, mapPublicIpOnLaunch: false }],
    // Restricting it takes a custom resource; nothing uses that group.
    restrictDefaultSecurityGroup: false,
    // The archive's bytes come this way: without charge, and not over the internet.
    gatewayEndpoints: { s3: { service: GatewayVpcEndpointAwsService.S3 } },
  }) as IVpc;
}

function explainRest(task: RestoreTask): void {
  explain(
    task,
    'VPC7',
    'The network is used by one task for minutes in a quarter, and nothing listens in it.',
  );
  explain(task, 'ECS4', 'Its one task measures itself, and its report says what it took.');
  explain(
    task,
    'ECS2',
    'The environment names the bucket, the topic and the archive; none of it is a secret.',
  );
}
