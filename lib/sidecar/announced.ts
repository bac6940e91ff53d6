// Which sidecar's archive an event announces.

import type * as z from 'zod';
import type { ArchiveId } from '../archive/names.ts';
import type { objectCreatedSchema } from '../deployment/events.ts';
import { parseSidecarKey } from './names.ts';

/** @returns `undefined` of an event that is not about the manifest of a sidecar in this bucket. */
export function announcedSidecar(
  { detail }: z.infer<typeof objectCreatedSchema>,
  bucket: string,
): ArchiveId | undefined {
  const parsed = parseSidecarKey(detail.object.key);
  return detail.bucket.name === bucket && parsed?.part === 'manifest' ? parsed.id : undefined;
}
