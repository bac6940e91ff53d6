// The restore test's image, built in the account while the stack is deployed: no Docker is needed where cdk runs. What it
// is built from goes up as a ZIP file; a function starts CodeBuild and answers CloudFormation when it has ended, so that a
// deployment is done when the image is there, and fails with CodeBuild's own words.

import { createHash } from 'node:crypto';
import { CustomResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnProject } from 'aws-cdk-lib/aws-codebuild';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { type PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset, type AssetProps } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { imageBuild } from '../../deployment/environment.ts';
import { acknowledge, acknowledgePatterns } from '../access/nag.ts';
import { allow, ownService } from '../access/statements.ts';
import { buildArgs } from './base-images.ts';
import { createFunction } from './create-function.ts';

export type CloudImageProps = Pick<AssetProps, 'exclude' | 'ignoreMode'> & {
  /** What the image is built from. */
  readonly directory: string;
  /** The Dockerfile in it. */
  readonly file: string;
  readonly postgresMajor: number;
};

/** AWS has the official images, too, by the same digests; of Docker's own registry CodeBuild's addresses get few. */
const mirror = 'public.ecr.aws/docker/library/';

export class CloudImage extends Construct {
  readonly image: ContainerImage;
  readonly repositoryArn: string;
  readonly made: CustomResource;

  constructor(scope: Construct, id: string, { directory, file, postgresMajor, ...choice }: CloudImageProps) {
    super(scope, id);
    const context = new Asset(this, 'Context', { path: directory, ...choice });
    const args = buildArgs(postgresMajor, mirror);
    const tag = createHash('sha256')
      .update(`${context.assetHash} ${JSON.stringify(args)}`)
      .digest('hex');
    const repository = new Repository(this, 'Repository', {
      removalPolicy: RemovalPolicy.DESTROY,
      emptyOnDelete: true,
      imageScanOnPush: true,
      // The one that runs, and the one before, for a deployment that is rolled back.
      lifecycleRules: [{ maxImageCount: 2 }],
    });
    this.image = ContainerImage.fromEcrRepository(repository, tag);
    this.repositoryArn = repository.repositoryArn;
    const project = this.addProject(context, repository, [
      `aws ecr get-login-password | docker login --username AWS --password-stdin ${repository.registryUri}`,
      `docker build --file ${file} ${Object.entries(args)
        .map(([name, value]) => `--build-arg ${name}=${value}`)
        .join(' ')} --tag ${repository.repositoryUriForTag(tag)} .`,
      `docker push ${repository.repositoryUriForTag(tag)}`,
    ]);
    this.made = new CustomResource(this, 'Image', {
      serviceToken: this.addStarter(project).functionArn,
      resourceType: 'Custom::OffsiteImage',
      serviceTimeout: Duration.minutes(16),
      // What changes with every other image: CloudFormation asks for it again then.
      properties: { projectName: project.ref, tag },
    });
  }

  private addProject(context: Asset, repository: Repository, commands: string[]): CfnProject {
    const role = this.addRole('ProjectRole', 'codebuild.amazonaws.com');
    const logGroup = this.addLogs('ProjectLogs', role);
    const pull = ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'];
    const push = ['InitiateLayerUpload', 'UploadLayerPart', 'CompleteLayerUpload', 'PutImage'];
    permitAll(role, [
      allow(['s3:GetBucketLocation', 's3:GetBucketAcl'], [context.bucket.bucketArn]),
      allow(['s3:GetObject', 's3:GetObjectVersion'], [context.bucket.arnForObjects(context.s3ObjectKey)]),
      allow(['ecr:GetAuthorizationToken'], ['*']),
      allow([...pull, ...push.map((action) => `ecr:${action}`)], [repository.repositoryArn]),
    ]);
    acknowledgePatterns(role, ['*'], 'The token for the registry of images has no resource to be named.');
    const project = new CfnProject(this, 'Project', {
      description: "Offsite: builds the restore test's image",
      serviceRole: role.roleArn,
      timeoutInMinutes: imageBuild.minutes,
      artifacts: { type: 'NO_ARTIFACTS' },
      environment: {
        type: 'LINUX_CONTAINER',
        computeType: 'BUILD_GENERAL1_SMALL',
        image: 'aws/codebuild/amazonlinux-x86_64-standard:5.0',
        // Docker runs in it.
        privilegedMode: true,
      },
      source: {
        type: 'S3',
        location: `${context.s3BucketName}/${context.s3ObjectKey}`,
        buildSpec: Stack.of(this).toJsonString({ version: '0.2', phases: { build: { commands } } }),
      },
      logsConfig: { cloudWatchLogs: { status: 'ENABLED', groupName: logGroup.logGroupName } },
    });
    project.node.addDependency(role);
    acknowledge(project, 'CB4', 'It makes no artifacts: the image goes to ECR, which encrypts it.');
    return project;
  }

  private addStarter(project: CfnProject) {
    const scope = new Construct(this, 'BuildImage');
    const role = this.addRole('StarterRole', 'lambda.amazonaws.com');
    const logGroup = this.addLogs('StarterLogs', role);
    permitAll(role, [allow(['codebuild:StartBuild', 'codebuild:BatchGetBuilds'], [project.attrArn])]);
    return createFunction(scope, 'build-image', {
      timeout: Duration.minutes(15),
      memorySize: 256,
      // It tells of its own failures; a second run would build beside the first.
      retryAttempts: 0,
      role,
      logGroup,
    });
  }

  private addRole(id: string, service: string): Role {
    return new Role(this, id, { assumedBy: ownService(this, service) });
  }

  private addLogs(id: string, role: Role): LogGroup {
    const retention = RetentionDays.ONE_MONTH;
    const logGroup = new LogGroup(this, id, { retention, removalPolicy: RemovalPolicy.DESTROY });
    logGroup.grantWrite(role);
    return logGroup;
  }
}

function permitAll(role: Role, statements: readonly PolicyStatement[]): void {
  for (const statement of statements) role.addToPrincipalPolicy(statement);
}
