// JSON as it is stored: read with its shape in mind, and written so that a person can read it, too.

import type * as z from 'zod';

/** What others wrote, or an older version of ours. @returns `undefined` of a text that is no JSON, or not of this shape. */
export function parseJson<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text ?? '')).data;
  } catch {
    return undefined;
  }
}

export function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}
