// A server that takes what it is told and never answers (a paused container, a machine that sleeps, a disk that hangs) is no error to
// whoever waits, for an index may take hours. So it is asked something else beside that.

import { setTimeout as sleep } from 'node:timers/promises';
import { OffsiteError } from '../base/errors.ts';
import { formatDuration } from '../base/quantities.ts';
import { openDatabase } from '../postgres/session.ts';
import type { Server } from './server.ts';

const usuallyEveryMs = 30_000;

/** Longer than libpq's own limit for coming in. */
const answersWithinMs = 20_000;

/**
 * Tells while something works at a server when that lets nobody in any more, and when it does again.
 *
 * @param server - Asked by a new session each time.
 */
export async function tellingOfSilence<T>(
  server: Pick<Server, 'direct' | 'run'>,
  warn: (sentence: string) => void,
  work: () => Promise<T>,
  everyMs = usuallyEveryMs,
): Promise<T> {
  const ended = new AbortController();
  void watch(server, warn, everyMs, ended.signal);
  return work().finally(() => ended.abort());
}

async function watch(
  { direct, run }: Pick<Server, 'direct' | 'run'>,
  warn: (sentence: string) => void,
  everyMs: number,
  ended: AbortSignal,
): Promise<void> {
  let heardAt = performance.now();
  let isTold = false;
  const enter = async () => {
    if (direct !== undefined) return (await openDatabase(direct, 'postgres')).close();
    await run('SELECT 1', undefined, AbortSignal.any([ended, AbortSignal.timeout(answersWithinMs)]));
  };
  while (await sleep(everyMs, true, { signal: ended, ref: false }).catch(() => false)) {
    const refusal = await enter().then(
      () => undefined,
      (error: Error) => error,
    );
    if (ended.aborted) return;
    const isSilent = isOfSilence(refusal, direct !== undefined);
    if (!isSilent) heardAt = performance.now();
    if (isSilent !== isTold)
      warn(
        isSilent
          ? silent(performance.now() - heardAt, wordsOf(refusal as Error))
          : 'the server answers again: it goes on',
      );
    isTold = isSilent;
  }
}

/** A server that refuses has answered; by psql, that is an error of ours, too. */
function isOfSilence(refusal: Error | undefined, isDirect: boolean): boolean {
  if (refusal === undefined) return false;
  return refusal instanceof OffsiteError ? refusal.code !== 'DATABASE_REFUSED' : !isDirect;
}

function wordsOf(error: Error): string {
  return error instanceof OffsiteError ? error.found : error.message;
}

function silent(sinceMs: number, found: string): string {
  return `the server has let nobody in for ${formatDuration(sinceMs)} (${found}): it is waited for. See whether its container is paused (docker ps, then docker unpause), what its log says, and its disk; Ctrl-C ends the restore`;
}
