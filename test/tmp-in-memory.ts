// Temporary files in memory, where there is enough of it: half of what the tests take of the kernel is the making of
// small files, a thousand for each throw-away Postgres.

import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

/** Names in it are kept short: what is shown in 80 columns holds some. */
const memory = '/dev/shm';
/** What the tests hold at the same time, images left out, several times over. */
const enoughBytes = 6 * 1024 ** 3;

/** Run by vitest before all; what it returns, after all. */
export default function setup(): (() => void) | undefined {
  if (process.env.TMPDIR !== undefined || !isRoomy()) return undefined;
  const folder = mkdtempSync(join(memory, 'o-'));
  // Postgres runs as another user.
  chmodSync(folder, 0o1777);
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
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
