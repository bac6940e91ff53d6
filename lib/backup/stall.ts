// stall: ends a dump that gives no byte for too long. Only time spent waiting for the dump counts: while the upload
// takes its time, nobody asks the dump for more.

import { OffsiteError } from '../base/errors.ts';
import { formatDuration } from '../base/quantities.ts';

/**
 * Passes a dump on, and ends it when it stalls.
 *
 * @param start - Starts the dump; it must end, with the signal's reason, when the signal aborts.
 * @param limitMs - How long the dump may give nothing; 0 for ever.
 * @param signal - The caller's own.
 * @throws {@link OffsiteError} `DUMP_STALLED`; the dump's program is gone by then.
 */
export async function* endWhenStalled(
  start: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  limitMs: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stall = new AbortController();
  const either = signal === undefined ? stall.signal : AbortSignal.any([signal, stall.signal]);
  const chunks = start(either)[Symbol.asyncIterator]();
  let plainBytes = 0;
  try {
    for (;;) {
      const timer =
        limitMs === 0 ? undefined : setTimeout(() => stall.abort(stalled(limitMs, plainBytes)), limitMs);
      const next = await chunks.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      plainBytes += next.value.byteLength;
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}

function stalled(limitMs: number, plainBytes: number): OffsiteError {
  const after = plainBytes === 0 ? 'not one byte' : `no byte after the first ${plainBytes}`;
  return new OffsiteError('DUMP_STALLED', 'the dump stalled and was ended; nothing was stored', {
    expected: `a byte of the dump at least every ${formatDuration(limitMs)}`,
    found: `${after} for ${formatDuration(limitMs)}`,
    hint: "something may hold a lock: SELECT pid, query FROM pg_stat_activity WHERE wait_event_type = 'Lock' shows who waits; --stall-timeout sets the limit",
  });
}
