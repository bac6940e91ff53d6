// What re-reading a sidecar's archive showed.

import * as z from 'zod';
import type { SidecarContents, SidecarManifest } from './manifest.ts';

const deviationSchema = z.object({ what: z.string(), expected: z.string(), found: z.string() });

export const sidecarVerdictSchema = z.object({
  verdict: z.enum(['intact', 'damaged', 'missing']),
  format: z.literal(1),
  id: z.string(),
  source: z.string(),
  /** Of the bytes that were read; another archive's never inherit it. */
  etag: z.string(),
  versionId: z.string().nullable(),
  verifiedAt: z.iso.datetime(),
  toolVersion: z.string(),
  /** Empty of an intact one. */
  deviations: z.array(deviationSchema),
  /** Why SQLite was not asked; all else was. */
  notAsked: z.string().optional(),
});

export type SidecarVerdict = z.infer<typeof sidecarVerdictSchema>;
export type SidecarDeviation = z.infer<typeof deviationSchema>;

/** What differs between what was archived and what came of it. @param faults - What SQLite finds broken. */
export function differences(
  { contents }: Pick<SidecarManifest, 'contents'>,
  found: SidecarContents,
  faults: readonly string[],
): SidecarDeviation[] {
  const whole = faults.map((fault) => ({ what: 'integrity_check', expected: 'ok', found: fault }));
  const tables = [...new Set([...Object.keys(contents.rows), ...Object.keys(found.rows)])];
  const rows = tables.map((table) => [`rows of ${table}`, contents.rows[table], found.rows[table]] as const);
  const named = [
    ['page size', contents.pageBytes, found.pageBytes],
    ['pages', contents.pages, found.pages],
    ['user_version', contents.userVersion, found.userVersion],
    ['application_id', contents.applicationId, found.applicationId],
    ['rows that refer to none', contents.danglingRows, found.danglingRows],
    ...rows,
  ] as const;
  const differing = named.filter(([, expected, one]) => expected !== one);
  const words = (value: number | undefined) => (value === undefined ? 'no such table' : String(value));
  return [
    ...whole,
    ...differing.map(([what, expected, one]) => ({ what, expected: words(expected), found: words(one) })),
  ];
}

/** `undefined` if the text is no verdict that this version understands. */
export function parseSidecarVerdict(text: string): SidecarVerdict | undefined {
  try {
    return sidecarVerdictSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
