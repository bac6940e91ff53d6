// Which archives a source has already, so that no dump comes in twice: the vault is asked. Credentials that may only create
// get no answer; then what was imported from this host is what is known.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { type ArchiveId, archivesPrefix, parseKey } from '../archive/names.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { nothingIf, OffsiteError } from '../base/errors.ts';
import { makeFolder } from '../base/make-folder.ts';
import { parseJson } from '../base/parse-json.ts';
import { combineCrc32 } from '../gzip/crc32-combine.ts';
import type { Member } from '../gzip/gzip-members.ts';
import { replaceFile, stateDirectory } from '../settings/agent-state-file.ts';
import type { ArchiveStore } from '../store/store.ts';

/** `unseen`: the store has refused another one of that id. */
export type KnownAs = 'committed' | 'no manifest' | 'unseen';

export type Known = {
  /** Whether the vault has said so. */
  readonly isOfVault: boolean;
  readonly ids: Map<string, KnownAs>;
  /** By the sha256 of an archive, and of the file that one was imported from; and by the mark of its dump. */
  readonly bySum: Map<string, string>;
  /** The sums of one that came meanwhile: none of one without manifest. @returns `undefined` where the vault may not be asked. */
  look(id: ArchiveId): Promise<readonly string[] | undefined>;
};

const readsInFlight = 16;

/** What is the same of one dump, however it was compressed: its length and its CRC-32. */
export function markOf(members: readonly Member[]): string {
  let [bytes, sum] = [0, 0];
  for (const { plainBytes, crc32 } of members) {
    sum = combineCrc32(sum, Number.parseInt(crc32, 16), plainBytes);
    bytes += plainBytes;
  }
  return `${bytes}:${sum.toString(16)}`;
}

/** Reads which archives a source has, from the vault or, where that may not be asked, from this host's notes. */
export async function readKnown(store: ArchiveStore, source: string): Promise<Known> {
  const look = async (id: ArchiveId) => (await sumsOf(store, id)).sums;
  const known: Known = { isOfVault: true, ids: new Map(), bySum: new Map(), look };
  try {
    const waiting: ArchiveId[] = [];
    for await (const { key } of store.list(`${archivesPrefix}${source}/`)) {
      const parsed = parseKey(key);
      if (parsed === undefined) continue;
      const { id, part } = parsed;
      if (part === 'manifest') waiting.push(id);
      if (part === 'manifest' || !known.ids.has(id.id))
        known.ids.set(id.id, part === 'manifest' ? 'committed' : 'no manifest');
    }
    while (waiting.length > 0) {
      const manifests = await Promise.all(waiting.splice(0, readsInFlight).map((id) => sumsOf(store, id)));
      for (const { id, sums } of manifests) for (const sum of sums) known.bySum.set(sum, id);
    }
    return known;
  } catch (error) {
    if (!(error instanceof OffsiteError) || error.code !== 'CREDENTIALS_REFUSED') throw error;
    return readNotes(source);
  }
}

async function sumsOf(store: ArchiveStore, id: ArchiveId): Promise<{ id: string; sums: string[] }> {
  // One that cannot be trusted says nothing of its bytes.
  const manifest = await readManifest(store, id).catch(nothingIf(/^MANIFEST_/));
  if (manifest === undefined) return { id: id.id, sums: [] };
  const { sha256, imported, members } = manifest;
  return { id: id.id, sums: [sha256, markOf(members), ...(imported ? [imported.sha256] : [])] };
}

const notesSchema = z.object({
  format: z.literal(1),
  ids: z.array(z.tuple([z.string(), z.enum(['committed', 'no manifest', 'unseen'])])),
  bySum: z.array(z.tuple([z.string(), z.string()])),
});

const notesOf = (source: string) => join(stateDirectory(), `${source}.imported.json`);

async function readNotes(source: string): Promise<Known> {
  const text = await readFile(notesOf(source), 'utf8').catch(() => '');
  // None, or none that can be understood: then the store refuses what is there.
  const notes = parseJson(notesSchema, text);
  const look = async () => undefined;
  return { isOfVault: false, ids: new Map(notes?.ids), bySum: new Map(notes?.bySum), look };
}

/**
 * Notes what is known, for the next run.
 *
 * @returns What to warn of if it could not be written, and will be missed.
 */
export async function noteKnown(
  source: string,
  { isOfVault, ids, bySum }: Known,
): Promise<string | undefined> {
  const notes: z.infer<typeof notesSchema> = { format: 1, ids: [...ids], bySum: [...bySum] };
  try {
    await makeFolder(stateDirectory(), 0o700);
    await replaceFile(notesOf(source), `${JSON.stringify(notes)}\n`);
    return undefined;
  } catch (error) {
    if (isOfVault) return undefined;
    return `what was imported is not noted, so credentials that may only create would upload it again: ${(error as Error).message}`;
  }
}
