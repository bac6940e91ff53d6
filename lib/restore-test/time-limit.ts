// How a restore test ends in any case: one that hangs must not be paid for without end, and its server is thrown away.

import { setTimeout as sleep } from 'node:timers/promises';
import { OffsiteError } from '../base/errors.ts';
import { formatDuration } from '../base/quantities.ts';
import { restoreTimeLimitMs } from '../cost/task-size.ts';
import { serverLogError } from '../postgres/statement-error.ts';

/**
 * A signal that is aborted when a restore of so many plain bytes takes longer than any ever did.
 *
 * @param signal - That ends it earlier.
 */
export function withTimeLimit(plainBytes: number, signal: AbortSignal | undefined): AbortSignal {
  const limitMs = restoreTimeLimitMs(plainBytes);
  const limit = new AbortController();
  const error = new OffsiteError('RESTORE_OUT_OF_TIME', 'the restore test took longer than it ever may', {
    expected: `an end within ${formatDuration(limitMs)}, ten times what such a dump takes`,
    found: 'no end',
    hint: "what it did last is in the log: a statement of the dump may wait for ever, or the disk is far too slow; 'offsite restore-test' tries the same elsewhere",
  });
  setTimeout(() => limit.abort(error), limitMs).unref();
  return signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
}

/** A session breaks before the server has said why. */
const lastWordsMs = 300;

/**
 * Works on a server, and stops it whatever comes of that.
 *
 * @throws What the work throws, or what the server's log says of that.
 */
export async function untilStopped(
  server: { log(): string; stop(): Promise<void> },
  log: (line: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    await sleep(lastWordsMs);
    throw serverLogError(error, server.log());
  } finally {
    await server.stop().catch((error) => log(`restore-test: stopping the server failed: ${error}`));
  }
}
