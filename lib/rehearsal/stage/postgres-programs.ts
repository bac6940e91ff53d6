// Where the rehearsal's Postgres comes from: what is installed; else Docker's image, in which the whole rehearsal runs
// then; else, as root on Debian or Ubuntu, the distribution's package.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { OffsiteError } from '../../base/errors.ts';
import { findPostgresPrograms } from '../../postgres/programs.ts';

export type PostgresSource =
  | { readonly from: 'here'; readonly binDir: string }
  /** The image is on this machine. */
  | { readonly from: 'docker'; readonly image: string };

/** What is asked of the machine; a test answers in its place. */
export type Machine = {
  /** The directory of Postgres' programs. */
  findPrograms(): string | undefined;
  /** Makes sure that containers of the image can be run. @returns Why they cannot, if so. */
  provideImage(image: string, say: (text: string) => void): Promise<string | undefined>;
  /** @returns Why packages cannot be installed, if so. */
  whyNoPackages(): Promise<string | undefined>;
  installPackage(name: string): Promise<void>;
};

const image = 'postgres:16';
const packageName = 'postgresql';

/**
 * Finds Postgres, or brings it.
 *
 * @param say - Is told before anything is downloaded or installed.
 * @throws {@link OffsiteError} `PROGRAM_MISSING` if there is no way; nothing was installed then.
 */
export async function providePostgres(
  say: (text: string) => void,
  machine: Machine = thisMachine,
): Promise<PostgresSource> {
  const binDir = machine.findPrograms();
  if (binDir !== undefined) return { from: 'here', binDir };
  const noImage = await machine.provideImage(image, say);
  if (noImage === undefined) return { from: 'docker', image };
  const noPackages = await machine.whyNoPackages();
  if (noPackages !== undefined) throw missing(`no ${image} (${noImage}); no package (${noPackages})`);
  say(`There is no PostgreSQL here: installing it now (apt-get install ${packageName}).`);
  await machine.installPackage(packageName);
  const installed = machine.findPrograms();
  if (installed === undefined) throw missing(`the package ${packageName} did not bring them`);
  return { from: 'here', binDir: installed };
}

const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Makes the arguments to `docker` that run the rehearsal in a container.
 *
 * @param jsonFile - Where the figures go; its directory is the only one of this machine that the container may write.
 * @param terminal - Whether a person looks at the output.
 */
export function containerArguments(
  imageName: string,
  args: readonly string[],
  jsonFile: string | undefined,
  terminal: boolean,
): string[] {
  const results = jsonFile === undefined ? [] : ['-v', mount(dirname(resolve(jsonFile)), 'rw')];
  return [
    ...['run', '--rm', '--init', '--interactive', ...(terminal ? ['--tty'] : [])],
    // The local endpoints are on loopback: with the host's network, --keep leaves them within reach.
    ...['--network', 'host', '-v', mount(projectRoot, 'ro'), ...results, '--workdir', projectRoot],
    ...['-e', 'NO_COLOR', '-e', 'TERM', '--entrypoint', 'node_modules/node/bin/node', imageName],
    ...['lib/rehearsal/rehearse.ts', ...args],
    ...(jsonFile === undefined ? [] : ['--json', resolve(jsonFile)]),
  ];
}

function mount(directory: string, mode: 'ro' | 'rw'): string {
  const path = directory.replace(/(?<=.)\/$/, '');
  return `${path}:${path}:${mode}`;
}

const thisMachine: Machine = {
  findPrograms: () => findPostgresPrograms(),
  async provideImage(name, say) {
    // The project's own Node runs in the container: it must be one for Linux.
    if (process.platform !== 'linux') return `node_modules is for ${process.platform}, containers are Linux`;
    const server = await execa('docker', ['version', '--format', '{{.Server.Os}}'], { reject: false });
    if (server.failed) return lastLine(server.stderr) ?? 'docker cannot be started';
    if (!(await execa('docker', ['image', 'inspect', name], { reject: false })).failed) return undefined;
    say(`There is no PostgreSQL here: downloading the image ${name} for Docker.`);
    const pulled = await execa('docker', ['pull', '--quiet', name], { reject: false });
    return pulled.failed ? (lastLine(pulled.stderr) ?? `docker pull ${name} failed`) : undefined;
  },
  async whyNoPackages() {
    const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
    const distribution = /^ID="?([a-z]+)"?$/m.exec(release)?.[1];
    if (distribution !== 'debian' && distribution !== 'ubuntu') return 'this is not Debian or Ubuntu';
    return process.getuid?.() === 0 ? undefined : 'only root may install it';
  },
  async installPackage(name) {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    for (const args of [['update'], ['install', '--yes', '--no-install-recommends', name]]) {
      const result = await execa('apt-get', ['--quiet', ...args], { env, stdin: 'ignore', reject: false });
      if (result.failed)
        throw missing(`apt-get ${args[0]} failed: ${lastLine(result.stderr) ?? 'no reason given'}`);
    }
  },
};

function lastLine(text: string | undefined): string | undefined {
  return text?.trim().split('\n').at(-1) || undefined;
}

function missing(found: string): OffsiteError {
  return new OffsiteError('PROGRAM_MISSING', 'the rehearsal needs a PostgreSQL server, and there is none', {
    expected: 'psql, pg_dump, initdb and postgres on the PATH or in /usr/lib/postgresql/*/bin, or Docker',
    found,
    hint: 'install it (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql@16)',
  });
}
