// A restore that hangs must not be paid for without end.

import { OffsiteError } from '../base/errors.ts';
import { formatDuration } from '../base/quantities.ts';
import { restoreTimeLimitMs } from '../cost/task-size.ts';

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
