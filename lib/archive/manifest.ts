// The commit record of an archive: written by the agent after the archive is complete. No manifest: no archive.

import * as z from 'zod';
import { OffsiteError } from '../base/errors.ts';
import { type ArchiveId, archiveKeys, parseArchiveId } from './names.ts';
import { sourceDatabaseSchema } from './source-database.ts';

/** The newest manifest format this program writes and reads. */
export const manifestFormat = 1;

/** Ids are wrong long before S3 refuses a clock, which it does past a quarter of an hour. */
export const clockToleranceMs = 60_000;

const crc32 = z.string().regex(/^[0-9a-f]{8}$/, 'a CRC-32 is 8 hex digits');
const sha256Sum = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 hex digits');
const bytes = z.number().int().nonnegative();

export const memberSchema = z.strictObject({
  /** Where the member begins in the archive. */
  offset: bytes,
  compressedBytes: bytes,
  plainBytes: bytes,
  /** Of the member's plain text, as its trailer has it. */
  crc32,
});

const manifestSchema = z.strictObject({
  format: z.literal(manifestFormat),
  id: z.string(),
  source: z.string(),
  startedAt: z.iso.datetime(),
  completedAt: z.iso.datetime(),
  /** The host's clock less the store's, where they differed by more than {@link clockToleranceMs}: the dates are off by it. */
  clockAheadMs: z.number().int().optional(),
  /** From the dump's own header. */
  serverVersion: z.string().optional(),
  pgDumpVersion: z.string().optional(),
  /** Not of an archive whose agent was given a command, nor of older ones. */
  database: sourceDatabaseSchema.optional(),
  /** Of a dump that somebody else took: the file that it was compressed from anew. Its date is that of the file's name. */
  imported: z.strictObject({ file: z.string(), sha256: sha256Sum, compressedBytes: bytes }).optional(),
  toolVersion: z.string(),
  compressor: z.string(),
  plainBytes: bytes,
  compressedBytes: bytes,
  /** Of the compressed archive. */
  sha256: sha256Sum,
  /** Of the compressed archive. */
  crc32,
  /** The store's own name for the bytes; null where the bucket is not versioned. */
  versionId: z.string().nullable(),
  etag: z.string(),
  members: z.array(memberSchema).min(1),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** The manifest as it is stored. */
export function serializeManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

/**
 * Reads a manifest.
 *
 * @param expected - Whose manifest it must be.
 * @throws {@link OffsiteError} `MANIFEST_TOO_NEW` if a newer program wrote it, `MANIFEST_INVALID` if it is not one,
 *   belongs to another archive, or contradicts itself.
 */
export function parseManifest(text: string, expected: ArchiveId): Manifest {
  const key = archiveKeys(expected).manifest;
  const value = parseJson(text, key);
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > manifestFormat) {
    throw new OffsiteError('MANIFEST_TOO_NEW', `${key} was written by a newer bitagent-offsite`, {
      expected: `manifest format ${manifestFormat} or older`,
      found: `format ${format}`,
      hint: 'update this installation (git pull && npm ci; for the cloud side also: npx cdk deploy)',
    });
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) throw invalid(key, 'a manifest of format 1', z.prettifyError(parsed.error));
  assertConsistent(parsed.data, expected, key);
  return parsed.data;
}

function assertConsistent(manifest: Manifest, expected: ArchiveId, key: string): void {
  if (manifest.id !== expected.id || manifest.source !== expected.source) {
    throw invalid(key, `the manifest of ${expected.id}`, `that of ${manifest.id}`);
  }
  parseArchiveId(manifest.id);
  let offset = 0;
  let plainBytes = 0;
  for (const member of manifest.members) {
    if (member.offset !== offset)
      throw invalid(key, `a member at offset ${offset}`, `one at ${member.offset}`);
    offset += member.compressedBytes;
    plainBytes += member.plainBytes;
  }
  if (offset !== manifest.compressedBytes || plainBytes !== manifest.plainBytes) {
    throw invalid(
      key,
      `members of ${manifest.compressedBytes} compressed and ${manifest.plainBytes} plain bytes`,
      `${offset} and ${plainBytes}`,
    );
  }
}

function parseJson(text: string, key: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(key, 'JSON', (error as Error).message);
  }
}

function invalid(key: string, expected: string, found: string): OffsiteError {
  return new OffsiteError('MANIFEST_INVALID', `${key} cannot be trusted`, {
    expected,
    found,
    hint: 'the archive may still be whole: look at it with aws s3 cp, gunzip -t and zcat; restore a neighbour meanwhile',
  });
}
