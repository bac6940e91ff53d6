// A function of one of our handlers, with its bundle.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
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
  if (existsSync(packed)) {
    return new LambdaFunction(scope, 'Function', {
      ...props,
      handler: 'index.handler',
      code: Code.fromAsset(packed),
    });
  }
  return new NodejsFunction(scope, 'Function', {
    ...props,
    entry: join(projectRoot, 'lambda', `${name}.ts`),
    awsSdkConnectionReuse: false,
    projectRoot,
    depsLockFilePath: join(projectRoot, 'package-lock.json'),
    ...bundleWith(props.environment ?? {}),
  });
}
