// What expire leaves behind of a run: which sources stand still, and that it ran at all. watch reads it, and tells: a
// program that does not run cannot tell of that itself.

import * as z from 'zod';
import { runPrefix } from '../archive/names.ts';
import { parseJson } from '../base/parse-json.ts';
import { hoursBetween } from '../base/quantities.ts';
import type { ArchiveStore } from '../store/store.ts';

export const runKey = `${runPrefix}expire.json`;

const runSchema = z.object({
  format: z.literal(1),
  endedAt: z.iso.datetime().transform((text) => new Date(text)),
  /** Why nothing of a source is expired although something is old enough, by the source's name. */
  standsStill: z.record(z.string(), z.string()).default({}),
  /** None yet: from `endedAt` on, one is expected. */
  isAwaited: z.boolean().default(false),
});

export type RetentionRun = z.output<typeof runSchema>;

/** It runs daily: one that is late, or failed once, is no silence yet. */
export const runWithinHours = 49;

/** Leaves word of a run that has ended. */
export async function noteRetentionRun(
  store: Pick<ArchiveStore, 'write'>,
  run: Omit<RetentionRun, 'format' | 'isAwaited'> & { readonly isAwaited?: boolean },
): Promise<void> {
  await store.write(runKey, JSON.stringify({ format: 1, ...run }));
}

/**
 * Reads the last run.
 *
 * @returns Where there is none, or one that nobody can read, a run of now: from here on one is expected.
 */
export async function readRetentionRun(
  store: Pick<ArchiveStore, 'readText' | 'write'>,
  now: Date,
): Promise<RetentionRun> {
  const last = await readLastRun(store);
  if (last !== undefined) return last;
  const begun = { endedAt: now, standsStill: {}, isAwaited: true };
  await noteRetentionRun(store, begun);
  return { format: 1, ...begun };
}

/** Reads the last run; where there is none, or one that nobody can read, there is nothing. */
export async function readLastRun(store: Pick<ArchiveStore, 'readText'>): Promise<RetentionRun | undefined> {
  const stored = await store.readText(runKey);
  return parseJson(runSchema, stored?.text);
}

/** Whether retention has not run for so long that the operator has to know. */
export function hasNotRun({ endedAt }: RetentionRun, now: Date): boolean {
  return hoursBetween(endedAt, now) > runWithinHours;
}
