// The events that wake the handlers, parsed once at the edge.

import * as z from 'zod';
import { type ArchiveKind, ofDatabase, parseDueKey } from '../archive/kind.ts';
import type { ArchiveId } from '../archive/names.ts';
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

/** Of a dump its bytes are an event, too: only the vault knows whether they lie over others. */
const occasions = { manifest: 'committed', archive: 'stored' } as const;

/** Which archive is to be judged, and what is the matter with it. */
export type Announced = {
  readonly kind: ArchiveKind;
  readonly id: ArchiveId;
  readonly occasion: 'committed' | 'stored' | 'due';
};

/**
 * Finds the archive that an event is about.
 *
 * @param bucket - The only bucket whose events are meant.
 * @param kinds - Those that are judged.
 * @throws {@link OffsiteError} `EVENT_FOREIGN` for another bucket or another key.
 */
export function announcedArchive(
  event: z.infer<typeof objectCreatedSchema>,
  bucket: string,
  kinds: readonly ArchiveKind[],
): Announced {
  const { bucket: from, object } = event.detail;
  for (const kind of from.name === bucket ? kinds : []) {
    const due = parseDueKey(kind, object.key);
    if (due !== undefined) return { kind, id: due, occasion: 'due' };
    const { id, part = 'verdict' } = kind.parseKey(object.key) ?? {};
    if (id && (part === 'manifest' || (part === 'archive' && kind === ofDatabase)))
      return { kind, id, occasion: occasions[part] };
  }
  throw new OffsiteError('EVENT_FOREIGN', 'the event is not about an archive of this vault', {
    expected: `s3://${bucket}/archives/<source>/<id>.manifest.json or .sql.gz, a manifest under sidecars/ or basebackups/, or one under due/`,
    found: `s3://${from.name}/${object.key}`,
    hint: 'nothing was read or written; compare the rule with the template: npx cdk diff',
  });
}
