// import: a dump that somebody else took becomes an archive, as if it had been taken then. It is judged before a byte of it
// is stored, and compressed anew into members, so that all that follows reads it as any other.

import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Inventory } from '../archive/inventory.ts';
import { type ArchiveId, archiveIdAt } from '../archive/names.ts';
import { judge } from '../archive/verdict.ts';
import { backup } from '../backup/backup.ts';
import { nothingIf, OffsiteError } from '../base/errors.ts';
import { bytesOfFile, headOfFile } from '../base/named-file.ts';
import { formatInstant } from '../base/quantities.ts';
import { shellWord } from '../base/shell-word.ts';
import { GzipReader } from '../gzip/inflate.ts';
import { headBytes, makeOne, wayOut } from '../sql/dump-kind.ts';
import type { ArchiveStore } from '../store/store.ts';
import { formatOfFile } from '../verify/formats.ts';
import { observe } from '../verify/observe.ts';
import { type Known, type KnownAs, markOf } from './known.ts';

export type ImportOptions = {
  readonly store: ArchiveStore;
  readonly source: string;
  readonly file: string;
  /** When the dump was taken. */
  readonly takenAt: Date;
  /** Is added to. */
  readonly known: Known;
  /** Judges and looks only. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (plainBytes: number) => void;
  /** Called once it is known how many that will be. */
  readonly onJudged?: (plainBytes: number) => void;
};

export type Imported = {
  readonly outcome: 'imported' | 'already there' | 'would be imported';
  readonly id: string;
  readonly inventory: Inventory;
};

/**
 * Imports a dump.
 *
 * @throws {@link OffsiteError} `FILE_NOT_INTACT`, `ARCHIVE_EXISTS` if the source has another archive of that date,
 *   `FILE_CHANGED`; or what `backup` throws. Nothing is stored then.
 */
export async function importDump(options: ImportOptions): Promise<Imported> {
  const { store, source, file, takenAt, known, dryRun, signal } = options;
  const head = await headOfFile(file, headBytes);
  const format = formatOfFile(Buffer.from(head, 'latin1'));
  if (format !== undefined) throw notGzip(file, head, format);
  const found = await observe(() => bytesOfFile(file, signal), undefined);
  const judgement = judge(undefined, found);
  if (judgement.verdict !== 'intact') throw notIntact(file, judgement);
  const { inventory, plainBytes, compressedBytes, members = [], sha256 = '' } = found;
  const id = archiveIdAt(source, takenAt);
  const sums = [sha256, markOf(members)];
  const same = sums.map((sum) => known.bySum.get(sum)).find((one) => one !== undefined);
  if (same !== undefined) return { outcome: 'already there', id: same, inventory };
  const standing = known.ids.get(id.id);
  if (standing !== undefined) throw taken(file, id, standing);
  const note = () => {
    known.ids.set(id.id, 'committed');
    for (const sum of sums) known.bySum.set(sum, id.id);
  };
  if (dryRun) {
    note();
    return { outcome: 'would be imported', id: id.id, inventory };
  }
  options.onJudged?.(plainBytes);
  const stored = await backup({
    source,
    store,
    now: () => takenAt,
    imported: { file: basename(file), sha256, compressedBytes },
    dump: (either) => plainOf(file, sha256, either),
    expectedBytes: compressedBytes,
    signal,
    ...(options.onProgress && { onProgress: options.onProgress }),
  }).catch(nothingIf(/^ARCHIVE_EXISTS$/));
  if (stored === undefined) {
    const there = await known.look(id);
    if (!sums.some((sum) => there?.includes(sum))) {
      const as = there === undefined ? 'unseen' : there.length > 0 ? 'committed' : 'no manifest';
      known.ids.set(id.id, as);
      throw taken(file, id, as);
    }
  }
  note();
  return { outcome: stored === undefined ? 'already there' : 'imported', id: id.id, inventory };
}

async function* plainOf(file: string, sha256: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  async function* compressed() {
    for await (const chunk of bytesOfFile(file, signal)) {
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
    hint: 'run the same command again once nothing writes to it',
  });
}

/** Nothing is wrong with it: it is another kind of file. */
function notGzip(file: string, head: string, found: string): OffsiteError {
  const next = { command: 'offsite import', toGzip: true };
  const isPlain = found.startsWith('plain') || found.startsWith('a plain');
  const way = isPlain ? makeOne(`gzip -c ${shellWord(file)}`, file, next) : wayOut(head, file, next);
  return new OffsiteError('FILE_NOT_INTACT', `${file} is not compressed by gzip; nothing was stored`, {
    expected: 'what pg_dump wrote, behind gzip: FILE.sql.gz',
    found,
    hint: way ?? "import another night's dump: offsite import FILE.sql.gz",
  });
}

function notIntact(
  file: string,
  { verdict, deviations: [first] }: Exclude<ReturnType<typeof judge>, { verdict: 'intact' }>,
): OffsiteError {
  return new OffsiteError('FILE_NOT_INTACT', `${file} is ${verdict}; nothing was stored`, {
    expected: `${first?.what}: ${first?.expected}`,
    found: first?.found ?? '',
    hint: "mend what was found, or import another night's dump; 'offsite verify FILE' says all of it",
  });
}

const taking: Readonly<Record<KnownAs, string>> = {
  committed: 'another one, of other bytes',
  'no manifest': 'one without manifest: another run is at it, or expire removes it in time',
  unseen: 'one, which these credentials may not look at',
};

function taken(file: string, { id, takenAt }: ArchiveId, as: KnownAs): OffsiteError {
  return new OffsiteError('ARCHIVE_EXISTS', `${file} was not imported: there is an archive of its date`, {
    expected: `no ${id} (${formatInstant(takenAt)}), or one of the same bytes`,
    found: taking[as],
    hint: "look at it with the operator's credentials ('offsite list', or --operator-profile); if the date is wrong, say --date or --zone",
  });
}
