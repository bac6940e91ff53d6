// A function of one of our handlers, with its bundle.

import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code, type FunctionProps, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { Construct } from 'constructs';
import { bundleWith } from './handler-bundle.ts';

const projectRoot = join(import.meta.dirname, '..', '..', '..');

/** From the bundle that came with the package (bin/package.ts), or else bundled now. */
export function createFunction(
  scope: Construct,
  name: string,
  props: Omit<FunctionProps, 'code'>,
): LambdaFunction {
  const packed = join(projectRoot, 'lambda', name);
  const { environment, bundling } = bundleWith(props.environment ?? {});
  if (existsSync(packed)) {
    const code = packedCode(packed, bundling.banner);
    return new LambdaFunction(scope, 'Function', { ...props, environment, handler: 'index.handler', code });
  }
  return new NodejsFunction(scope, 'Function', {
    ...props,
    entry: join(projectRoot, 'lambda', `${name}.ts`),
    awsSdkConnectionReuse: false,
    projectRoot,
    depsLockFilePath: join(projectRoot, 'package-lock.json'),
    environment,
    bundling,
  });
}

/** @param banner - What comes before its first line. */
function packedCode(folder: string, banner: string | undefined): Code {
  if (banner === undefined) return Code.fromAsset(folder);
  const tryBundle = (to: string) => {
    cpSync(folder, to, { recursive: true });
    const bundle = join(to, 'index.js');
    writeFileSync(bundle, `${banner}\n${readFileSync(bundle, 'utf8')}`);
    return true;
  };
  // The image is asked for where that did not do.
  const image = DockerImage.fromRegistry('none');
  return Code.fromAsset(folder, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: { image, local: { tryBundle } },
  });
}
