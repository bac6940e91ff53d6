import { describe, expect, test } from 'vitest';
import {
  containerArguments,
  type Machine,
  providePostgres,
} from '../../../lib/rehearsal/stage/postgres-programs.ts';

/** A machine that has nothing and allows nothing, but for what the test gives it. */
function machineWith(parts: Partial<Machine>): { machine: Machine; asked: string[]; said: string[] } {
  const asked: string[] = [];
  const noting =
    <A extends unknown[], R>(name: string, answer: (...args: A) => R) =>
    (...args: A): R => {
      asked.push(name);
      return answer(...args);
    };
  const machine: Machine = {
    findPrograms: noting('programs', parts.findPrograms ?? (() => undefined)),
    provideImage: noting('image', parts.provideImage ?? (async () => 'no docker')),
    whyNoPackages: noting('packages', parts.whyNoPackages ?? (async () => 'only root may install it')),
    installPackage: noting('install', parts.installPackage ?? (async () => {})),
  };
  return { machine, asked, said: [] };
}

describe('providePostgres', () => {
  test('takes what is installed, and asks for nothing else', async () => {
    const { machine, asked, said } = machineWith({ findPrograms: () => '/usr/lib/postgresql/15/bin' });
    expect(await providePostgres((text) => said.push(text), machine)).toEqual({
      from: 'here',
      binDir: '/usr/lib/postgresql/15/bin',
    });
    expect(asked).toEqual(['programs']);
    expect(said).toEqual([]);
  });

  test('else takes the image', async () => {
    const { machine, asked } = machineWith({ provideImage: async () => undefined });
    expect(await providePostgres(() => {}, machine)).toEqual({ from: 'docker', image: 'postgres:16' });
    expect(asked).toEqual(['programs', 'image']);
  });

  test('else says that it installs the package, and installs it', async () => {
    let installed = '';
    const { machine, said } = machineWith({
      findPrograms: () => (installed === '' ? undefined : '/usr/lib/postgresql/15/bin'),
      whyNoPackages: async () => undefined,
      installPackage: async (name) => {
        expect(said).toHaveLength(1);
        installed = name;
      },
    });
    expect(await providePostgres((text) => said.push(text), machine)).toMatchObject({ from: 'here' });
    expect(installed).toBe('postgresql');
    expect(said[0]).toContain('apt-get install postgresql');
  });

  test('else says what to install, and why it could not help itself', async () => {
    const { machine, asked } = machineWith({});
    await expect(providePostgres(() => {}, machine)).rejects.toMatchObject({
      code: 'PROGRAM_MISSING',
      found: 'no postgres:16 (no docker); no package (only root may install it)',
      hint: expect.stringContaining('apt-get install postgresql'),
    });
    expect(asked).not.toContain('install');
  });

  test('does not trust a package that did not bring the programs', async () => {
    const { machine } = machineWith({ whyNoPackages: async () => undefined });
    await expect(providePostgres(() => {}, machine)).rejects.toMatchObject({ code: 'PROGRAM_MISSING' });
  });
});

test('the container sees the project read-only, and may write beside the figures alone', () => {
  const args = containerArguments('postgres:16', ['--torrents', '5'], '/var/tmp/out/figures.json', false);
  const mounts = args.filter((_, index) => args[index - 1] === '-v');
  expect(mounts).toEqual([expect.stringMatching(/^(\/.+[^/]):\1:ro$/), '/var/tmp/out:/var/tmp/out:rw']);
  expect(args).not.toContain('--tty');
  expect(args.slice(args.indexOf('postgres:16'))).toEqual([
    'postgres:16',
    'lib/rehearsal/rehearse.ts',
    '--torrents',
    '5',
    '--json',
    '/var/tmp/out/figures.json',
  ]);
});
