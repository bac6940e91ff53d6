// The CLI's packages, each made by its one command, installed as its users install it, and used where nothing else of this
// project is.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { whereIs } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { isLong } from '../fixtures/often.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'offsite-packages-'));
const dump = join(folder, 'dump.sql');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program of bin, and gives the file that it says it has made. */
async function made(program: string): Promise<string> {
  const { stdout } = await execa(process.execPath, [join(root, 'bin', program)], { cwd: root });
  return join(root, stdout.trim());
}

/** A PATH of a shell's own programs, and of one Node. */
function pathWith(name: string, node: string): string {
  const programs = join(folder, name);
  mkdirSync(programs);
  for (const program of ['sh', 'readlink', 'find', 'uname', 'cat', 'mkfifo', 'env'])
    symlinkSync(whereIs(program), join(programs, program));
  symlinkSync(node, join(programs, 'node'));
  return programs;
}

beforeAll(() => {
  writeFileSync(
    dump,
    '--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n\n',
  );
});

if (!hasMoto) console.warn('SKIPPED: no moto_server, so no package stores anything');

describe('npm run pack-cli', () => {
  const home = join(folder, 'empty');
  const offsite = join(home, 'node_modules/.bin/offsite');
  let file: string;
  let moto: Moto | undefined;
  beforeAll(async () => {
    file = await made('pack-cli.ts');
    mkdirSync(home);
    const quiet = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    await execa('npm', ['install', file, ...quiet], { cwd: home });
    if (!hasMoto) return;
    moto = await startMoto();
    const { endpoint } = moto;
    const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' };
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
    await client.send(new CreateBucketCommand({ Bucket: 'vault' }));
  });
  afterAll(() => moto?.stop());

  const run = (PATH: string, ...args: string[]) =>
    execa(offsite, args, {
      cwd: home,
      extendEnv: false,
      env: { PATH, HOME: home, XDG_STATE_HOME: join(home, PATH), OFFSITE_BUCKET: 'vault', ...moto?.env },
      reject: false,
    });

  it('makes 3 MB at most, with nothing of the cloud and nothing to download', () => {
    expect(statSync(file).size).toBeLessThan(3_000_000);
    const packed = join(home, 'node_modules/offsite');
    const { dependencies, engines, version } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'));
    expect({ dependencies, engines, version }).toEqual({
      dependencies: undefined,
      engines: { node: '>=22.2' },
      version: manifest.version,
    });
    const licences = readFileSync(join(packed, 'licences.txt'), 'utf8');
    expect(licences).toMatch(/@aws-sdk\/client-s3 .*\n[\s\S]*Apache License/);
    expect(licences).not.toMatch(/aws-cdk|constructs /);
  });

  it('runs, backs up and lists by the Node of the PATH', async () => {
    const path = pathWith('this-node', process.execPath);
    const { stdout: help } = await run(path, '--help');
    expect(help).toContain('Set up, and every night:');
    // Where the program says the pages are that its messages name, there they are.
    const [pages = ''] = /^\/.*\/docs\/$/m.exec(help) ?? [];
    expect(readFileSync(join(pages, 'guard.md'), 'utf8')).toContain('# The whole promise without AWS');
    expect((await run(path, '--version')).stdout).toBe(manifest.version);
    if (moto === undefined) return;
    const { exitCode, stderr, stdout } = await run(path, 'backup', '--json', '--', 'cat', dump);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const listed = await run(path, 'list');
    expect(listed.stdout).toContain(`${answerOf('backup', stdout).id} `);
  });

  it('runs by the first Node that it says will do', async () => {
    const platform = `node-${process.platform}-${process.arch}`;
    const versions = isLong ? ['22.2.0', '22'] : ['22.2.0'];
    const nodes = versions.map((version) => `node-${version}@npm:${platform}@${version}`);
    const flags = ['--no-save', '--no-audit', '--no-fund', '--prefix', folder, '--ignore-scripts'];
    const { failed } = await execa('npm', ['install', ...flags, ...nodes], { reject: false });
    if (failed) return console.warn('SKIPPED: no registry of npm is reached, so there is no Node 22');
    for (const version of versions) {
      const path = pathWith(`path-${version}`, join(folder, `node_modules/node-${version}/bin/node`));
      const { stdout, stderr } = await run(path, '--version');
      expect({ stdout, stderr }).toEqual({ stdout: manifest.version, stderr: '' });
      if (moto === undefined) continue;
      expect(await run(path, 'backup', '--quiet', '--', 'cat', dump)).toMatchObject({
        exitCode: 0,
        stderr: '',
      });
      expect((await run(path, 'list', '--json')).stdout).toContain('"kind":"database"');
    }
  });

  it('says what it wants where there is no such Node', async () => {
    const path = pathWith('no-node', '/nonexistent');
    const versions = "{ version: { value: 'v20.19.2' }, versions: { value: { node: '20.19.2' } } }";
    writeFileSync(join(folder, 'older.cjs'), `Object.defineProperties(process, ${versions});\n`);
    const starts = `#!/bin/sh\nexec ${process.execPath} --require ${join(folder, 'older.cjs')} "$@"\n`;
    writeFileSync(join(folder, 'old-node'), starts, { mode: 0o755 });
    for (const [programs, found] of [
      [path, 'none'],
      [pathWith('an-old-one', join(folder, 'old-node')), 'v20.19.2 on the PATH'],
    ] as const) {
      const { exitCode, stderr } = await run(programs, 'list');
      expect(exitCode).toBe(3);
      expect(stderr).toContain(`expected  Node 22.2 or newer on the PATH\n  found     ${found}\n`);
    }
  });
});

/** This machine's files, below a layer that is thrown away. */
const layer =
  'mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir 1 2 3 && mount -t overlay overlay -o lowerdir=/,upperdir=1,workdir=2 3 && mount --rbind /dev 3/dev';
const canLayer =
  process.getuid?.() === 0 &&
  (await execa('unshare', ['-m', 'sh', '-c', layer], { reject: false })).exitCode === 0;

/** Runs a script in such a copy, with these folders as they are. */
function inLayer(script: string, folders: readonly string[]) {
  const bind = 'for folder; do mkdir -p "3$folder" && mount --bind "$folder" "3$folder" || exit 1; done';
  const run = 'exec chroot 3 env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root sh -c "$0"';
  return execa('unshare', ['-m', 'sh', '-c', `${layer} && { ${bind}; ${run}; }`, script, ...folders]);
}

const canMakeDeb = hasProgram('dpkg-deb');
if (!canMakeDeb) console.warn('SKIPPED: no dpkg-deb, so no package of Debian is made');
if (!canLayer)
  console.warn(
    'SKIPPED: this user may not lay a file system over another, so no package of Debian is installed',
  );

describe.skipIf(!canMakeDeb)('npm run deb', () => {
  let file: string;
  beforeAll(async () => {
    file = await made('deb.ts');
  });

  it('holds program, manual and completions, and runs where it is unpacked', async () => {
    expect(statSync(file).size).toBeLessThan(3_000_000);
    const place = join(folder, 'unpacked');
    await execa('dpkg-deb', ['-x', file, place]);
    const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);
    const run = await execa(join(place, 'usr/bin/offsite'), ['--version'], {
      extendEnv: false,
      env: { PATH },
    });
    expect(run.stdout).toBe(manifest.version);
    for (const name of ['man/man1/offsite.1', 'bash-completion/completions/offsite', 'doc/offsite/copyright'])
      expect(statSync(join(place, 'usr/share', name)).size).toBeGreaterThan(0);
  });

  it.skipIf(!canLayer)('is installed by dpkg, found by man and bash, and goes away whole', async () => {
    // Debian has no nodejs that is new enough: one of this test's, as NodeSource would bring it.
    const node = join(folder, 'nodejs');
    mkdirSync(join(node, 'DEBIAN'), { recursive: true });
    mkdirSync(join(node, 'usr/bin'), { recursive: true });
    symlinkSync(process.execPath, join(node, 'usr/bin/node'));
    const control =
      'Package: nodejs\nVersion: 24.0.0\nArchitecture: all\nMaintainer: a test\nDescription: Node\n';
    writeFileSync(join(node, 'DEBIAN/control'), control);
    const nodeFile = join(folder, 'nodejs.deb');
    await execa('dpkg-deb', ['--build', node, nodeFile]);
    const script = `
set -e
dpkg -i --no-triggers '${nodeFile}' '${file}' > /dev/null
dpkg-query -W -f '\${Status}\\n' offsite
offsite --version
readlink -f /usr/bin/offsite
[ -e /usr/share/man/man1/offsite.1 ]
bash --norc -c 'source /usr/share/bash-completion/completions/offsite; complete -p offsite'
mkdir -p /etc/systemd/system; touch /etc/systemd/system/offsite.timer
dpkg -r --no-triggers offsite 2>&1 > /dev/null | grep '^offsite:'
rm /etc/systemd/system/offsite.timer
! find /usr /etc -xdev -name '*offsite*' | grep .
`;
    const { stdout } = await inLayer(script, [folder, root, dirname(process.execPath)]);
    expect(stdout.split('\n')).toEqual([
      'install ok installed',
      manifest.version,
      '/usr/lib/offsite/bin/offsite',
      'complete -F _offsite offsite',
      expect.stringMatching(/^offsite: no archive is taken any more at night.*offsite\.timer/),
    ]);
  });
});
