// Synthesizes the stack as `cdk synth` does, without its CLI, and finds in the cloud assembly what would be uploaded:
// the template and the bundles.

import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import * as z from 'zod';
import type { Template } from './template.ts';

export type Synthesis = {
  readonly stackName: string;
  readonly template: Template;
  /** Where the bundle with that object key in the assets bucket was made. */
  readonly assetDirectory: (codeKey: string) => string;
};

const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));
/** With an npx that takes no time, and is there where npm is not. */
const quickNpx = join(import.meta.dirname, 'bin');

const assemblySchema = z.object({
  artifacts: z.record(
    z.string(),
    z.object({
      type: z.string(),
      properties: z
        .object({ templateFile: z.string().optional(), stackName: z.string().optional() })
        .optional(),
    }),
  ),
});

const assetsSchema = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.object({ path: z.string().optional(), packaging: z.string().optional() }),
      destinations: z.record(z.string(), z.object({ objectKey: z.string() })),
    }),
  ),
});

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
  // The feature flags of cdk.json change the template: the CLI hands them to the app the same way.
  const settings = z
    .object({ context: z.record(z.string(), z.unknown()).default({}) })
    .parse(await readJson(join(projectRoot, 'cdk.json')));
  await execa(process.execPath, ['bin/stack.ts'], {
    cwd: projectRoot,
    env: {
      CDK_OUTDIR: outputDirectory,
      TMPDIR: temporaryDirectory,
      PATH: [quickNpx, dirname(process.execPath), process.env.PATH].join(delimiter),
      // CloudFormation's rules take longer to ask than all the rest, and nothing is deployed to it.
      CDK_VALIDATION: 'false',
      CDK_CONTEXT_JSON: JSON.stringify({ ...settings.context, ...context }),
    },
    stdin: 'ignore',
    cancelSignal: signal,
  });
  const assembly = assemblySchema.parse(await readJson(join(outputDirectory, 'manifest.json')));
  const stacks = Object.entries(assembly.artifacts).filter(
    ([, { type }]) => type === 'aws:cloudformation:stack',
  );
  const [stack, ...others] = stacks;
  if (stack === undefined || others.length > 0) {
    throw new Error(`expected one stack in the cloud assembly, found ${stacks.length}`);
  }
  const [name, { properties }] = stack;
  return {
    stackName: properties?.stackName ?? name,
    template: (await readJson(join(outputDirectory, properties?.templateFile ?? ''))) as Template,
    assetDirectory: await readAssets(outputDirectory, name),
  };
}

async function readAssets(outputDirectory: string, stackName: string): Promise<(codeKey: string) => string> {
  const { files } = assetsSchema.parse(await readJson(join(outputDirectory, `${stackName}.assets.json`)));
  const directories = new Map(
    Object.values(files).flatMap(({ source, destinations }) =>
      Object.values(destinations).map(({ objectKey }) => [
        objectKey,
        join(outputDirectory, source.path ?? ''),
      ]),
    ),
  );
  return (codeKey) => {
    const directory = directories.get(codeKey);
    if (directory === undefined) throw new Error(`no asset of the stack has the key ${codeKey}`);
    return directory;
  };
}

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}
