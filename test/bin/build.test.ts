// The CLI in one file: taken as long as nothing that it was made of has changed, however that came about, and never after.

import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
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
  expect(statSync(join(copy, 'dist', 'program.cjs')).size).toBeLessThan(4_000_000);
  const alone = await execa(process.execPath, [built, '--version'], { cwd: '/' });
  expect(alone.stdout).toBe(manifest.version);
  // It was put together from pieces, whose order is the bundler's.
  expect((await execa(process.execPath, [built, '--help'])).stdout).toContain(
    program.helpInformation().trimEnd(),
  );
  const { stderr } = await offsite(['list', '--config', '/nonexistent/file'], { DEBUG: '1' });
  expect(stderr).toContain('[CONFIG_UNREADABLE]');
  expect(stderr).toMatch(/^ +at async readAllSettings\d? \(\/.*\/lib\/settings\/settings\.ts:\d+/m);
});

describe('the code that a run leaves compiled', () => {
  const home = mkdtempSync(join(copy, 'home-'));
  const kept = () => {
    const [name = '', ...others] = readdirSync(join(home, 'cache/offsite')).filter(
      (one) => !one.startsWith('v'),
    );
    expect(others).toEqual([]);
    return join(home, 'cache/offsite', name);
  };
  const preload = join(home, 'modules.cjs');
  const run = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await execa(join(home, 'bin/offsite'), args, {
      extendEnv: false,
      env: {
        // A package takes the PATH's Node, which need not be ours.
        PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
        XDG_CACHE_HOME: join(home, 'cache'),
        NODE_OPTIONS: `--require ${preload}`,
      },
      reject: false,
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout;
  };
  const keptBytes = async () => {
    rmSync(join(home, 'cache'), { recursive: true, force: true });
    await run('--help');
    return statSync(kept()).size;
  };
  beforeAll(() => {
    // As a package, which has no sources.
    for (const name of ['bin/offsite', 'bin/run', 'dist/offsite.cjs', 'dist/program.cjs'])
      cpSync(join(copy, name), join(home, name));
    writeFileSync(
      preload,
      `process.on('exit', () => require('fs').writeFileSync('${home}/modules', process.moduleLoadList.join('\\n')))`,
    );
  });

  it('is taken by the next, and not where it is damaged or of another program', async () => {
    expect(await run('--version')).toBe(manifest.version);
    const { ino } = statSync(kept());
    expect(await run('--version')).toBe(manifest.version);
    expect(statSync(kept()).ino).toBe(ino);
    const code = readFileSync(kept());
    for (const at of [0, 70, code.length >> 1, code.length - 1]) {
      const damaged = Buffer.from(code);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
      writeFileSync(kept(), damaged);
      expect(await run('--version')).toBe(manifest.version);
      expect(readFileSync(kept()).subarray(0, 64)).toEqual(code.subarray(0, 64));
    }
    writeFileSync(kept(), code.subarray(0, 40));
    expect(await run('--version')).toBe(manifest.version);
  });

  it('has what runs with other flags came to need, too, and is not written again for those', async () => {
    rmSync(join(home, 'cache'), { recursive: true, force: true });
    const sizes: number[] = [];
    for (const flag of ['--help', '--schema', '--help']) {
      await run('config', flag);
      sizes.push(statSync(kept()).size);
    }
    const [help = 0, schema = 0, again] = sizes;
    expect(schema).toBeGreaterThan(1.1 * help);
    expect(again).toBe(schema);
    const { ino } = statSync(kept());
    await run('config', '--schema');
    expect(statSync(kept()).ino).toBe(ino);
  });

  it('is taken beside that of other flags, as a long file and a short one are read with', async () => {
    rmSync(join(home, 'cache'), { recursive: true, force: true });
    const files = [1, 2 ** 26].map((bytes) => {
      const file = join(home, `${bytes}.sql`);
      writeFileSync(file, '');
      truncateSync(file, bytes);
      return file;
    });
    const runBoth = async () => {
      for (const file of files) await run('verify', file, '--help');
      const names = readdirSync(join(home, 'cache/offsite')).filter((name) => name.startsWith('offsite-'));
      return names.sort().map((name) => [name, statSync(join(home, 'cache/offsite', name)).ino]);
    };
    const first = await runBoth();
    expect(first).toHaveLength(2);
    expect(await runBoth()).toEqual(first);
  });

  it('has the beginning of a long run, too, which V8 would have dropped by then', async () => {
    const bytes = await keptBytes();
    const collects = `for (const flag of ['--expose-gc', '--stress-flush-code']) require('v8').setFlagsFromString(flag);
      const gc = require('vm').runInNewContext('gc');
      process.on('exit', () => { for (let times = 0; times < 20; times += 1) gc(); });`;
    appendFileSync(preload, `;${collects}`);
    expect(await keptBytes()).toBeGreaterThan(0.95 * bytes);
  });

  it('begins without what only some commands ask Node for', async () => {
    await run('--version');
    const modules = readFileSync(join(home, 'modules'), 'utf8').split('\n');
    expect(modules).toContain('NativeModule fs');
    for (const name of ['child_process', 'crypto', 'fs/promises', 'http', 'https', 'readline', 'tls'])
      expect(modules).not.toContain(`NativeModule ${name}`);
  });
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
