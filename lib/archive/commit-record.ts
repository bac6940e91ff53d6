// What the manifests of all kinds have in common: the stored bytes and their gzip members, and how their text is read.

import * as z from 'zod';
import { OffsiteError } from '../base/errors.ts';
import type { ArchiveId } from './names.ts';

const crc32 = z.string().regex(/^[0-9a-f]{8}$/, 'a CRC-32 is 8 hex digits');
export const sha256Sum = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 is 64 hex digits');
export const count = z.number().int().nonnegative();

export const memberSchema = z.strictObject({
  /** Where the member begins in the archive. */
  offset: count,
  compressedBytes: count,
  plainBytes: count,
  /** Of the member's plain text, as its trailer has it. */
  crc32,
});

/** Whose archive it is, when it was taken, and the bytes that are stored. */
export const commonFields = {
  id: z.string(),
  source: z.string(),
  startedAt: z.iso.datetime(),
  completedAt: z.iso.datetime(),
  /** The host's clock less the store's, where they differed by more than `clockToleranceMs`: the dates are off by it. */
  clockAheadMs: z.number().int().optional(),
  toolVersion: z.string(),
  compressor: z.string(),
  plainBytes: count,
  compressedBytes: count,
  /** Of the compressed archive. */
  sha256: sha256Sum,
  /** Of the compressed archive. */
  crc32,
  /** The store's own name for the bytes; null where the bucket is not versioned. */
  versionId: z.string().nullable(),
  etag: z.string(),
  members: z.array(memberSchema).min(1),
};

type RecordKind<T> = {
  readonly schema: z.ZodType<T>;
  /** The newest that this program reads. */
  readonly format: number;
  /** `the manifest of a sidecar` */
  readonly what: string;
  /** By which programs the archive can be looked at without its manifest. */
  readonly programs: string;
  /** What there is none of without it: `base backup`. */
  readonly name: string;
  /** Where to see which there are. */
  readonly hint: string;
  readonly keyOf: (id: ArchiveId) => string;
  /** Looks for contradictions within it. */
  readonly assertConsistent?: (record: T, invalid: Invalid) => void;
};

/** Makes the error of a manifest that cannot be trusted. */
export type Invalid = (expected: string, found: string) => OffsiteError;

/** How the manifests of one kind are read. */
export function recordsOf<T extends Pick<ArchiveId, 'id' | 'source'>>(kind: RecordKind<T>) {
  return {
    keyOf: kind.keyOf,
    /**
     * @throws {@link OffsiteError} `MANIFEST_TOO_NEW` if a newer program wrote it, `MANIFEST_INVALID` if it is not one, belongs to
     *   another archive, or contradicts itself.
     */
    parse: (text: string, id: ArchiveId): T => parseRecord(text, id, kind),
    /** The error of one that was never committed, or is not there at all. */
    missing: (id: ArchiveId): OffsiteError =>
      new OffsiteError('MANIFEST_MISSING', `there is no ${kind.name} ${id.id}`, {
        expected: `its manifest at ${kind.keyOf(id)}`,
        found: `nothing there: no manifest, no ${kind.name}`,
        hint: kind.hint,
      }),
  };
}

export type Records<T> = ReturnType<typeof recordsOf<T & Pick<ArchiveId, 'id' | 'source'>>>;

function parseRecord<T extends Pick<ArchiveId, 'id' | 'source'>>(
  text: string,
  expected: ArchiveId,
  { schema, format: newest, what, programs, keyOf, assertConsistent }: RecordKind<T>,
): T {
  const key = keyOf(expected);
  const invalid: Invalid = (wanted, found) =>
    new OffsiteError('MANIFEST_INVALID', `${key} cannot be trusted`, {
      expected: wanted,
      found,
      hint: `the archive may still be whole: look at it with aws s3 cp, ${programs}; restore a neighbour meanwhile ('offsite list')`,
    });
  const value = parseJson(text, invalid);
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > newest) {
    throw new OffsiteError('MANIFEST_TOO_NEW', `${key} was written by a newer bitagent-offsite`, {
      expected: `manifest format ${newest} or older`,
      found: `format ${format}`,
      hint: 'update this program as it was installed (a clone: git pull && npm ci; a package: the newer .tgz or .deb), and after it the cloud side: npx cdk deploy',
    });
  }
  const { data, error } = schema.safeParse(value);
  if (error !== undefined) throw invalid(what, z.prettifyError(error));
  if (data.id !== expected.id || data.source !== expected.source)
    throw invalid(`the manifest of ${expected.id}`, `that of ${data.id}`);
  assertConsistent?.(data, invalid);
  return data;
}

function parseJson(text: string, invalid: Invalid): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid('JSON', (error as Error).message);
  }
}
