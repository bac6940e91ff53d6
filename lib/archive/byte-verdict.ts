// What re-reading showed of an archive that is no dump: of a sidecar, or a base backup. There is nothing in it that could be suspicious.

import * as z from 'zod';
import { deviationSchema } from './verdict.ts';

export const byteVerdictSchema = z.object({
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

export type ByteVerdict = z.infer<typeof byteVerdictSchema>;
export type FaultyByteVerdict = ByteVerdict & { readonly verdict: 'damaged' | 'missing' };
