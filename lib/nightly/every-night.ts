// One night after another, where neither systemd nor cron is there to begin them: in a container.

import { lastDue, nextDue, type TimeOfDay } from './time-of-day.ts';

export type EveryNight = {
  readonly at: TimeOfDay;
  /** When a run began last, whatever became of it. */
  readonly lastRun: Date | undefined;
  readonly now: () => Date;
  /** Waits for so long. */
  readonly sleep: (ms: number) => Promise<void>;
  readonly onWait: (due: Date) => void;
  readonly run: () => Promise<void>;
};

/** By the clock, which may be set, and which goes on while a host is asleep. */
const lookEveryMs = 60_000;

/**
 * Runs every night, and makes up for one night that was missed since the last run.
 *
 * @throws What `sleep` or `run` throws: nothing else ends it.
 */
export async function everyNight({ at, lastRun, now, sleep, onWait, run }: EveryNight): Promise<never> {
  const began = now();
  const hasMissed = lastRun !== undefined && lastRun < lastDue(at, began);
  for (let due = hasMissed ? began : nextDue(at, began); ; due = nextDue(at, now())) {
    onWait(due);
    for (let left = +due - +now(); left > 0; left = +due - +now()) await sleep(Math.min(left, lookEveryMs));
    await run();
  }
}
