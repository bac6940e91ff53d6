// The construct as a package: an app in a folder of its own installs the tarball, and synthesizes with a plain Node. And
// API.md, which is made from the source.

import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { checkDeployment, type Deployment } from '../../lib/deployment/deployment.ts';
import type { OffsiteArchiveProps } from '../../lib/stack/props.ts';
import { projectRoot } from '../fixtures/cdk.ts';

const modules = join(projectRoot, 'node_modules');

const app = mkdtempSync(join(tmpdir(), 'offsite-packed-'));
const packed = join(app, 'node_modules', 'bitagent-offsite');
afterAll(() => rmSync(app, { recursive: true, force: true }));

beforeAll(async () => {
  const { stdout } = await execa(process.execPath, ['bin/package.ts'], { cwd: projectRoot });
  cpSync(join(projectRoot, stdout.trim()), join(app, 'offsite.tgz'));
  // What a registry would give: zod as it is here. The app has its own CDK.
  const dependencies = { 'bitagent-offsite': 'file:offsite.tgz', zod: `file:${join(modules, 'zod')}` };
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'theirs', type: 'module', dependencies }));
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund'];
  await execa('npm', ['install', '--offline', '--legacy-peer-deps', ...quiet], { cwd: app });
  for (const peer of ['aws-cdk-lib', 'constructs'])
    symlinkSync(join(modules, peer), join(app, 'node_modules', peer));
});

describe('API.md', () => {
  /** As the package's was made from the source. */
  let made: string;
  beforeAll(() => {
    made = readFileSync(join(packed, 'API.md'), 'utf8');
  });

  test('says what the source says (npm run api)', () => {
    expect(readFileSync(join(projectRoot, 'API.md'), 'utf8')).toBe(made);
  });

  test('has every setting, with the default that it has', () => {
    expectTypeOf<Exclude<keyof Deployment, keyof OffsiteArchiveProps>>().toBeNever();
    const defaults = checkDeployment({ email: 'op@example.com' }, '');
    const rows = [...made.matchAll(/^\| `(\w+)` \| `.*?` \| `(.*?)` \| \S/gm)];
    const stated = Object.fromEntries(rows.map(([, name, value]) => [name, value]));
    for (const [name, value] of Object.entries(defaults)) {
      if (name !== 'email') expect([name, stated[name]]).toEqual([name, JSON.stringify(value)]);
    }
  });
});

describe('the tarball', () => {
  test('gives an app its construct, the bundles and the image, by a plain Node', async () => {
    writeFileSync(
      join(app, 'app.js'),
      `import { App, Stack } from 'aws-cdk-lib';
import { OffsiteArchive } from 'bitagent-offsite';
const app = new App({ outdir: 'out' });
new OffsiteArchive(new Stack(app, 'Theirs'), 'Archive', { email: 'op@example.com', keepDays: 30 });
const sources = Array.from({ length: 300 }, (_, index) => \`attic-\${index}\`);
new OffsiteArchive(new Stack(app, 'Many'), 'Archive', { email: 'op@example.com', sources, build: 'cloud' });
app.synth();
`,
    );
    const env = { ESBUILD_BINARY_PATH: '/nonexistent' };
    await execa(await plainNode(), ['app.js'], { cwd: app, env });
    const read = (name: string) => JSON.parse(readFileSync(join(app, 'out', name), 'utf8'));
    const { files, dockerImages } = read('Theirs.assets.json');
    const folders = Object.values<{ source: { path: string; packaging: string } }>(files)
      .filter(({ source }) => source.packaging === 'zip')
      .map(({ source }) => readdirSync(join(app, 'out', source.path)));
    expect(folders).toEqual(Array.from({ length: 7 }, () => ['index.js']));
    const [image] = Object.values<{ source: { directory: string; dockerFile: string } }>(dockerImages);
    const context = join(app, 'out', image?.source.directory ?? '');
    const dockerfile = readFileSync(join(context, image?.source.dockerFile ?? ''), 'utf8');
    for (const [, sources = ''] of dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)) {
      for (const one of sources.split(' ')) {
        expect(readdirSync(join(context, one, '..')), one).toContain(one.split('/').at(-1));
      }
    }
    // Many sources are more than an environment holds: their names stand in the bundles of those who ask for them.
    const many = Object.values<{ source: { path: string } }>(read('Many.assets.json').files).map(
      ({ source }) => join(app, 'out', source.path, 'index.js'),
    );
    const beginnings = many.filter(existsSync).map((path) => readFileSync(path, 'utf8').slice(0, 60));
    expect(beginnings).toHaveLength(8);
    const named = beginnings.filter((text) =>
      text.startsWith("process.env.OFFSITE_SOURCES='attic-0,attic-1,"),
    );
    expect(named).toHaveLength(3);
    const resources = Object.values<{ Type: string; Properties: { Handler?: string } }>(
      read('Theirs.template.json').Resources,
    );
    const handlers = resources.filter(({ Type }) => Type === 'AWS::Lambda::Function');
    expect(new Set(handlers.map(({ Properties }) => Properties.Handler))).toEqual(new Set(['index.handler']));
  });

  test('has types: a wrong property is refused by the compiler', async () => {
    const program = (property: string) => `import { App, Stack } from 'aws-cdk-lib';
import { OffsiteArchive, type OffsiteArchiveProps } from 'bitagent-offsite';
const props: OffsiteArchiveProps = { email: 'op@example.com', ${property} };
export const { bucket } = new OffsiteArchive(new Stack(new App(), 'Theirs'), 'Archive', props);
`;
    writeFileSync(join(app, 'right.ts'), program("monitoring: 'full'"));
    writeFileSync(join(app, 'wrong.ts'), program('keepDayz: 3'));
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--skipLibCheck', '--types', ''];
    const tsc = join(modules, 'typescript', 'bin', 'tsc');
    const { stdout } = await execa(process.execPath, [tsc, ...options, 'right.ts', 'wrong.ts'], {
      cwd: app,
      reject: false,
    });
    const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
    expect(errors).toEqual([expect.stringMatching(/^wrong\.ts.*keepDayz/)]);
  });
});

/** The PATH's where it is new enough, which runs no TypeScript up to 22; nothing in a node_modules is stripped by any. */
async function plainNode(): Promise<string> {
  const { stdout } = await execa('node', ['--version'], { reject: false });
  const [, major = 0, minor = 0] = /^v(\d+)\.(\d+)/.exec(String(stdout)) ?? [];
  return Number(major) > 20 || (Number(major) === 20 && Number(minor) >= 11) ? 'node' : process.execPath;
}
