import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from './setting.ts';

const run = promisify(execFile);

/** Bundles a handler as the stack does. @returns The bundle's path. */
export async function bundleHandler(name: string, folder: string): Promise<string> {
  const out = join(folder, `${name}.js`);
  const flags = ['--bundle', '--platform=node', '--target=node24', '--format=cjs', '--minify'];
  const args = [
    join(projectRoot, 'lambda', `${name}.ts`),
    ...flags,
    '--main-fields=module,main',
    '--alias:@aws-sdk/credential-provider-node=./lambda/credentials.ts',
    `--outfile=${out}`,
  ];
  await run(join(projectRoot, 'node_modules', '.bin', 'esbuild'), [...args, '--log-level=warning'], {
    cwd: projectRoot,
  });
  return out;
}
