// What retention decided last, where whoever lists the archives can read it: why each of them stays.

import * as z from 'zod';
import { plansPrefix } from '../archive/names.ts';
import type { RetentionPlan } from './plan.ts';

const storedPlanSchema = z.object({
  format: z.literal(1),
  decidedAt: z.iso.datetime(),
  standstill: z.string().optional(),
  keep: z.array(z.object({ id: z.string(), reasons: z.array(z.string()) })),
});

/** Where it is in the bucket. */
export function planKey(source: string): string {
  return `${plansPrefix}${source}.json`;
}

/** The plan as it is stored: what stays, and why. */
export function serializePlan({ decidedAt, standstill, keep }: RetentionPlan): string {
  const kept = keep.map(({ id, reasons }) => ({ id, reasons }));
  return `${JSON.stringify({ format: 1, decidedAt, standstill, keep: kept })}\n`;
}

/** @returns Why each archive stays, by its id; of none, where the text is no plan. */
export function parseKept(text: string): ReadonlyMap<string, readonly string[]> {
  try {
    return new Map(storedPlanSchema.parse(JSON.parse(text)).keep.map(({ id, reasons }) => [id, reasons]));
  } catch {
    return new Map();
  }
}
