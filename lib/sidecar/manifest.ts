// The commit record of a sidecar's archive: written last, like a dump's. It says what the copy held when it was made, by
// which it is judged ever after.

import * as z from 'zod';
import { commonFields, count, recordsOf } from '../archive/commit-record.ts';
import { sidecarKeys } from './names.ts';

export const sidecarFormat = 1;

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
  ...commonFields,
  contents: contentsSchema,
});

export type SidecarManifest = z.infer<typeof manifestSchema>;

export const sidecarRecords = recordsOf<SidecarManifest>({
  schema: manifestSchema,
  format: sidecarFormat,
  what: 'the manifest of a sidecar',
  programs: 'gunzip and sqlite3',
  name: 'sidecar archive',
  hint: "see 'offsite sidecar list' for the archives there are",
  keyOf: (id) => sidecarKeys(id).manifest,
  assertConsistent({ contents: { pages, pageBytes }, plainBytes }, invalid) {
    if (plainBytes !== pages * pageBytes)
      throw invalid(`${pages} pages of ${pageBytes} bytes`, `${plainBytes} bytes`);
  },
});
