// The events that wake the handlers, parsed once at the edge.

import * as z from 'zod';
import { type ArchiveId, parseKey } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';

/** S3's "Object Created", as EventBridge delivers it. */
export const objectCreatedSchema = z.looseObject({
  'detail-type': z.literal('Object Created'),
  detail: z.looseObject({
    bucket: z.looseObject({ name: z.string() }),
    object: z.looseObject({ key: z.string() }),
  }),
});

/** What a schedule sends, or an operator by hand. */
export const scheduledSchema = z.looseObject({
  id: z.string().optional(),
  /** When it was due; a call by hand has none. */
  time: z.string().optional(),
  /** Of `expire`: plan, and delete nothing. */
  dryRun: z.boolean().default(false),
  /** Of `expire`: take all that is not kept, however many nights' worth that is. */
  atOnce: z.boolean().default(false),
});

/**
 * Finds the archive whose manifest an event announces.
 *
 * @param bucket - The only bucket whose events are meant.
 * @throws {@link OffsiteError} `EVENT_FOREIGN` for another bucket or another key.
 */
export function announcedArchive(event: z.infer<typeof objectCreatedSchema>, bucket: string): ArchiveId {
  const { bucket: from, object } = event.detail;
  const parsed = parseKey(object.key);
  if (from.name === bucket && parsed?.part === 'manifest') return parsed.id;
  throw new OffsiteError('EVENT_FOREIGN', 'the event is not about a manifest of this vault', {
    expected: `s3://${bucket}/archives/<source>/<id>.manifest.json, or one under sidecars/`,
    found: `s3://${from.name}/${object.key}`,
    hint: "compare the rule's event pattern with the deployed template; nothing was read or written",
  });
}
