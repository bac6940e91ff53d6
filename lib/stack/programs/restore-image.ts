// The restore test's image: built by Docker, where cdk runs, or by CodeBuild, in the account.

import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { AssetHashType, AssetStaging, DockerImage, IgnoreMode } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import type { Construct, IDependable } from 'constructs';
import type { Deployment } from '../../deployment/deployment.ts';
import { buildArgs } from './base-images.ts';
import { CloudImage } from './cloud-image.ts';
import { bundleRestoreProgram } from './restore-program.ts';

const projectRoot = join(import.meta.dirname, '..', '..', '..');
/** In the package, what goes into the image lies in a folder of its own (bin/package.ts). */
const packedContext = join(projectRoot, 'image');

const file = 'bin/restore-test.Dockerfile';
const program = 'dist/restore-test.cjs';
/** All that the image is built from, and nothing else. */
const choice = { ignoreMode: IgnoreMode.DOCKER, exclude: ['**', `!${file}`, `!${program}`] };

export type RestoreImage = {
  readonly image: ContainerImage;
  readonly repositoryArn: string;
  /** What has to be there before the image is. */
  readonly made: IDependable;
};

export function createRestoreImage(
  scope: Construct,
  { build, postgresMajor }: Pick<Deployment, 'build' | 'postgresMajor'>,
): RestoreImage {
  const context = { directory: contextIn(scope), file, ...choice };
  if (build === 'cloud') return new CloudImage(scope, 'CloudImage', { ...context, postgresMajor });
  const asset = new DockerImageAsset(scope, 'Image', {
    ...context,
    buildArgs: buildArgs(postgresMajor),
    platform: Platform.LINUX_AMD64,
  });
  const { repositoryArn } = asset.repository;
  return { image: ContainerImage.fromDockerImageAsset(asset), repositoryArn, made: asset };
}

/** The folder that came with the package, or else one that is made now. */
function contextIn(scope: Construct): string {
  if (existsSync(packedContext)) return packedContext;
  const tryBundle = (folder: string) => {
    cpSync(join(projectRoot, file), join(folder, file));
    bundleRestoreProgram(join(folder, program));
    return true;
  };
  const context = new AssetStaging(scope, 'ImageContext', {
    sourcePath: projectRoot,
    ...choice,
    assetHashType: AssetHashType.OUTPUT,
    bundling: { image: DockerImage.fromRegistry('none'), local: { tryBundle } },
  });
  return context.absoluteStagedPath;
}
