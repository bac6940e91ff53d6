// A hold keeps one archive from being expired until a date. `offsite undo` places it: what was just brought back must
// not be gone again the next morning; and `offsite backup --before-upgrade`: it is the way back behind the migrations.

import * as z from 'zod';
import { namesOf, type Whose } from '../archive/names.ts';
import { parseJson } from '../base/parse-json.ts';

export const holdsPrefix = 'holds/';

const holdSchema = z.strictObject({
  format: z.literal(1),
  id: z.string(),
  placedAt: z.iso.datetime(),
  /** From then on retention decides as if there were no hold. */
  until: z.iso.datetime(),
});

export type Hold = z.infer<typeof holdSchema>;

/** The holds of a source by archive id; `undefined` is one that cannot be understood, and it holds for ever. */
export type Holds = ReadonlyMap<string, Hold | undefined>;

const dayMs = 86_400_000;

const names = namesOf({ hold: [holdsPrefix, '.json'] });
export const parseHoldKey = names.parseKey;

/** Where an archive's hold is in the bucket. */
export function holdKey(id: Whose): string {
  return names.keysOf(id).hold;
}

export function placeHold(id: string, days: number, now: Date): Hold {
  const until = new Date(now.getTime() + days * dayMs);
  return { format: 1, id, placedAt: now.toISOString(), until: until.toISOString() };
}

/** @returns `undefined` for a text that is no hold of this archive. */
export function parseHold(text: string, id: string): Hold | undefined {
  const hold = parseJson(holdSchema, text);
  return hold?.id === id ? hold : undefined;
}
