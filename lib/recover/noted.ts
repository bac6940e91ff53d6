// What a recovery notes of itself, so that one that was interrupted goes on. It is a hint where to look and never a proof:
// what it says is asked of the server again.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { makeFolder } from '../base/make-folder.ts';
import { jsonText, parseJson } from '../base/parse-json.ts';
import { replaceFile, stateDirectory } from '../settings/agent-state-file.ts';

/** A database on a server, whatever it is called. */
const databaseSchema = z.object({
  /** The server's, made by initdb. */
  system: z.string(),
  /** The database's; another one of the same name has another. */
  oid: z.string(),
});

const notedSchema = z.object({
  format: z.literal(1),
  source: z.string(),
  archive: z.string(),
  /** Rows of the counted table in it; none where it has no such table. */
  torrents: z.number().optional(),
  /** The Docker engine's own id: another host has another. */
  engine: z.string(),
  database: z.string(),
  /** The server that was empty when the restore began. */
  begun: z.object({ system: z.string() }).optional(),
  /** The database that the archive was restored into, whole. */
  restored: databaseSchema.optional(),
});

export type DatabaseIdentity = z.infer<typeof databaseSchema>;
export type Noted = z.infer<typeof notedSchema>;

export function isSameDatabase(one: DatabaseIdentity, other: DatabaseIdentity): boolean {
  return one.system === other.system && one.oid === other.oid;
}

/** Where a source's recovery is noted, and how it is. */
export function notedFile(source: string): {
  readonly path: string;
  /** @returns `undefined` if there is nothing, or nothing that can be understood. */
  read(): Promise<Noted | undefined>;
  write(noted: Noted): Promise<void>;
} {
  const folder = stateDirectory();
  const path = join(folder, `${source}.recover.json`);
  return {
    path,
    async read() {
      const text = await readFile(path, 'utf8').catch(() => '');
      return parseNoted(text);
    },
    async write(noted) {
      await makeFolder(folder, 0o700);
      await replaceFile(path, jsonText(noted));
    },
  };
}

/** @returns `undefined` if it is none that this version understands. */
export function parseNoted(text: string): Noted | undefined {
  return parseJson(notedSchema, text);
}
