// What a restore test cost: what Fargate charges for the task that it ran in. A copy of the price list says it, so it is
// an estimate, and the mail says 'about'.

import { formatCount } from '../base/quantities.ts';
import { pricedLike, prices } from '../cost/prices.ts';
import { usdPerHour } from '../cost/task-cost.ts';
import type { RestoreReport } from './report.ts';

const hourMs = 3_600_000;
/** The least that is charged. @see https://aws.amazon.com/fargate/pricing/ */
const leastMs = 60_000;

/**
 * Reckons what a test cost.
 *
 * @param region - Where it ran; the dearer of the known prices where that is not known.
 * @returns US dollars; `undefined` outside of Fargate.
 */
export function restoreTestCost(report: RestoreReport, region = ''): number | undefined {
  const { task, startedAt, durationMs } = report;
  if (task === undefined) return undefined;
  const beganAt = Date.parse(task.billedFrom ?? startedAt);
  const billedMs = Math.max(leastMs, Date.parse(startedAt) + durationMs - beganAt);
  // Reports of earlier versions do not say it: there always was one.
  const { publicAddress = true } = task;
  return (billedMs / hourMs) * usdPerHour({ ...task, publicAddress }, prices[pricedLike(region)]);
}

/** `0.031` → `$0.03`. */
export function formatUsd(usd: number): string {
  if (usd < 0.01) return '< $0.01';
  const [dollars, cents] = usd.toFixed(2).split('.');
  return `$${formatCount(Number(dollars))}.${cents}`;
}
