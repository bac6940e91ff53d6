// The person's own browser.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** By then an opener that cannot has said so; what runs on is the browser itself. */
const handOverMs = 5000;

/**
 * Shows a file in the browser, which outlives us.
 *
 * @returns If it could not: why, and what to do. That is this machine's trouble (a session over ssh has no browser), and
 *   never one of what the file shows.
 */
export async function openInBrowser(file: string): Promise<string | undefined> {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const opener = spawn(program, [file], { detached: true, stdio: 'ignore' });
  const patience = new AbortController();
  const trouble = await Promise.race([
    // once() rejects when the program cannot be started.
    once(opener, 'exit').then(
      ([code]) => (code === 0 ? undefined : `exit code ${code}`),
      (error: Error) => error.message,
    ),
    sleep(handOverMs, undefined, { signal: patience.signal }).catch(() => undefined),
  ]);
  patience.abort();
  opener.unref();
  if (trouble === undefined) return undefined;
  return `no browser could be opened (${program}: ${trouble}): open this file in one, or copy it to where there is one: ${file}`;
}
