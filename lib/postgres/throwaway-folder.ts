// The folder of a throw-away server. It goes, and the server with it, also where we are killed (out of memory, kill -9): what was
// restored into it may be as large as the disk.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** Waits for a line; its input ends without one where nobody is left to write it. What was just being made is made for a moment yet. */
const lastWill = `trap '' HUP INT TERM
read -r _ && exit
pid=$(head -n 1 "$1/data/postmaster.pid") && kill -QUIT "$pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do
  [ -z "$2" ] || docker rm --force --volumes "$2"
  rm -rf "$1"
  sleep 1
done`;

export type ThrowawayFolder = {
  readonly directory: string;
  /** Once its server has ended. */
  remove(): Promise<void>;
};

/**
 * Makes one in the folder for temporary files.
 *
 * @param container - That the server runs in; else its cluster is in `data`.
 */
export async function makeThrowawayFolder(prefix: string, container = ''): Promise<ThrowawayFolder> {
  const directory = await mkdtemp(join(tmpdir(), prefix));
  const executor = execa('sh', ['-c', lastWill, 'sh', directory, container], {
    // What Ctrl-C ends is not all of us.
    detached: true,
    cleanup: false,
    stdin: 'pipe',
    stdout: 'ignore',
    stderr: 'ignore',
    reject: false,
  });
  return {
    directory,
    async remove() {
      executor.stdin?.on('error', () => undefined).end('\n');
      await executor;
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
