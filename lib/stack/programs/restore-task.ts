// Where the quarterly restore test runs: a Fargate task that exists only while it runs, in a network of its own that
// nothing reaches from outside. The launcher sizes it for the archive; what stands here is the smallest.

import { RemovalPolicy, Tags } from 'aws-cdk-lib';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import {
  Capability,
  Cluster,
  type ContainerDefinitionOptions,
  type ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  LinuxParameters,
  LogDriver,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import { ManagedPolicy, Role } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Deployment } from '../../deployment/deployment.ts';
import {
  environmentNames,
  restoreTestContainer,
  scratch,
  verifyContainer,
} from '../../deployment/environment.ts';
import { permit, type Reach, restoreTestPermissions, verifyTaskPermissions } from '../access/identities.ts';
import { acknowledge, acknowledgeAwsPolicy, acknowledgePatterns } from '../access/nag.ts';
import { ownService } from '../access/statements.ts';
import { createRestoreImage } from './restore-image.ts';
import { createRestoreNetwork, type RestoreNetwork } from './restore-network.ts';

export type RestoreTaskProps = Reach &
  Pick<Deployment, 'build' | 'postgresMajor' | 'restoreTestNetwork' | 'availabilityZones'> & {
    readonly vpc?: IVpc | undefined;
  };

/** The throw-away Postgres and the program that restores into it. */
export class RestoreTask extends Construct {
  readonly cluster: Cluster;
  /** Its database lies on the task's own storage. */
  readonly taskDefinition: FargateTaskDefinition;
  /**
   * The same container; its database lies on a volume that each launch has to describe.
   *
   * @remarks Two, because ECS asks for that description at every launch of a definition that has such a volume: with one
   *   alone, the smallest restore would wait for a volume, pay for it, and fail where there is none to be had.
   */
  readonly volumeTaskDefinition: FargateTaskDefinition;
  readonly taskRoles: readonly Role[];
  /** The same image, which judges a base backup; it has the verifier's rights, and the restore test has not. */
  readonly verifyTaskDefinition: FargateTaskDefinition;
  readonly verifyTaskRoles: readonly Role[];
  /** By which ECS makes, attaches and deletes the volume. */
  readonly volumeRole: Role;
  readonly network: RestoreNetwork;

  constructor(scope: Construct, id: string, props: RestoreTaskProps) {
    super(scope, id);
    const { image, repositoryArn, made } = createRestoreImage(this, props);
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const { restoreTestNetwork: choice, vpc, availabilityZones } = props;
    const reached = { reach: props, repositoryArn, logGroup };
    this.network = createRestoreNetwork(this, { choice, vpc, availabilityZones, ...reached });
    this.cluster = new Cluster(this, 'Cluster', { vpc: this.network.vpc });
    // Else GuardDuty puts a container of its own into the task, which cannot reach it through this network, and an endpoint
    // into the network, which then cannot be deleted. @see https://docs.aws.amazon.com/guardduty/latest/ug/how-runtime-monitoring-works-ecs-fargate.html
    Tags.of(this.cluster).add('GuardDutyManaged', 'false');
    const assumedBy = ownService(this, 'ecs-tasks.amazonaws.com');
    const taskRole = new Role(this, 'TaskRole', { assumedBy });
    const executionRole = new Role(this, 'ExecutionRole', { assumedBy });
    permit(taskRole, restoreTestPermissions(props));
    this.taskRoles = [taskRole, executionRole];
    this.volumeRole = this.addVolumeRole();
    const roles = { taskRole, executionRole };
    const container = this.describeContainer(props, image, logGroup);
    this.taskDefinition = this.addTask('TaskDefinition', roles, container);
    this.volumeTaskDefinition = this.addTask('VolumeTaskDefinition', roles, container, { onVolume: true });
    const verifyRole = new Role(this, 'VerifyTaskRole', { assumedBy });
    permit(verifyRole, verifyTaskPermissions(props));
    this.verifyTaskRoles = [verifyRole, executionRole];
    this.verifyTaskDefinition = this.addTask(
      'VerifyTaskDefinition',
      { taskRole: verifyRole, executionRole },
      { ...container, command: ['verify'] },
      { name: verifyContainer },
    );
    for (const task of [this.taskDefinition, this.volumeTaskDefinition, this.verifyTaskDefinition])
      task.node.addDependency(made);
    acknowledgePatterns(
      executionRole,
      ['*'],
      'The token for the registry of images has no resource to be named.',
    );
    acknowledgeRest(this);
  }

  /** What a launcher has to know. */
  get launchEnvironment(): Record<string, string> {
    return {
      ...this.placeEnvironment,
      [environmentNames.taskDefinitionArn]: this.taskDefinition.taskDefinitionArn,
      [environmentNames.volumeTaskDefinitionArn]: this.volumeTaskDefinition.taskDefinitionArn,
      [environmentNames.volumeRoleArn]: this.volumeRole.roleArn,
    };
  }

  /** What has to know who lets a base backup be judged. */
  get verifyEnvironment(): Record<string, string> {
    return {
      ...this.placeEnvironment,
      [environmentNames.verifyTaskDefinitionArn]: this.verifyTaskDefinition.taskDefinitionArn,
    };
  }

  private get placeEnvironment(): Record<string, string> {
    const { subnets, securityGroup, assignPublicIp } = this.network;
    return {
      [environmentNames.clusterArn]: this.cluster.clusterArn,
      [environmentNames.subnetIds]: subnets.map((subnet) => subnet.subnetId).join(','),
      [environmentNames.securityGroupId]: securityGroup.securityGroupId,
      [environmentNames.assignPublicIp]: assignPublicIp,
    };
  }

  /** @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/infrastructure_IAM_role.html */
  private addVolumeRole(): Role {
    const policy = ManagedPolicy.fromAwsManagedPolicyName(
      'service-role/AmazonECSInfrastructureRolePolicyForVolumes',
    );
    const role = new Role(this, 'VolumeRole', {
      description: 'Offsite restore test: ECS makes, attaches and deletes the volume of a large one',
      assumedBy: ownService(this, 'ecs.amazonaws.com'),
      managedPolicies: [policy],
    });
    acknowledgeAwsPolicy(
      role,
      policy,
      'AWS changes it with what ECS needs for volumes; it is for volumes that ECS has made, and no others.',
    );
    return role;
  }

  private describeContainer(
    { bucket, topic }: Reach,
    image: ContainerImage,
    logGroup: LogGroup,
  ): ContainerDefinitionOptions {
    // An init process takes in the server's children when the server is gone; Node does not.
    const linuxParameters = new LinuxParameters(this, 'Linux', { initProcessEnabled: true });
    linuxParameters.dropCapabilities(Capability.ALL);
    return {
      image,
      logging: LogDriver.awsLogs({ logGroup, streamPrefix: 'restore-test' }),
      environment: {
        [environmentNames.bucket]: bucket.bucketName,
        [environmentNames.topicArn]: topic.topicArn,
      },
      // As in the image; ECS gives the volume to the user that is named here, and to root otherwise.
      user: 'postgres',
      readonlyRootFilesystem: true,
      linuxParameters,
    };
  }

  private addTask(
    id: string,
    roles: { readonly taskRole: Role; readonly executionRole: Role },
    container: ContainerDefinitionOptions,
    { name = restoreTestContainer, onVolume = false } = {},
  ): FargateTaskDefinition {
    const task = new FargateTaskDefinition(this, id, {
      ...roles,
      cpu: 1024,
      memoryLimitMiB: 2048,
      ephemeralStorageGiB: 21,
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.X86_64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
    });
    const { volumeName, path } = scratch;
    // Without a configuration it is a place on the task's storage.
    task.addVolume({ name: volumeName, ...(onVolume && { configuredAtLaunch: true }) });
    task
      .addContainer(name, container)
      .addMountPoints({ sourceVolume: volumeName, containerPath: path, readOnly: false });
    return task;
  }
}

function acknowledgeRest(task: RestoreTask): void {
  acknowledge(
    task,
    'VPC7',
    'The network is used by one task for minutes in a quarter, and nothing listens in it.',
  );
  acknowledge(task, 'ECS4', 'Its one task measures itself, and its report says what it took.');
  acknowledge(
    task,
    'ECS2',
    'The environment names the bucket, the topic and the archive; none of it is a secret.',
  );
}
