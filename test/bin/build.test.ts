// The CLI in one file: taken as long as nothing that it was made of has changed, however that came about, and never after.

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { program } from '../../bin/commands/program.ts';
import manifest from '../../package.json' with { type: 'json' };
import { whereIs } from '../fixtures/agent.ts';

const root = join(import.meta.dirname, '..', '..');
const copy = mkdtempSync(join(tmpdir(), 'offsite-build-'));
const built = join(copy, 'dist', 'offsite.cjs');

beforeAll(() => {
  for (const name of ['bin', 'lib', 'package.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  const modules = join(copy, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(modules, '.package-lock.json'), '{}');
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const offsite = (args: readonly string[], env: Record<string, string> = {}) =>
  execa(join(copy, 'bin', 'offsite'), args, {
    extendEnv: false,
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...env },
    reject: false,
  });
const build = () => execa(process.execPath, [join(copy, 'bin', 'build.ts')]);

it('is small, has no cloud in it, runs, and names the sources in a stack', async () => {
  await build();
  expect(statSync(built).size).toBeLessThan(4_000_000);
  const alone = await execa(process.execPath, [built, '--version'], { cwd: '/' });
  expect(alone.stdout).toBe(manifest.version);
  // It was put together from pieces, whose order is the bundler's.
  expect((await execa(process.execPath, [built, '--help'])).stdout).toContain(
    program.helpInformation().trimEnd(),
  );
  const { stderr } = await offsite(['list', '--config', '/nonexistent/file'], { DEBUG: '1' });
  expect(stderr).toContain('[CONFIG_UNREADABLE]');
  expect(stderr).toMatch(/^ +at async readSettings \(\/.*\/lib\/settings\/settings\.ts:\d+/m);
});

describe('in its place, a file that says that it is run', () => {
  beforeEach(() => {
    rmSync(built);
    writeFileSync(built, "console.log('the one file')");
  });
  const isTaken = async (env?: Record<string, string>) => {
    const { stdout } = await offsite(['--version'], env);
    expect(['the one file', manifest.version]).toContain(stdout);
    return stdout === 'the one file';
  };
  /** With the time of something old, as tar and rsync leave it. */
  const write = (name: string) => {
    const file = join(copy, name);
    writeFileSync(file, readFileSync(file));
    utimesSync(file, 1e9, 1e9);
  };

  it.each<[string, () => void]>([
    ['a source was changed', () => write('lib/sql/reader.ts')],
    ['a command was changed', () => write('bin/commands/list.ts')],
    ['the version was changed', () => write('package.json')],
    ['a source was added', () => writeFileSync(join(copy, 'lib/sql/more.ts'), '')],
    ['a source was removed', () => rmSync(join(copy, 'lib/sql/more.ts'))],
    ['packages were installed', () => write('node_modules/.package-lock.json')],
  ])('is taken until %s', async (_, change) => {
    expect(await isTaken()).toBe(true);
    change();
    expect(await isTaken()).toBe(false);
  });

  it('is not taken where nothing tells', async () => {
    const without = mkdtempSync(join(copy, 'path-'));
    for (const program of ['sh', 'readlink']) symlinkSync(whereIs(program), join(without, program));
    expect(await isTaken({ PATH: without })).toBe(false);
  });
});
