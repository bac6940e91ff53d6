// Where the rehearsal's Postgres comes from: what is installed; else the packages of Debian or Ubuntu, unpacked and not
// installed; else Docker's image, in which the whole rehearsal runs then. What is downloaded is told, and on a terminal
// asked for, before.

import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { OffsiteError } from '../../base/errors.ts';
import { findPostgresPrograms } from '../../postgres/programs.ts';
import { unpackedFolder, unpackedPrograms, unpackPostgres } from './unpacked-postgres.ts';

export type PostgresSource =
  | { readonly from: 'here'; readonly binDir: string }
  /** The image is on this machine. */
  | { readonly from: 'docker'; readonly image: string };

/** A way to a Postgres, as it stands on this machine. */
export type Way =
  | { readonly ready: PostgresSource }
  /** @throws Why it did not come; nothing of it remains then. */
  | { readonly downloads: string; bring(signal?: AbortSignal): Promise<PostgresSource> }
  | { readonly missing: string };

/**
 * Looks for Postgres, or brings it.
 *
 * @param agrees - Is told what is downloaded, and whether that may be.
 * @param ways - In their order; each is looked at when those before it did not do.
 * @throws {@link OffsiteError} `PROGRAM_MISSING` if there is no way, or it was declined.
 */
export async function providePostgres(
  agrees: (downloads: string) => Promise<boolean>,
  ways: readonly (() => Promise<Way>)[] = [installed, unpacked, image],
  signal?: AbortSignal,
): Promise<PostgresSource> {
  const reasons: string[] = [];
  for (const look of ways) {
    const way = await look();
    if ('ready' in way) return way.ready;
    if ('missing' in way) reasons.push(way.missing);
    else if (!(await agrees(way.downloads))) reasons.push(`declined: ${way.downloads}`);
    else {
      try {
        return await way.bring(signal);
      } catch (error) {
        signal?.throwIfAborted();
        reasons.push((error as Error).message);
      }
    }
  }
  throw new OffsiteError('PROGRAM_MISSING', 'the rehearsal needs a PostgreSQL server, and there is none', {
    expected: 'psql, pg_dump, initdb and postgres on the PATH or in /usr/lib/postgresql/*/bin, or Docker',
    found: reasons.join('; '),
    hint: 'install it (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql@16)',
  });
}

async function installed(): Promise<Way> {
  const binDir = findPostgresPrograms();
  return binDir === undefined ? { missing: 'no programs' } : { ready: { from: 'here', binDir } };
}

async function unpacked(): Promise<Way> {
  const folder = await unpackedFolder();
  if (folder === undefined) return { missing: 'no packages (this is not Debian or Ubuntu)' };
  const binDir = await unpackedPrograms(folder);
  if (binDir !== undefined) return { ready: { from: 'here', binDir } };
  return {
    downloads: `the distribution's packages of it (about 20 MB), unpacked into ${folder}; nothing is installed, and that folder may be deleted at any time`,
    bring: async (signal) => ({ from: 'here', binDir: await unpackPostgres(folder, signal && { signal }) }),
  };
}

async function image(): Promise<Way> {
  const name = 'postgres:16';
  const source = { from: 'docker', image: name } as const;
  // The project's own Node runs in the container: it must be one for Linux.
  if (process.platform !== 'linux') return { missing: `no ${name} (containers need the Node of Linux)` };
  const docker = (...args: string[]) => execa('docker', args, { reject: false });
  const server = await docker('version', '--format', '{{.Server.Os}}');
  if (server.failed)
    return { missing: `no ${name} (${lastLine(server.stderr) ?? 'docker cannot be started'})` };
  if (!(await docker('image', 'inspect', name)).failed) return { ready: source };
  return {
    downloads: `the image ${name} for Docker (about 150 MB), which Docker keeps`,
    bring: async (signal) => {
      await execa('docker', ['pull', '--quiet', name], signal && { cancelSignal: signal });
      return source;
    },
  };
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
    ...['-e', 'NO_COLOR', '-e', 'TERM', '--entrypoint', 'bin/run', imageName],
    ...['lib/rehearsal/rehearse.ts', ...args],
    ...(jsonFile === undefined ? [] : ['--json', resolve(jsonFile)]),
  ];
}

function mount(directory: string, mode: 'ro' | 'rw'): string {
  const path = directory.replace(/(?<=.)\/$/, '');
  return `${path}:${path}:${mode}`;
}

function lastLine(text: string | undefined): string | undefined {
  return text?.trim().split('\n').at(-1) || undefined;
}
