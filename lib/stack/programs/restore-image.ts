// The restore test's image: built by Docker, where cdk runs, or by CodeBuild, in the account.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { IgnoreMode } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import type { Construct, IDependable } from 'constructs';
import type { Deployment } from '../../deployment/deployment.ts';
import { buildArgs } from './base-images.ts';
import { CloudImage } from './cloud-image.ts';

const projectRoot = join(import.meta.dirname, '..', '..', '..');
/** In the package, what goes into the image lies in a folder of its own (bin/package.ts). */
const packedContext = join(projectRoot, 'image');

/** All that the image is built from. A list of what goes in, so that a forgotten key file never does. */
const context = {
  directory: existsSync(packedContext) ? packedContext : projectRoot,
  ignoreMode: IgnoreMode.DOCKER,
  exclude: [
    '**',
    ...['!bin', '!lib', '!package.json', '!package-lock.json'],
    ...['lib/stack', 'lib/rehearsal'],
  ],
};
const file = 'bin/restore-test.Dockerfile';

export type RestoreImage = {
  readonly image: ContainerImage;
  readonly repositoryArn: string;
  /** What has to be there before the image is. */
  readonly made: IDependable;
};

/** Makes the image, or has it made. */
export function createRestoreImage(
  scope: Construct,
  { build, postgresMajor }: Pick<Deployment, 'build' | 'postgresMajor'>,
): RestoreImage {
  if (build === 'cloud') return new CloudImage(scope, 'CloudImage', { ...context, file, postgresMajor });
  const asset = new DockerImageAsset(scope, 'Image', {
    ...context,
    file,
    buildArgs: buildArgs(postgresMajor),
    platform: Platform.LINUX_AMD64,
  });
  const { repositoryArn } = asset.repository;
  return { image: ContainerImage.fromDockerImageAsset(asset), repositoryArn, made: asset };
}
