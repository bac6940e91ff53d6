// The restore test's program in one file: what its image holds needs no registry of packages while that is built.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const projectRoot = join(import.meta.dirname, '..', '..', '..');

/** Bundles it. @param outfile - Its folder is made where it is missing. */
export function bundleRestoreProgram(outfile: string): void {
  const form = ['--bundle', '--platform=node', '--target=node24', '--format=cjs', '--minify'];
  const said = ['--main-fields=module,main', '--log-level=warning', `--outfile=${outfile}`];
  const esbuild = join(projectRoot, 'node_modules', '.bin', 'esbuild');
  execFileSync(esbuild, ['bin/restore-test.ts', ...form, ...said], { cwd: projectRoot });
}
