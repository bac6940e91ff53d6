// What all test files of a run share: the CLI in one file, a folder for temporary files, compiled code that is kept, a quick
// npx, esbuild and initdb. Where there is room, the folder is in memory: half of what the tests take of the kernel is the making of small
// files, a thousand for each throw-away Postgres. At the end nothing may be left of the run, neither file nor process.

import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { execaSync } from 'execa';
import { holdServers } from './fixtures/docker-engine.ts';
import { processes } from './fixtures/postgres.ts';
import { quickEsbuild } from './fixtures/quick-esbuild.ts';
import { quickInitdb } from './fixtures/quick-initdb.ts';

/** Names in it are kept short: what is shown in 80 columns holds some. */
const memory = '/dev/shm';
/** What the tests hold at the same time, images left out, several times over. */
const enoughBytes = 6 * 1024 ** 3;
const projectRoot = join(import.meta.dirname, '..');

/** Run by vitest before all; what it returns, after all. */
export default function setup(): () => Promise<void> {
  const folder = mkdtempSync(join(process.env.TMPDIR === undefined && isRoomy() ? memory : tmpdir(), 'o-'));
  // Who is interrupted calls nobody, and memory is not to stay taken.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  // Postgres runs as another user.
  chmodSync(folder, 0o1777);
  process.env.TMPDIR = folder;
  // What begins so is the program's own, and it refuses what it does not know; an operator's settings are not the tests'.
  for (const name of Object.keys(process.env).filter((one) => one.startsWith('OFFSITE_'))) {
    process.env[name.replace('OFFSITE_', 'SUITE_')] = process.env[name];
    delete process.env[name];
  }
  // Where this folder is somebody else's, it is started from its sources.
  execaSync(process.execPath, [join(projectRoot, 'bin', 'build.ts'), '--if-changed'], { reject: false });
  process.env.NODE_COMPILE_CACHE ??= join(projectRoot, 'node_modules', '.cache', 'offsite');
  const own = mkdtempSync(join(folder, 'own-'));
  chmodSync(own, 0o755);
  process.env.SUITE_FOLDER = own;
  process.env.ESBUILD_BINARY_PATH = quickEsbuild(own, projectRoot);
  // The CDK's own look at each template takes 5 s of CPU: bin/stack.test.ts and stack/nag.test.ts have it looked at.
  process.env.CDK_VALIDATION = 'false';
  // docker-compose 1.29 asks for Python's distutils, and is brought all of setuptools in its place: half of each of its starts.
  process.env.SETUPTOOLS_USE_DISTUTILS = 'stdlib';
  const programs = quickInitdb(own);
  const path = [join(projectRoot, 'lib/rehearsal/template/bin'), programs, process.env.PATH];
  process.env.PATH = path.filter(Boolean).join(delimiter);
  const endServers = holdServers();
  return async () => {
    await endServers();
    // CDK writes an app that is not told where into a folder of its own, and leaves that. An agent that is killed outright while mkfifo
    // runs, which is 3 ms, leaves its folder: base/process.test.ts holds that nobody else does.
    const names = readdirSync(folder).filter(
      (name) => name !== basename(own) && !/^(?:cdk\.out|offsite-pipe-)/.test(name),
    );
    const left = [...names.map((name) => join(folder, name)), ...processesOf(folder)];
    rmSync(folder, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`the tests left behind:\n  ${left.join('\n  ')}`);
  };
}

/** Whether it has room, and programs in it may be run. */
function isRoomy(): boolean {
  try {
    const mounted = readFileSync('/proc/mounts', 'utf8').split('\n');
    const options = mounted.map((line) => line.split(' ')).find(([, place]) => place === memory)?.[3];
    if (options === undefined || options.split(',').includes('noexec')) return false;
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize >= enoughBytes;
  } catch {
    return false;
  }
}

/** Processes that work in a folder, or were told of it; vitest's own left out, which are children of this one. */
function processesOf(folder: string): string[] {
  const told = new Set(processes('environ').flatMap(({ pid, text }) => (text.includes(folder) ? [pid] : [])));
  return processes('cmdline')
    .filter(({ pid, parent }) => pid !== process.pid && parent !== process.pid)
    .filter(
      ({ pid, text }) => text !== '' && (told.has(pid) || text.includes(folder) || worksIn(pid, folder)),
    )
    .map(({ pid, text }) => `process ${pid}: ${text.replaceAll('\0', ' ')}`);
}

function worksIn(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
  } catch {
    return false;
  }
}
