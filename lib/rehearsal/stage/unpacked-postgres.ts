// A PostgreSQL that is on this machine and not installed: the packages of Debian or Ubuntu, unpacked into a folder of their
// own. Takes no root, makes no cluster, starts nothing, and changes nothing outside of that folder.

import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

type Sources = {
  /** What dpkg knows to be installed. */
  readonly status?: string;
  readonly signal?: AbortSignal;
};

/**
 * Where PostgreSQL for this distribution lies once it is unpacked.
 *
 * @returns `undefined` where there are no packages: this is neither Debian nor Ubuntu.
 * @remarks A server that root starts runs as somebody else, who has to get there: root's home is closed.
 */
export async function unpackedFolder(): Promise<string | undefined> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const [, id] = /^ID="?(debian|ubuntu)"?$/m.exec(release) ?? [];
  const [, version] = /^(?:VERSION_ID|VERSION_CODENAME)="?([\w.]+)"?$/m.exec(release) ?? [];
  if (id === undefined || version === undefined) return undefined;
  const own = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const caches = process.getuid?.() === 0 ? '/var/cache' : own;
  return join(caches, 'offsite', `postgresql-${id}-${version}`);
}

/** The directory of its programs, if they are there and run. */
export async function unpackedPrograms(folder: string): Promise<string | undefined> {
  const binDir = join(folder, 'bin');
  const runs = async (program: string) =>
    !(await execa(join(binDir, program), ['--version'], { reject: false })).failed;
  return (await runs('postgres')) && (await runs('psql')) ? binDir : undefined;
}

/**
 * Downloads PostgreSQL and the libraries that this machine lacks for it, and unpacks them.
 *
 * @param folder - Is replaced once all is there.
 * @returns The directory of its programs.
 * @throws With apt's last words; nothing remains then.
 */
export async function unpackPostgres(folder: string, { status, signal }: Sources = {}): Promise<string> {
  const making = `${folder}.${process.pid}`;
  const packages = join(making, 'packages');
  await mkdir(packages, { recursive: true });
  try {
    await chmod(making, 0o755);
    const apt = aptIn(making, status, signal);
    await apt(['update']);
    const plan = await apt(['install', '--simulate', '--no-install-recommends', 'postgresql']);
    await apt(['download', ...wantedOf(plan)], packages);
    const root = join(making, 'root');
    for (const name of await readdir(packages))
      await execa('dpkg-deb', ['--extract', join(packages, name), root], signal && { cancelSignal: signal });
    await writePrograms(making, folder);
    for (const used of [packages, join(making, 'apt')]) await rm(used, { recursive: true });
    await rm(folder, { recursive: true, force: true });
    await rename(making, folder);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    throw error;
  }
  const binDir = await unpackedPrograms(folder);
  if (binDir === undefined) throw new Error(`the programs in ${folder} do not run`);
  return binDir;
}

/** apt with lists and a cache of its own: what an ordinary user may, and the machine does not notice. */
function aptIn(folder: string, status: string | undefined, signal: AbortSignal | undefined) {
  const settings = [
    `Dir::State=${join(folder, 'apt/state')}`,
    `Dir::Cache=${join(folder, 'apt/cache')}`,
    'Debug::NoLocking=true',
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    ...(status === undefined ? [] : [`Dir::State::status=${status}`]),
  ].flatMap((setting) => ['-o', setting]);
  return async (args: readonly string[], cwd = folder): Promise<string> => {
    await mkdir(join(folder, 'apt/state/lists/partial'), { recursive: true });
    await mkdir(join(folder, 'apt/cache/archives/partial'), { recursive: true });
    const { failed, stdout, stderr, shortMessage } = await execa(
      'apt-get',
      ['--quiet', ...settings, ...args],
      {
        cwd,
        env: { LC_ALL: 'C' },
        stdin: 'ignore',
        reject: false,
        ...(signal && { cancelSignal: signal }),
      },
    );
    signal?.throwIfAborted();
    if (failed) throw new Error(stderr?.trim().split('\n').at(-1) || shortMessage);
    return stdout;
  };
}

/**
 * Of what apt would install, the programs and their libraries: not what it would replace, and not LLVM, which compiles
 * queries of minutes and is as large as all the rest.
 */
export function wantedOf(plan: string): string[] {
  const added = [...plan.matchAll(/^Inst (\S+) \(/gm)].map(([, name]) => name as string);
  return added.filter((name) => /^postgresql-(client-)?\d+$|^lib(?!llvm|.*perl)/.test(name));
}

/** The programs find their shared files by where they lie; their libraries they have to be told of. */
async function writePrograms(making: string, folder: string): Promise<void> {
  const versions = await readdir(join(making, 'root/usr/lib/postgresql'));
  const version = versions[0] as string;
  const home = join('root/usr/lib/postgresql', version);
  // Postgres goes without what needs LLVM where this is not there.
  await rm(join(making, home, 'lib/llvmjit.so'), { force: true });
  const libraries: string[] = [];
  for (const parent of ['root/usr/lib', 'root/lib']) {
    const names = await readdir(join(making, parent)).catch(() => []);
    libraries.push(
      ...names.filter((name) => name.includes('-linux-')).map((name) => join(folder, parent, name)),
    );
  }
  await mkdir(join(making, 'bin'));
  for (const program of await readdir(join(making, home, 'bin'))) {
    const start = `exec '${join(folder, home, 'bin', program)}' "$@"`;
    const script = `#!/bin/sh\nexport LD_LIBRARY_PATH='${libraries.join(':')}'\n${start}\n`;
    await writeFile(join(making, 'bin', program), script, { mode: 0o755 });
  }
}
