// The events that wake the handlers, parsed once at the edge.

import * as z from 'zod';
import type { ArchiveKind } from '../archive/kind.ts';
import { type ArchiveId, dueKey, isArchiveId, parseArchiveId, parseKey } from '../archive/names.ts';
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

/** Whose manifest in this bucket an event is about; `undefined` where it is about something else. */
export function committedOf(
  kind: ArchiveKind,
  { detail }: z.infer<typeof objectCreatedSchema>,
  bucket: string,
): ArchiveId | undefined {
  const parsed = kind.parseKey(detail.object.key);
  return detail.bucket.name === bucket && parsed?.part === 'manifest' ? parsed.id : undefined;
}

const occasions = { manifest: 'committed', archive: 'stored', due: 'due' } as const;

function parseDueKey(key: string): { readonly id: ArchiveId; readonly part: 'due' } | undefined {
  const name = key.slice(key.lastIndexOf('/') + 1).replace(/\.json$/, '');
  if (!isArchiveId(name) || dueKey(parseArchiveId(name)) !== key) return undefined;
  return { id: parseArchiveId(name), part: 'due' };
}

/**
 * Finds the archive that an event is about, and what is the matter with it.
 *
 * @param bucket - The only bucket whose events are meant.
 * @throws {@link OffsiteError} `EVENT_FOREIGN` for another bucket or another key.
 */
export function announcedArchive(
  event: z.infer<typeof objectCreatedSchema>,
  bucket: string,
): { readonly id: ArchiveId; readonly occasion: 'committed' | 'stored' | 'due' } {
  const { bucket: from, object } = event.detail;
  const parsed = from.name === bucket ? (parseKey(object.key) ?? parseDueKey(object.key)) : undefined;
  if (parsed !== undefined && parsed.part !== 'verdict')
    return { id: parsed.id, occasion: occasions[parsed.part] };
  throw new OffsiteError('EVENT_FOREIGN', 'the event is not about an archive of this vault', {
    expected: `s3://${bucket}/archives/<source>/<id>.manifest.json or .sql.gz, a manifest under sidecars/ or basebackups/, or one under due/`,
    found: `s3://${from.name}/${object.key}`,
    hint: "compare the rule's event pattern with the deployed template; nothing was read or written",
  });
}
