// What retention decided last, where whoever lists the archives can read it: why each of them stays.

import * as z from 'zod';
import { plansPrefix } from '../archive/names.ts';
import { parseJson } from '../base/parse-json.ts';
import type { RetentionPlan } from './plan.ts';

const storedPlanSchema = z.object({
  format: z.literal(1),
  decidedAt: z.iso.datetime(),
  standstill: z.string().optional(),
  keep: z.array(z.object({ id: z.string(), reasons: z.array(z.string()) })),
  /** What it began to delete. */
  expire: z.array(z.string()).default([]),
});

/** Where it is in the bucket. */
export function planKey(source: string): string {
  return `${plansPrefix}${source}.json`;
}

/**
 * The plan as it is stored: what stays, and why; and what goes.
 *
 * @param leftovers - What an earlier run has begun to delete, and is not all gone.
 */
export function serializePlan(
  { decidedAt, standstill, keep, expire }: RetentionPlan,
  leftovers: readonly string[] = [],
): string {
  const kept = keep.map(({ id, reasons }) => ({ id, reasons }));
  const gone = [...new Set([...expire.map(({ id }) => id), ...leftovers])];
  return `${JSON.stringify({ format: 1, decidedAt, standstill, keep: kept, expire: gone })}\n`;
}

/** @returns `undefined` for a text that is no plan. */
export function parseStoredPlan(text: string): z.infer<typeof storedPlanSchema> | undefined {
  return parseJson(storedPlanSchema, text);
}

/** Why each archive stays, by its id; of none, where the text is no plan. */
export function parseKept(text: string): ReadonlyMap<string, readonly string[]> {
  return new Map(parseStoredPlan(text)?.keep.map(({ id, reasons }) => [id, reasons]));
}
