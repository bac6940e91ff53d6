// What retention decided last, where whoever lists the archives can read it: why each of them stays.

import * as z from 'zod';
import type { CatalogueEntry } from '../archive/catalogue-of.ts';
import { plansPrefix } from '../archive/names.ts';
import { parseJson } from '../base/parse-json.ts';
import { nightPoint } from '../report/history.ts';
import type { RetentionPlan, RetentionPolicy } from './plan.ts';

const dayMs = 86_400_000;
const rememberedDays = 731;

const count = z.number().int().nonnegative();

/** What stays of a night once its archive is gone. */
const pastNightSchema = z.object({
  archiveId: z.string(),
  takenAt: z.iso.datetime(),
  verdict: z.string(),
  compressedBytes: count,
  plainBytes: count.optional(),
  torrents: count.optional(),
  rows: count.optional(),
});

const storedPlanSchema = z.object({
  format: z.literal(1),
  decidedAt: z.iso.datetime(),
  standstill: z.string().optional(),
  keep: z.array(z.object({ id: z.string(), reasons: z.array(z.string()) })),
  /** What it began to delete. */
  expire: z.array(z.string()).default([]),
  /** As it was deployed then; plans of earlier versions do not say it. */
  policy: z
    .object({ keepDays: count, keepWeekly: count, keepMonthly: count, keepYearly: count })
    .partial()
    .optional(),
  /** From then on no night is forgotten; and the nights since then whose archives are gone, oldest first. */
  rememberedSince: z.iso.datetime().optional(),
  past: z.array(pastNightSchema).default([]),
});

export type StoredPlan = z.infer<typeof storedPlanSchema>;

export function planKey(source: string): string {
  return `${plansPrefix}${source}.json`;
}

/**
 * The plan as it is stored: what stays, and why; and what goes.
 *
 * @param leftovers - What an earlier run has begun to delete, and is not all gone.
 * @param memory - What is remembered of what is gone, and by which policy it went.
 */
export function serializePlan(
  { decidedAt, standstill, keep, expire }: RetentionPlan,
  leftovers: readonly string[] = [],
  memory: Partial<Memory> = {},
): string {
  const kept = keep.map(({ id, reasons }) => ({ id, reasons }));
  const gone = [...new Set([...expire.map(({ id }) => id), ...leftovers])];
  const words = { format: 1, decidedAt, standstill, keep: kept, expire: gone, ...memory };
  return `${JSON.stringify(words)}\n`;
}

type Memory = Required<Pick<StoredPlan, 'past' | 'rememberedSince'>> & {
  readonly policy: StoredPlan['policy'];
};

/**
 * What is remembered of nights whose archives go: two years of them, so that whoever looks back sees more than what is kept.
 *
 * @param before - The plan before this one.
 */
export function remember(
  before: StoredPlan | undefined,
  entries: readonly CatalogueEntry[],
  { decidedAt, expire }: RetentionPlan,
  { keepDays, keepWeekly, keepMonthly, keepYearly }: RetentionPolicy,
): Memory {
  const going = new Set(expire.map(({ id }) => id));
  const now = Date.parse(decidedAt);
  const nights = entries
    .filter(({ id }) => going.has(id.id))
    .map((entry) => ({ ...nightPoint(entry), takenAt: entry.datedAt.toISOString() }));
  const again = new Set(nights.map(({ archiveId }) => archiveId));
  const past = [...(before?.past ?? []).filter(({ archiveId }) => !again.has(archiveId)), ...nights]
    .filter(({ takenAt }) => now - Date.parse(takenAt) < rememberedDays * dayMs)
    .sort((one, other) => (one.takenAt < other.takenAt ? -1 : 1));
  const rememberedSince = before?.rememberedSince ?? new Date(now - keepDays * dayMs).toISOString();
  return { past, rememberedSince, policy: { keepDays, keepWeekly, keepMonthly, keepYearly } };
}

/** @returns `undefined` for a text that is no plan. */
export function parseStoredPlan(text: string): StoredPlan | undefined {
  return parseJson(storedPlanSchema, text);
}

/** Why each archive stays, by its id; of none, where the text is no plan. */
export function parseKept(text: string): ReadonlyMap<string, readonly string[]> {
  return new Map(parseStoredPlan(text)?.keep.map(({ id, reasons }) => [id, reasons]));
}
