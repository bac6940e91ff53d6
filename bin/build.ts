// Makes dist/: the CLI in one file, with all that it imports, and what starts it (start.ts). A command starts from it in
// two thirds of the time (docs/performance.md). bin/offsite takes it as long as nothing that it was made of has changed since, and
// the sources otherwise: nothing has to be built.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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
import { type BuildOptions, build, type Plugin, transform } from 'esbuild';
import { optionsOf, script } from '../lib/base/script.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const outfile = join(dist, 'offsite.cjs');

/** A file system's clock goes in steps of up to 10 ms. */
const clockStepMs = 10;

const { ifChanged } = optionsOf<{ ifChanged?: boolean }>(
  script('npm run build', 'Makes dist/: the CLI bundled, which starts sooner.').option(
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

/** Modules of Node's that take a millisecond and more to load: each is loaded when something of it is asked for. */
const laterModules: Plugin = {
  name: 'later-modules',
  setup({ onResolve, onLoad }) {
    const names =
      'child_process|crypto|fs/promises|http|http2|https|net|os|readline|stream/web|tls|worker_threads|zlib';
    const namespace = 'later';
    onResolve({ filter: new RegExp(`^(node:)?(${names})$`) }, ({ path, namespace: from }) =>
      from === namespace ? { path, external: true } : { path: path.replace('node:', ''), namespace },
    );
    onLoad({ filter: /./, namespace }, async ({ path }) => {
      const exported = JSON.stringify(Object.keys(await import(path)));
      const get = `() => (loaded ??= require("node:${path}"))[name]`;
      return {
        contents: `let loaded; for (const name of ${exported}) Object.defineProperty(exports, name, { get: ${get}, enumerable: true });`,
      };
    });
  },
};

const cryptoOfNode: Plugin = {
  name: 'crypto-of-node',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/pg\/lib\/crypto\/utils\.js$/ }, () => ({
      contents: readFileSync(join(root, 'bin', 'pg-crypto.ts'), 'utf8'),
      loader: 'ts',
    })),
};

// In pieces first, one a command: only so is left out what no command uses.
const pieces = await build({
  ...both,
  entryPoints: [join(root, 'bin', 'offsite.ts')],
  outdir: dist,
  write: false,
  format: 'esm',
  splitting: true,
  // Packages as they were written, not as they were converted: of those, what nobody uses can be left out.
  mainFields: ['module', 'main'],
  sourcemap: 'inline',
  metafile: true,
  plugins: [leaveOutShapes, cryptoOfNode],
});
/** As CommonJS, where import() is require() too. */
const commonJs = { format: 'cjs', supported: { 'dynamic-import': false } } as const;
const textOf = new Map(pieces.outputFiles.map(({ path, text }) => [path, text]));
const { outputFiles } = await build({
  ...both,
  ...commonJs,
  entryPoints: [join(dist, 'offsite.js')],
  outfile: join(dist, 'program.cjs'),
  write: false,
  // The expression of a function: start.ts calls it.
  banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
  footer: { js: '})' },
  sourcemap: 'linked',
  plugins: [
    laterModules,
    {
      name: 'pieces',
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /^[./]/ }, ({ path, resolveDir }) => ({ path: resolve(resolveDir, path) }));
        // Each in a function of its own: of what a command does not ask for, no function is made.
        onLoad({ filter: /./ }, async ({ path }) => ({
          contents: (
            await transform(textOf.get(path) as string, {
              ...commonJs,
              platform: 'node',
              sourcemap: 'inline',
              sourcesContent: false,
            })
          ).code,
        }));
      },
    },
  ],
});
const program = outputFiles.find(({ path }) => path.endsWith('program.cjs'))?.contents as Uint8Array;
const starter = await build({
  ...both,
  ...commonJs,
  target: 'node10',
  entryPoints: [join(root, 'bin', 'start.ts')],
  outfile,
  write: false,
  define: { programHash: JSON.stringify(createHash('sha256').update(program).digest('hex')) },
});
const licences = {
  path: join(dist, 'licences.txt'),
  contents: licencesOf(Object.keys(pieces.metafile.inputs)),
};
// The last is the one that bin/offsite looks at.
for (const { path, contents } of [licences, ...outputFiles, ...starter.outputFiles]) {
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
