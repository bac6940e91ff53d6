// Makes dist/: the CLI in one file, with all that it imports. A command starts from it in two thirds of the time
// (docs/performance.md). bin/offsite takes it as long as nothing that it was made of has changed since, and the
// sources otherwise: nothing has to be built.

import { mkdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { optionsOf, script } from '../lib/base/script.ts';

const root = join(import.meta.dirname, '..');
const outfile = join(root, 'dist', 'offsite.cjs');

/** A file system's clock goes in steps of up to 10 ms. */
const clockStepMs = 10;

optionsOf(script('npm run build', 'Makes dist/offsite.cjs: the CLI in one file, which starts sooner.'));
mkdirSync(join(outfile, '..'), { recursive: true });
const unfinished = `${outfile}.${process.pid}`;
writeFileSync(unfinished, '');
// By the clock that dates the sources' changes. What changes from now on, while they are read, is younger.
const begunAt = new Date(statSync(unfinished).mtimeMs - clockStepMs);
const { outputFiles } = await build({
  entryPoints: [join(root, 'bin', 'offsite.ts')],
  outfile,
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node22.18',
  // As CommonJS, where import() is require() too: Node's modules are loaded when they are asked for, and node:http without
  // all of fetch(), which an import of it brings.
  format: 'cjs',
  supported: { 'dynamic-import': false },
  // Packages as they were written, not as they were converted: of those, what nobody uses can be left out.
  mainFields: ['module', 'main'],
  // What has a native part asks for it where that is installed.
  external: ['pg-native'],
  // Names stay, for what an error's stack says.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
});
for (const { path, contents } of outputFiles) {
  writeFileSync(unfinished, contents);
  utimesSync(unfinished, begunAt, begunAt);
  // In one piece: somebody may be starting it.
  renameSync(unfinished, path);
}
