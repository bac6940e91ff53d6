// select: which archive does the operator mean? `latest` is the newest intact one, here as everywhere.

import { OffsiteError } from '../base/errors.ts';
import { formatInstant, plural } from '../base/quantities.ts';
import type { ArchiveStore } from '../store/store.ts';
import { byAge, type CatalogueEntry, countsAsIntact, newestIntact, newestOfAny } from './catalogue-of.ts';
import { type ArchiveKind, ofDatabase } from './kind.ts';
import { type ArchiveId, parseArchiveId } from './names.ts';
import { readCatalogue } from './read-catalogue.ts';

/** A year of them would push the hint off the screen. */
const shownMost = 5;

export type Selection = {
  readonly id: ArchiveId;
  readonly entry: CatalogueEntry;
  /** What the operator should know before relying on it. */
  readonly warning?: string | undefined;
};

/**
 * @param any - Whether `latest` may be an archive that is not proven intact.
 * @throws {@link OffsiteError} `NOTHING_INTACT` or `ARCHIVE_MISSING`.
 */
export async function selectArchive(
  store: ArchiveStore,
  source: string,
  wanted: string,
  any: boolean,
  kind = ofDatabase,
): Promise<Selection> {
  const id = wanted === 'latest' ? undefined : parseArchiveId(wanted);
  const entries = await readCatalogue(store, id?.source ?? source, { kind });
  const entry =
    id === undefined ? latest(entries, source, any, kind) : entries.find((one) => one.id.id === wanted);
  assertCommitted(entry, wanted, id?.source ?? source, kind);
  return { id: entry.id, entry, warning: warningOf(entry) };
}

/** @throws {@link OffsiteError} `ARCHIVE_MISSING` */
export function assertCommitted(
  entry: CatalogueEntry | undefined,
  wanted: string,
  source: string,
  { prefix, words: { named, list } } = ofDatabase,
): asserts entry is CatalogueEntry {
  if (entry !== undefined && entry.standing !== 'no manifest') return;
  throw new OffsiteError('ARCHIVE_MISSING', `there is no ${named} ${wanted}`, {
    expected: `an archive and its manifest under ${prefix}${source}/`,
    found: entry === undefined ? 'neither' : 'an archive without manifest: it was never committed',
    hint: `see '${list}' for the archives there are`,
  });
}

function latest(
  entries: readonly CatalogueEntry[],
  source: string,
  any: boolean,
  { prefix, words: { named, again, list } }: ArchiveKind,
): CatalogueEntry {
  const intact = newestIntact(entries);
  const chosen = any ? newestOfAny(entries) : intact;
  if (chosen !== undefined) return chosen;
  const newest = byAge(entries).slice(0, shownMost);
  const others = entries.length - newest.length;
  const found =
    entries.length === 0
      ? 'no archive at all'
      : [
          ...newest.map((one) => `${one.id.id}: ${one.standing}`),
          ...(others > 0 ? [`and ${plural(others, 'older one')}`] : []),
        ].join('\n');
  if (any) {
    throw new OffsiteError('ARCHIVE_MISSING', `there is no ${named} of ${source}`, {
      expected: `an archive and its manifest under ${prefix}${source}/`,
      found,
      hint: `take one with '${again}'; what has no manifest was never finished`,
    });
  }
  const taken = newestOfAny(entries);
  throw new OffsiteError('NOTHING_INTACT', `there is no intact ${named} of ${source}`, {
    expected: 'at least one archive with the verdict intact',
    found,
    hint:
      taken === undefined
        ? `take one with '${again}'`
        : `wait for the verdict of a new one ('${list}' shows it), or name one by its id: ${taken.id.id} is the newest`,
  });
}

function warningOf({ id, standing }: CatalogueEntry): string | undefined {
  if (countsAsIntact(standing)) return undefined;
  const what = standing === 'unverified' ? 'has not been verified' : `is ${standing}`;
  return `${id.id} (${formatInstant(id.takenAt)}) ${what}: it is not proven that it can be restored`;
}
