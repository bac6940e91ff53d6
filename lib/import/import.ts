// import: a dump that somebody else took becomes an archive, as if it had been taken then. It is judged before a byte of it
// is stored, and compressed anew into members, so that all that follows reads it as any other.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { Inventory } from '../archive/inventory.ts';
import { type ArchiveId, archiveIdAt, archivesPrefix, parseKey } from '../archive/names.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { judge } from '../archive/verdict.ts';
import { backup } from '../backup/backup.ts';
import { OffsiteError } from '../base/errors.ts';
import { formatInstant } from '../base/quantities.ts';
import { GzipReader } from '../gzip/inflate.ts';
import type { ArchiveStore } from '../store/store.ts';
import { observe } from '../verify/observe.ts';

/** What a source has already, as far as the credentials may see it: else a key that is taken is all that shows. */
export type Known = {
  readonly ids: Set<string>;
  /** Those of them that have a manifest. */
  readonly committed: Set<string>;
  /** By the sha256 of an archive, and of the file that one was imported from. */
  readonly bySum: Map<string, string>;
};

export type ImportOptions = {
  readonly store: ArchiveStore;
  readonly source: string;
  readonly file: string;
  /** When the dump was taken. */
  readonly takenAt: Date;
  readonly known: Known | undefined;
  /** Judges and looks only. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Called as plain bytes are stored. */
  readonly onProgress?: (plainBytes: number) => void;
  /** Called once it is known how many that will be. */
  readonly onJudged?: (plainBytes: number) => void;
};

export type Imported = {
  readonly outcome: 'imported' | 'already there' | 'would be imported';
  readonly id: string;
  readonly inventory: Inventory;
};

const readsInFlight = 16;

/**
 * Imports a dump.
 *
 * @throws {@link OffsiteError} `FILE_NOT_INTACT`, `ARCHIVE_EXISTS` if the source has another archive of that date,
 *   `FILE_CHANGED`; or what `backup` throws. Nothing is stored then.
 */
export async function importDump(options: ImportOptions): Promise<Imported> {
  const { store, source, file, takenAt, known, dryRun, signal } = options;
  const found = await observe(() => createReadStream(file, { signal }), undefined);
  const judgement = judge(undefined, found);
  if (judgement.verdict !== 'intact') throw notIntact(file, judgement);
  const { inventory, plainBytes, compressedBytes, sha256 = '' } = found;
  const id = archiveIdAt(source, takenAt);
  const same = known?.bySum.get(sha256);
  if (same !== undefined) return { outcome: 'already there', id: same, inventory };
  if (known?.committed.has(id.id)) throw taken(file, id, 'another one, of other bytes');
  if (known?.ids.has(id.id)) throw taken(file, id, 'one without manifest: expire removes it in time');
  const note = () => {
    known?.committed.add(id.id);
    known?.bySum.set(sha256, id.id);
  };
  if (dryRun) {
    note();
    return { outcome: 'would be imported', id: id.id, inventory };
  }
  options.onJudged?.(plainBytes);
  await backup({
    source,
    store,
    now: () => takenAt,
    imported: { file: basename(file), sha256, compressedBytes },
    dump: (either) => plainOf(file, sha256, either),
    expectedBytes: compressedBytes,
    signal,
    ...(options.onProgress && { onProgress: options.onProgress }),
  }).catch((error) => {
    if (!(error instanceof OffsiteError) || error.code !== 'ARCHIVE_EXISTS') throw error;
    throw taken(file, id, 'one, which these credentials may not look at');
  });
  note();
  return { outcome: 'imported', id: id.id, inventory };
}

/**
 * Reads which archives a source has.
 *
 * @returns `undefined` if the credentials may not: an agent's may only create.
 */
export async function readKnown(store: ArchiveStore, source: string): Promise<Known | undefined> {
  const known: Known = { ids: new Set(), committed: new Set(), bySum: new Map() };
  try {
    const waiting: ArchiveId[] = [];
    for await (const { key } of store.list(`${archivesPrefix}${source}/`)) {
      const parsed = parseKey(key);
      if (parsed !== undefined) known.ids.add(parsed.id.id);
      if (parsed?.part !== 'manifest') continue;
      known.committed.add(parsed.id.id);
      waiting.push(parsed.id);
    }
    while (waiting.length > 0) {
      const manifests = await Promise.all(waiting.splice(0, readsInFlight).map((id) => sumsOf(store, id)));
      for (const { id, sums } of manifests) for (const sum of sums) known.bySum.set(sum, id);
    }
    return known;
  } catch (error) {
    if (error instanceof OffsiteError && error.code === 'CREDENTIALS_REFUSED') return undefined;
    throw error;
  }
}

async function sumsOf(
  store: ArchiveStore,
  { id, ...rest }: ArchiveId,
): Promise<{ id: string; sums: string[] }> {
  try {
    const { sha256, imported } = await readManifest(store, { id, ...rest });
    return { id, sums: [sha256, ...(imported ? [imported.sha256] : [])] };
  } catch (error) {
    // One that cannot be trusted says nothing of its bytes.
    if (error instanceof OffsiteError && error.code.startsWith('MANIFEST_')) return { id, sums: [] };
    throw error;
  }
}

async function* plainOf(file: string, sha256: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  async function* compressed() {
    for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const reader = new GzipReader(compressed(), { readToEnd: true });
  yield* reader;
  const found = hash.digest('hex');
  if (reader.result.error === undefined && found === sha256) return;
  throw new OffsiteError('FILE_CHANGED', `${file} was changed while it was imported; nothing was stored`, {
    expected: `the bytes that were judged, sha256 ${sha256}`,
    found: reader.result.error ?? `sha256 ${found}`,
    hint: 'import it again once nothing writes to it',
  });
}

function notIntact(
  file: string,
  { verdict, deviations: [first] }: Exclude<ReturnType<typeof judge>, { verdict: 'intact' }>,
): OffsiteError {
  return new OffsiteError('FILE_NOT_INTACT', `${file} is ${verdict}; nothing was stored`, {
    expected: `${first?.what}: ${first?.expected}`,
    found: first?.found ?? '',
    hint: "'offsite verify FILE' says all that is found; import another night's dump",
  });
}

function taken(file: string, { id, takenAt }: ArchiveId, found: string): OffsiteError {
  return new OffsiteError('ARCHIVE_EXISTS', `${file} was not imported: there is an archive of its date`, {
    expected: `no ${id} (${formatInstant(takenAt)}), or one of the same bytes`,
    found,
    hint: "look at it with the operator's credentials ('offsite list'); if the date is wrong, say --date or --zone",
  });
}
