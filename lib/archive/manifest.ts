// The commit record of an archive: written by the agent after the archive is complete. No manifest: no archive.

import * as z from 'zod';
import { commonFields, count, type Invalid, recordsOf, sha256Sum } from './commit-record.ts';
import { archiveKeys, parseArchiveId } from './names.ts';
import { sourceDatabaseSchema } from './source-database.ts';

/** The newest manifest format this program writes and reads. */
export const manifestFormat = 1;

/** Ids are wrong long before S3 refuses a clock, which it does past a quarter of an hour. */
export const clockToleranceMs = 60_000;

const manifestSchema = z.strictObject({
  format: z.literal(manifestFormat),
  ...commonFields,
  /** From the dump's own header. */
  serverVersion: z.string().optional(),
  pgDumpVersion: z.string().optional(),
  /** Not of an archive whose agent was given a command, nor of older ones. */
  database: sourceDatabaseSchema.optional(),
  /** Of a dump that somebody else took: the file that it was compressed from anew. Its date is that of the file's name. */
  imported: z.strictObject({ file: z.string(), sha256: sha256Sum, compressedBytes: count }).optional(),
});

export type Manifest = z.infer<typeof manifestSchema>;

export const ofDumps = recordsOf<Manifest>({
  schema: manifestSchema,
  format: manifestFormat,
  what: 'a manifest of format 1',
  programs: 'gunzip -t and zcat',
  name: 'archive',
  hint: "see 'offsite list' for the archives there are",
  keyOf: (id) => archiveKeys(id).manifest,
  assertConsistent,
});
export const parseManifest = ofDumps.parse;

function assertConsistent(manifest: Manifest, invalid: Invalid): void {
  parseArchiveId(manifest.id);
  let offset = 0;
  let plainBytes = 0;
  for (const member of manifest.members) {
    if (member.offset !== offset) throw invalid(`a member at offset ${offset}`, `one at ${member.offset}`);
    offset += member.compressedBytes;
    plainBytes += member.plainBytes;
  }
  if (offset !== manifest.compressedBytes || plainBytes !== manifest.plainBytes) {
    throw invalid(
      `members of ${manifest.compressedBytes} compressed and ${manifest.plainBytes} plain bytes`,
      `${offset} and ${plainBytes}`,
    );
  }
}
