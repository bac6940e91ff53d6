// Texts that others wrote, or an older version of ours: what cannot be understood is as good as none.

import type * as z from 'zod';

/** @returns `undefined` of a text that is no JSON, or not of this shape. */
export function parseJson<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}
