// A request that files of the log be read: `watch` writes it, its event wakes `verify`.

import * as z from 'zod';

const dueSchema = z.object({ format: z.literal(1), keys: z.array(z.string()) });

/** @param keys - Of files of one cluster's log. */
export function serializeDueLog(keys: readonly string[]): string {
  return `${JSON.stringify({ format: 1, keys })}\n`;
}

/** @returns The keys. @throws Of what is no such request. */
export function parseDueLog(text: string): readonly string[] {
  return dueSchema.parse(JSON.parse(text)).keys;
}
