// Makes dist/bitagent-offsite-<version>.tgz: the construct for somebody's own CDK app, as JavaScript with types, the functions
// bundled as `cdk deploy` bundles them, and all that the restore test's image is built from. It needs no TypeScript, no
// esbuild and none of our clients where it is used: aws-cdk-lib, constructs and zod.

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { execaSync } from 'execa';
import { optionsOf, script } from '../lib/base/script.ts';
import { parseDeployment } from '../lib/deployment/deployment.ts';
import { OffsiteStack } from '../lib/stack/offsite-stack.ts';
import { apiText } from './api.ts';

const root = join(import.meta.dirname, '..');
const stage = join(root, 'dist', 'package');
const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entry = './lib/stack/offsite-archive';

optionsOf(
  script(
    'npm run package',
    "Makes dist/bitagent-offsite-<version>.tgz: the construct for somebody's own CDK app.",
  ),
);
rmSync(stage, { recursive: true, force: true });
mkdirSync(stage, { recursive: true });
compile();
const work = mkdtempSync(join(tmpdir(), 'offsite-package-'));
try {
  copyAssets(work);
} finally {
  rmSync(work, { recursive: true, force: true });
}
writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
writeFileSync(join(stage, 'API.md'), apiText());
const { stdout } = execaSync('npm', ['pack', '--silent', '--pack-destination', '..'], { cwd: stage });
console.log(join('dist', stdout.trim()));

function compile(): void {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  execaSync(process.execPath, [tsc, '-p', 'tsconfig.package.json'], { cwd: root, stdio: 'inherit' });
}

/** What a synthesis would upload: bundles by their functions' names, and the image's context. */
function copyAssets(outdir: string): void {
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  const app = new App({ context, outdir });
  const stack = new OffsiteStack(app, 'Offsite', {
    // With `cloud` there is one function more, and what the image is built from lies there as a folder.
    deployment: parseDeployment({ email: 'nobody@example.com', build: 'cloud' }),
  });
  const { template } = app.synth().getStackByName(stack.stackName);
  for (const { Type, Properties } of Object.values<Resource>(template.Resources)) {
    const [, name] = /^Offsite: ([\w-]+)$/.exec(String(Properties?.Description)) ?? [];
    if (Type !== 'AWS::Lambda::Function' || name === undefined) continue;
    const asset = Properties.Code.S3Key.replace(/\.zip$/, '');
    cpSync(join(outdir, `asset.${asset}`), join(stage, 'lambda', name), { recursive: true });
  }
  const image = readdirSync(outdir).find((name) =>
    existsSync(join(outdir, name, 'bin', 'restore-test.Dockerfile')),
  );
  cpSync(join(outdir, image ?? 'image'), join(stage, 'image'), { recursive: true });
}

type Resource = { Type: string; Properties: { Description?: string; Code: { S3Key: string } } };

function manifest(): object {
  const { name, version, description, license, dependencies, devDependencies } = own;
  return {
    name,
    version,
    description,
    license,
    type: 'module',
    engines: { node: '>=20.11' },
    exports: {
      '.': { types: `${entry}.d.ts`, default: `${entry}.js` },
      './package.json': './package.json',
    },
    dependencies: { zod: dependencies.zod },
    peerDependencies: {
      'aws-cdk-lib': `^${devDependencies['aws-cdk-lib']}`,
      constructs: `^${devDependencies.constructs}`,
    },
  };
}
