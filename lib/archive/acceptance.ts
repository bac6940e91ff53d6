// The operator's word on a suspicious archive: it looks unusual, and it is right. From then on it counts as intact, and
// what comes after it is compared with it. It is bound to the bytes that were judged: others never inherit it.

import * as z from 'zod';
import { parseJson } from '../base/parse-json.ts';
import type { ArchiveId } from './names.ts';
import { deviationSchema, type Verdict } from './verdict.ts';

const acceptanceSchema = z.object({
  format: z.literal(1),
  id: z.string(),
  source: z.string(),
  /** The bytes that are accepted. */
  versionId: z.string().nullable(),
  etag: z.string(),
  acceptedAt: z.iso.datetime(),
  /** In the operator's words. */
  reason: z.string().optional(),
  /** What was unusual, as the verdict had it. */
  deviations: z.array(deviationSchema),
  toolVersion: z.string(),
});

export type Acceptance = z.infer<typeof acceptanceSchema>;

/**
 * Reads an acceptance.
 *
 * @returns `undefined` if the text is none, or speaks of another archive: what cannot be read accepts nothing.
 */
export function parseAcceptance(text: string, expected: Pick<ArchiveId, 'id'>): Acceptance | undefined {
  const parsed = parseJson(acceptanceSchema, text);
  return parsed?.id === expected.id ? parsed : undefined;
}

/** Whether an acceptance speaks of the bytes that a verdict calls suspicious; no other verdict can be accepted. */
export function isAccepted(
  verdict: Pick<Verdict, 'verdict' | 'id' | 'etag' | 'versionId'>,
  acceptance: Acceptance | undefined,
): boolean {
  return (
    acceptance !== undefined &&
    verdict.verdict === 'suspicious' &&
    verdict.id === acceptance.id &&
    verdict.etag === acceptance.etag &&
    verdict.versionId === acceptance.versionId
  );
}
