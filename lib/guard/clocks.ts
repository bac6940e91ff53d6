// Archives are dated by the store's clock, and are old enough to go, or overdue, by this machine's.

import { OffsiteError } from '../base/errors.ts';
import { formatDuration } from '../base/quantities.ts';

const apartMs = 3_600_000;

/**
 * @param aheadMs - This machine's clock less the store's; unknown, if it has not answered.
 * @throws {@link OffsiteError} `CLOCKS_DIFFER`.
 */
export function assertClocksAgree(aheadMs = 0): void {
  if (Math.abs(aheadMs) <= apartMs) return;
  throw new OffsiteError(
    'CLOCKS_DIFFER',
    "this machine's clock and the store's are far apart: nothing is expired, or restored on trial",
    {
      expected: 'clocks that agree to within an hour: archives go, and are overdue, by their age',
      found: `${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the store's`,
      hint: "see which is wrong (date -u); here, 'timedatectl set-ntp true' lets the clock be set, and the next run does both; till then, ages in mails are as wrong",
    },
  );
}
