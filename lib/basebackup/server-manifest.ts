// backup_manifest: what the server says that is in a base backup, with a sum of each file and of itself.

import { createHash } from 'node:crypto';
import * as z from 'zod';

const fileSchema = z.object({
  Path: z.string().optional(),
  /** In hex: a name that is no UTF-8. */
  'Encoded-Path': z.string().optional(),
  Size: z.number().int().nonnegative(),
  'Checksum-Algorithm': z.string().optional(),
  Checksum: z.string().optional(),
});

const manifestSchema = z.object({
  Files: z.array(fileSchema),
  'WAL-Ranges': z
    .array(z.object({ Timeline: z.number().int(), 'Start-LSN': z.string(), 'End-LSN': z.string() }))
    .min(1),
  'Manifest-Checksum': z.string(),
});

export type ServerFile = {
  readonly path: string;
  readonly bytes: number;
  /** In hex; `undefined` where the server was asked for another sum. */
  readonly sha256: string | undefined;
};

export type ServerManifest = {
  readonly files: readonly ServerFile[];
  /** The log that it cannot do without. */
  readonly walRange: { readonly timeline: number; readonly start: string; readonly end: string };
};

export const serverManifestName = 'backup_manifest';

/**
 * Reads a `backup_manifest`.
 *
 * @throws An `Error` with one sentence, if it is none, or not what its own sum says.
 * @see https://www.postgresql.org/docs/16/backup-manifest-format.html
 */
export function parseServerManifest(text: string): ServerManifest {
  const value = manifestSchema.parse(JSON.parse(text));
  // Of all before the line that has it.
  const summed = text.slice(0, text.lastIndexOf('"Manifest-Checksum"'));
  const sum = createHash('sha256').update(summed).digest('hex');
  if (sum !== value['Manifest-Checksum'])
    throw new Error(`its own sum is ${value['Manifest-Checksum']}, its text has ${sum}`);
  const [range] = value['WAL-Ranges'];
  if (range === undefined || value['WAL-Ranges'].length > 1)
    throw new Error('its log is of more than one timeline: a server was promoted meanwhile');
  const files = value.Files.map((file) => ({
    path: file.Path ?? Buffer.from(file['Encoded-Path'] ?? '', 'hex').toString('utf8'),
    bytes: file.Size,
    sha256: file['Checksum-Algorithm'] === 'SHA256' ? file.Checksum : undefined,
  }));
  return { files, walRange: { timeline: range.Timeline, start: range['Start-LSN'], end: range['End-LSN'] } };
}

export function tablespaceBytes({ files }: ServerManifest, oid: number): number {
  const own = files.filter(({ path }) => path.startsWith(`${tablespaceFolder(oid)}/`));
  return own.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Where a data directory has a tablespace. */
export function tablespaceFolder(oid: number): string {
  return `pg_tblspc/${oid}`;
}

/**
 * Whether a data directory has the files that the server says, and no others.
 *
 * @param found - Bytes of each file that is there, by its path; of files whose sum was made, that too.
 * @returns What differs, a sentence each.
 */
export function missingFrom(
  { files }: ServerManifest,
  found: ReadonlyMap<string, { readonly bytes: number; readonly sha256?: string }>,
): string[] {
  const faults: string[] = [];
  const listed = new Set([serverManifestName]);
  for (const { path, bytes, sha256 } of files) {
    listed.add(path);
    const file = found.get(path);
    if (file === undefined) faults.push(`${path} is missing`);
    else if (file.bytes !== bytes) faults.push(`${path} has ${file.bytes} bytes, not ${bytes}`);
    else if (file.sha256 !== undefined && sha256 !== undefined && file.sha256 !== sha256)
      faults.push(`${path} has SHA-256 ${file.sha256}, not ${sha256}`);
  }
  for (const path of found.keys()) if (!listed.has(path)) faults.push(`${path} is not in the server's list`);
  return faults;
}
