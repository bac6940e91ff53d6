// The commit record of a sidecar's archive: written last, like a dump's. It says what the copy held when it was made, by
// which it is judged ever after.

import * as z from 'zod';
import { memberSchema } from '../archive/manifest.ts';
import type { ArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { sidecarKeys } from './names.ts';

export const sidecarFormat = 1;

const count = z.number().int().nonnegative();

/** What a SQLite database says of itself. */
export const contentsSchema = z.strictObject({
  pageBytes: count,
  pages: count,
  userVersion: z.number().int(),
  applicationId: z.number().int(),
  /** Rows of every table, those within which virtual tables keep theirs among them. */
  rows: z.record(z.string(), count),
  /** Rows that refer to none: SQLite looks at keys only where it is asked to. */
  danglingRows: count,
});

export type SidecarContents = z.infer<typeof contentsSchema>;

const manifestSchema = z.strictObject({
  format: z.literal(sidecarFormat),
  kind: z.literal('sqlite'),
  id: z.string(),
  source: z.string(),
  startedAt: z.iso.datetime(),
  completedAt: z.iso.datetime(),
  clockAheadMs: z.number().int().optional(),
  toolVersion: z.string(),
  compressor: z.string(),
  plainBytes: count,
  compressedBytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 hex digits'),
  crc32: z.string().regex(/^[0-9a-f]{8}$/, 'a CRC-32 is 8 hex digits'),
  versionId: z.string().nullable(),
  etag: z.string(),
  members: z.array(memberSchema).min(1),
  contents: contentsSchema,
});

export type SidecarManifest = z.infer<typeof manifestSchema>;

export function serializeSidecarManifest(manifest: SidecarManifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

/**
 * Reads a manifest.
 *
 * @throws {@link OffsiteError} `MANIFEST_TOO_NEW`, or `MANIFEST_INVALID` if it is none of this archive, or contradicts itself.
 */
export function parseSidecarManifest(text: string, { id, source }: ArchiveId): SidecarManifest {
  const key = sidecarKeys({ id, source }).manifest;
  const invalid = (expected: string, found: string) =>
    new OffsiteError('MANIFEST_INVALID', `${key} cannot be trusted`, {
      expected,
      found,
      hint: 'the archive may still be whole: look at it with aws s3 cp, gunzip and sqlite3; restore a neighbour meanwhile',
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid('JSON', (error as Error).message);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > sidecarFormat) {
    throw new OffsiteError('MANIFEST_TOO_NEW', `${key} was written by a newer bitagent-offsite`, {
      expected: `format ${sidecarFormat} or older`,
      found: `format ${format}`,
      hint: 'update this installation (git pull && npm ci; for the cloud side also: npx cdk deploy)',
    });
  }
  const { data, error } = manifestSchema.safeParse(value);
  if (data === undefined) throw invalid('the manifest of a sidecar', z.prettifyError(error));
  if (data.id !== id || data.source !== source) throw invalid(`the manifest of ${id}`, `that of ${data.id}`);
  const { pages, pageBytes } = data.contents;
  if (data.plainBytes !== pages * pageBytes)
    throw invalid(`${pages} pages of ${pageBytes} bytes`, `${data.plainBytes} bytes`);
  return data;
}
