// How a handler is bundled, and what of its environment goes into the bundle: Lambda takes 4 KB of environment, and the names
// of a thousand sources are more than that.

import { Token } from 'aws-cdk-lib';
import { type BundlingOptions, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { environmentNames } from '../../deployment/environment.ts';

/** Of the 4 KB; the rest is for ARNs and ids. */
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
