// A server that takes what it is told and never answers (a paused container, a machine that sleeps, a disk that hangs) is no error to
// whoever waits, for an index may take hours. So it is asked something else beside that.

import { setTimeout as sleep } from 'node:timers/promises';
import { OffsiteError } from '../base/errors.ts';
import { formatDuration } from '../base/quantities.ts';
import type { Connection } from '../postgres/connection.ts';
import { openDatabase } from '../postgres/session.ts';

const usuallyEveryMs = 30_000;

/**
 * Tells while something works at a server when that lets nobody in any more, and when it does again.
 *
 * @param direct - Where a session can be opened; where there is none, nothing is told.
 */
export async function tellingOfSilence<T>(
  direct: Connection | undefined,
  warn: (sentence: string) => void,
  work: () => Promise<T>,
  everyMs = usuallyEveryMs,
): Promise<T> {
  const ended = new AbortController();
  if (direct !== undefined) void watch(direct, warn, everyMs, ended.signal);
  return work().finally(() => ended.abort());
}

async function watch(
  direct: Connection,
  warn: (sentence: string) => void,
  everyMs: number,
  ended: AbortSignal,
): Promise<void> {
  let heardAt = performance.now();
  let isTold = false;
  while (await sleep(everyMs, true, { signal: ended, ref: false }).catch(() => false)) {
    const refusal = await openDatabase(direct, 'postgres').then(
      (session) => session.close(),
      (error: Error) => error,
    );
    if (ended.aborted) return;
    const isSilent = refusal instanceof OffsiteError;
    if (!isSilent) heardAt = performance.now();
    if (isSilent !== isTold)
      warn(isSilent ? silent(performance.now() - heardAt, refusal) : 'the server answers again: it goes on');
    isTold = isSilent;
  }
}

function silent(sinceMs: number, { found }: OffsiteError): string {
  return `the server has let nobody in for ${formatDuration(sinceMs)} (${found}): it is waited for. See whether its container is paused (docker ps, then docker unpause), what its log says, and its disk; Ctrl-C ends the restore`;
}
