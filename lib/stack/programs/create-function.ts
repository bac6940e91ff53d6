// A function of one of our handlers, with its bundle.

import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssetHashType, DockerImage, Token } from 'aws-cdk-lib';
import {
  Architecture,
  Code,
  type FunctionProps,
  Function as LambdaFunction,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { type BundlingOptions, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import type { Construct } from 'constructs';
import { environmentNames } from '../../deployment/environment.ts';

const projectRoot = join(import.meta.dirname, '..', '..', '..');

/** From the bundle that came with the package (bin/package.ts), or else bundled now. */
export function createFunction(
  scope: Construct,
  name: string,
  own: Omit<FunctionProps, 'code' | 'handler' | 'runtime'>,
): LambdaFunction {
  const packed = join(projectRoot, 'lambda', name);
  const { environment, bundling } = bundleWith(own.environment ?? {});
  const props = {
    ...own,
    description: `Offsite: ${name}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    environment,
  };
  if (existsSync(packed)) {
    const code = packedCode(packed, bundling.banner);
    return new LambdaFunction(scope, 'Function', { ...props, handler: 'index.handler', code });
  }
  return new NodejsFunction(scope, 'Function', {
    ...props,
    entry: join(projectRoot, 'lambda', `${name}.ts`),
    awsSdkConnectionReuse: false,
    projectRoot,
    depsLockFilePath: join(projectRoot, 'package-lock.json'),
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

/** Of the 4 KB that Lambda takes; the rest is for ARNs and ids. The names of a thousand sources are more than that. */
const sourcesBytesMax = 2000;

type Bundled = {
  readonly environment: Record<string, string>;
  readonly bundling: BundlingOptions;
};

/** Moves the names of many sources from the environment to the bundle's first line, which sets it. */
export function bundleWith(environment: Readonly<Record<string, string>>): Bundled {
  const { [environmentNames.sources]: sources, ...others } = environment;
  const isLong = sources !== undefined && !Token.isUnresolved(sources) && sources.length > sourcesBytesMax;
  if (!isLong) return { environment: { ...environment }, bundling };
  // Names of a-z, 0-9 and -: nothing that a shell or a string would take for something else.
  const banner = `process.env.${environmentNames.sources}='${sources}';`;
  return { environment: others, bundling: { ...bundling, banner } };
}

const bundling: BundlingOptions = {
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
};
