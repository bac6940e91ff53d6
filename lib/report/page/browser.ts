// The person's own browser.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitCodes, OffsiteError } from '../../base/errors.ts';

/** By then an opener that cannot has said so; what runs on is the browser itself. */
const handOverMs = 5000;

/**
 * Shows a file in the browser, which outlives us.
 *
 * @throws {@link OffsiteError} `PROGRAM_MISSING` if this machine has no way to; the file stays.
 */
export async function openInBrowser(file: string): Promise<void> {
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
  if (trouble === undefined) return;
  throw new OffsiteError('PROGRAM_MISSING', 'no browser could be opened', {
    expected: `${program}, and a browser that it knows`,
    found: trouble,
    hint: `open this file in a browser, or copy it to where there is one: ${file}`,
    exitCode: exitCodes.unexpected,
  });
}
