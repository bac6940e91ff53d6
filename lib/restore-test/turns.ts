// Whose restore test is next: each source's once a quarter, one after the other, so that a new account's quota holds and
// others of the account have theirs; what was lost or failed again within days. Decides; launch.ts does.

import * as z from 'zod';
import { hoursBetween } from '../base/quantities.ts';
import { retryDays } from '../restore-task/lost-test.ts';

/** Where that is remembered: no source is called that. */
export const turnsKey = 'watch/_restore-tests.json';

/** What the launcher remembers. */
export const turnsSchema = z.object({
  /** The task that runs, until ECS says that it has stopped. */
  running: z.object({ taskArn: z.string(), since: z.iso.datetime() }).optional(),
  sources: z
    .record(
      z.string(),
      z.object({
        /** When its test was last started, or could not be. */
        attemptedAt: z.iso.datetime().optional(),
        /** When somebody last asked for one by hand. */
        wantedAt: z.iso.datetime().optional(),
      }),
    )
    .default({}),
});

export type Turns = z.infer<typeof turnsSchema>;

/** A task of whose end nobody heard has ended after so long, or hangs. */
const longestHours = 48;

export function isRunning({ running }: Turns, now: Date): boolean {
  return running !== undefined && hoursBetween(new Date(running.since), now) < longestHours;
}

/** The first instant of a quarter. */
export function quarterOf(now: Date): Date {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - (now.getUTCMonth() % 3), 1));
}

/** The first instant of the quarter after one that begins then. */
export function quarterAfter(quarter: Date): Date {
  return new Date(Date.UTC(quarter.getUTCFullYear(), quarter.getUTCMonth() + 3, 1));
}

/** Whether it is a source's turn. @param passedAt - When its newest passed test began. */
export function isDue(
  { attemptedAt, wantedAt }: Turns['sources'][string],
  passedAt: Date | undefined,
  now: Date,
): boolean {
  // One of later on was dated by a clock that was wrong.
  const past = (at: Date | undefined) => (at && hoursBetween(at, now) > -1 ? at : undefined);
  const attempted = past(attemptedAt === undefined ? undefined : new Date(attemptedAt));
  const passed = past(passedAt);
  if (wantedAt !== undefined && (attempted === undefined || attempted < new Date(wantedAt))) return true;
  if (passed !== undefined && passed >= quarterOf(now)) return false;
  // The clock that wakes this is some minutes early or late.
  return attempted === undefined || hoursBetween(attempted, now) >= retryDays * 24 - 1;
}
