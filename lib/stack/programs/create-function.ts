// A function of one of our handlers, with its bundle.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Code, type FunctionProps, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { Construct } from 'constructs';

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
    bundling: {
      format: OutputFormat.CJS,
      minify: true,
      target: 'node24',
      mainFields: ['module', 'main'],
      // The SDK of the lock file, not whichever the runtime brings this month.
      externalModules: [],
      bundleAwsSDK: true,
      esbuildArgs: {
        // Bundling says nothing on success: stderr stays for what the operator has to read.
        '--log-level': 'warning',
        '--alias:@aws-sdk/credential-provider-node': './lambda/credentials.ts',
      },
    },
  });
}
