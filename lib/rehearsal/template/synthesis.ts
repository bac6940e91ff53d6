// Synthesizes the stack as `cdk synth` does, without its CLI, and finds in the cloud assembly what would be uploaded:
// the template and the bundles.

import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import settings from '../../../cdk.json' with { type: 'json' };
import type { Template } from './template.ts';

export type Synthesis = {
  readonly stackName: string;
  readonly template: Template;
  /** Where the bundle with that object key in the assets bucket was made. */
  readonly assetDirectory: (codeKey: string) => string;
  /** What the restore test's image is built from. */
  readonly imageDirectory: string;
};

const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));
/** With an npx that takes no time, and is there where npm is not. */
const quickNpx = join(import.meta.dirname, 'bin');

/**
 * Synthesizes `bin/stack.ts`.
 *
 * @param outputDirectory - Where the cloud assembly goes; must not exist yet.
 * @param temporaryDirectory - For what the bundler leaves behind.
 * @param context - What `cdk -c key=value` would say, over what `cdk.json` says.
 * @throws Error With what the app wrote to stderr, if it refuses; what it had written by then remains.
 */
export async function synthesize(
  outputDirectory: string,
  temporaryDirectory: string,
  context: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Synthesis> {
  await execa(process.execPath, ['bin/stack.ts'], {
    cwd: projectRoot,
    env: {
      CDK_OUTDIR: outputDirectory,
      TMPDIR: temporaryDirectory,
      PATH: [quickNpx, dirname(process.execPath), process.env.PATH].join(delimiter),
      // CloudFormation's rules take longer to ask than all the rest, and nothing is deployed to it.
      CDK_VALIDATION: 'false',
      // The feature flags of cdk.json change the template: the CLI hands them to the app the same way.
      CDK_CONTEXT_JSON: JSON.stringify({ ...settings.context, ...context }),
    },
    stdin: 'ignore',
    cancelSignal: signal,
  });
  // Late: it takes a while to load, and --help does not need it.
  const { AssetManifestArtifact, CloudAssembly } = await import('aws-cdk-lib/cx-api');
  const [stack, ...others] = new CloudAssembly(outputDirectory).stacks;
  if (stack === undefined || others.length > 0)
    throw new Error(
      `expected one stack in the cloud assembly, found ${stack === undefined ? 'none' : 'several'}`,
    );
  const manifests = stack.dependencies
    .filter(AssetManifestArtifact.isAssetManifestArtifact)
    .map(({ contents }) => contents);
  const files = manifests.flatMap((contents) => Object.values(contents.files ?? {}));
  const [image] = manifests.flatMap(({ dockerImages }) => Object.values(dockerImages ?? {}));
  const { stackName, template } = stack;
  return {
    stackName,
    template: template as Template,
    imageDirectory: join(outputDirectory, image?.source.directory ?? ''),
    assetDirectory(codeKey) {
      const asset = files.find(({ destinations }) =>
        Object.values(destinations).some(({ objectKey }) => objectKey === codeKey),
      );
      if (asset === undefined) throw new Error(`no asset of the stack has the key ${codeKey}`);
      return join(outputDirectory, asset.source.path ?? '');
    },
  };
}
