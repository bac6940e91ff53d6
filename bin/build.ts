// Makes dist/: the CLI in one file, with all that it imports. A command starts from it in half the time
// (docs/performance.md). bin/offsite takes it as long as nothing that it was made of has changed since, and the
// sources otherwise: nothing has to be built.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { optionsOf, script } from '../lib/base/script.ts';

const root = join(import.meta.dirname, '..');
const outfile = join(root, 'dist', 'offsite.cjs');

/** A file system's clock goes in steps of up to 10 ms. */
const clockStepMs = 10;

const { ifChanged } = optionsOf<{ ifChanged?: boolean }>(
  script('npm run build', 'Makes dist/offsite.cjs: the CLI in one file, which starts sooner.').option(
    '--if-changed',
    'leave one as it is that bin/offsite takes',
  ),
);
if (ifChanged && isCurrent()) process.exit();

mkdirSync(join(outfile, '..'), { recursive: true });
const unfinished = `${outfile}.${process.pid}`;
writeFileSync(unfinished, '');
// By the clock that dates the sources' changes. What changes from now on, while they are read, is younger.
const begunAt = new Date(statSync(unfinished).mtimeMs - clockStepMs);

const both: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node22.2',
  // What has a native part asks for it where that is installed.
  external: ['pg-native'],
  // Names stay, for what an error's stack says.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcesContent: false,
  logLevel: 'warning',
};

/** The SDK's shapes of all that S3 can be asked: each is left out, too, where nobody uses it. */
const leaveOutShapes: Plugin = {
  name: 'leave-out-shapes',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/dist-es\/schemas\/schemas_0\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(
        /^((?:export )?var \S+) = (\[.*?\]);$/gms,
        '$1 = /* @__PURE__ */ (() => $2)();',
      ),
    })),
};

// In pieces first, one a command: only so is left out what no command uses.
const pieces = await build({
  ...both,
  entryPoints: [join(root, 'bin', 'offsite.ts')],
  outdir: join(root, 'dist'),
  write: false,
  format: 'esm',
  splitting: true,
  // Packages as they were written, not as they were converted: of those, what nobody uses can be left out.
  mainFields: ['module', 'main'],
  sourcemap: 'inline',
  metafile: true,
  plugins: [leaveOutShapes],
});
const textOf = new Map(pieces.outputFiles.map(({ path, text }) => [path, text]));
const { outputFiles } = await build({
  ...both,
  entryPoints: [join(root, 'dist', 'offsite.js')],
  outfile,
  write: false,
  // As CommonJS, where import() is require() too: Node's modules are loaded when they are asked for, and node:http without
  // all of fetch(), which an import of it brings.
  format: 'cjs',
  supported: { 'dynamic-import': false },
  sourcemap: 'linked',
  plugins: [
    {
      name: 'pieces',
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /^[./]/ }, ({ path, resolveDir }) => ({ path: resolve(resolveDir, path) }));
        onLoad({ filter: /./ }, ({ path }) => ({ contents: textOf.get(path) as string }));
      },
    },
  ],
});
const licences = {
  path: join(root, 'dist', 'licences.txt'),
  contents: licencesOf(Object.keys(pieces.metafile.inputs)),
};
for (const { path, contents } of [licences, ...outputFiles]) {
  writeFileSync(unfinished, contents);
  utimesSync(unfinished, begunAt, begunAt);
  // In one piece: somebody may be starting it.
  renameSync(unfinished, path);
}

/** As bin/offsite looks. */
function isCurrent(): boolean {
  const sources = ['bin', 'lib', 'package.json', 'node_modules/.package-lock.json'];
  return (
    existsSync(outfile) && execFileSync('find', [...sources, '-cnewer', outfile], { cwd: root }).length === 0
  );
}

/** The terms of the packages that files belong to, each text once: who gets the file gets them along. */
function licencesOf(files: readonly string[]): string {
  const folders = files.map((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  const texts = new Map<string, string[]>();
  for (const folder of new Set(folders.filter((one) => one !== undefined))) {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((one) => /^licen[cs]e/i.test(one));
    const text = file === undefined ? `${license}\n` : readFileSync(join(root, folder, file), 'utf8');
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version}`]);
  }
  return [...texts]
    .map(([text, names]) => `${names.join(', ')}\n\n${text}\n\n`)
    .join(`${'-'.repeat(80)}\n\n`);
}
