// The commit record of a base backup: written last, it says what recovery has to know before it fetches anything else.

import * as z from 'zod';
import { baseBackupKeys } from '../archive/base-backup-names.ts';
import { memberSchema } from '../archive/manifest.ts';
import type { ArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { parseLsn } from '../wal/segment.ts';

export const baseBackupFormat = 1;

const count = z.number().int().nonnegative();
const position = z
  .string()
  .refine((text) => parseLsn(text) !== undefined, 'a position in the log, as 0/2000028');

const manifestSchema = z.strictObject({
  format: z.literal(baseBackupFormat),
  kind: z.literal('base backup'),
  id: z.string(),
  source: z.string(),
  startedAt: z.iso.datetime(),
  completedAt: z.iso.datetime(),
  /** By the server's clock, which dates its transactions too: no earlier point can be recovered from here. */
  consistentAt: z.iso.datetime(),
  clockAheadMs: z.number().int().optional(),
  toolVersion: z.string(),
  cluster: z.strictObject({
    /** Decimal, as pg_controldata shows it. */
    systemIdentifier: z.string().regex(/^\d+$/),
    serverVersion: z.string(),
    /** As `server_version_num`, of which the first digits are the major version. */
    serverVersionNumber: count,
    segmentBytes: count,
    dataChecksums: z.boolean(),
  }),
  timeline: z.number().int().positive(),
  startLsn: position,
  stopLsn: position,
  /** Others than the cluster's own; none yet. */
  tablespaces: z.array(z.strictObject({ oid: count, location: z.string() })),
  files: count,
  /** Of the tar. */
  compressor: z.string(),
  plainBytes: count,
  compressedBytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 hex digits'),
  crc32: z.string().regex(/^[0-9a-f]{8}$/, 'a CRC-32 is 8 hex digits'),
  versionId: z.string().nullable(),
  etag: z.string(),
  members: z.array(memberSchema).min(1),
});

export type BaseBackupManifest = z.infer<typeof manifestSchema>;

export function serializeBaseBackupManifest(manifest: BaseBackupManifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

/**
 * Reads a manifest.
 *
 * @throws {@link OffsiteError} `MANIFEST_TOO_NEW`, or `MANIFEST_INVALID` if it is none of this base backup.
 */
export function parseBaseBackupManifest(text: string, id: ArchiveId): BaseBackupManifest {
  const key = baseBackupKeys(id).manifest;
  const invalid = (expected: string, found: string) =>
    new OffsiteError('MANIFEST_INVALID', `${key} cannot be trusted`, {
      expected,
      found,
      hint: 'the base backup may still be whole: look at it with aws s3 cp, gunzip and tar; recover from a neighbour meanwhile',
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid('JSON', (error as Error).message);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > baseBackupFormat) {
    throw new OffsiteError('MANIFEST_TOO_NEW', `${key} was written by a newer bitagent-offsite`, {
      expected: `format ${baseBackupFormat} or older`,
      found: `format ${format}`,
      hint: 'update this installation (git pull && npm ci)',
    });
  }
  const { data, error } = manifestSchema.safeParse(value);
  if (data === undefined) throw invalid('the manifest of a base backup', z.prettifyError(error));
  if (data.id !== id.id || data.source !== id.source)
    throw invalid(`the manifest of ${id.id}`, `that of ${data.id}`);
  return data;
}
