// The commit record of a base backup: written last, it says what recovery has to know before it fetches anything else.

import * as z from 'zod';
import { baseBackupKeys } from '../archive/base-backup-names.ts';
import { commonFields, count, recordsOf } from '../archive/commit-record.ts';
import { parseLsn } from '../wal/segment.ts';

export const baseBackupFormat = 1;

const position = z
  .string()
  .refine((text) => parseLsn(text) !== undefined, 'a position in the log, as 0/2000028');

const manifestSchema = z.strictObject({
  format: z.literal(baseBackupFormat),
  kind: z.literal('base backup'),
  ...commonFields,
  /** By the server's clock, which dates its transactions too: no earlier point can be recovered from here. */
  consistentAt: z.iso.datetime(),
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
  /** Outside of the data directory; in the tar, their files are under `pg_tblspc/<oid>/`. */
  tablespaces: z.array(z.strictObject({ oid: count, location: z.string(), bytes: count })),
  files: count,
});

export type BaseBackupManifest = z.infer<typeof manifestSchema>;

export const baseBackupRecords = recordsOf<BaseBackupManifest>({
  schema: manifestSchema,
  format: baseBackupFormat,
  what: 'the manifest of a base backup',
  programs: 'gunzip and tar',
  name: 'base backup',
  hint: "see 'offsite wal window' for the base backups there are",
  keyOf: (id) => baseBackupKeys(id).manifest,
});
export const parseBaseBackupManifest = baseBackupRecords.parse;
