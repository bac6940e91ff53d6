// The archives of one source as the store shows them, each with what is proven about it. "Latest" is decided here,
// for every command and handler alike: it is the newest intact archive.

import { type Acceptance, isAccepted } from './acceptance.ts';
import type { Inventory } from './inventory.ts';
import { rowsOf } from './inventory.ts';
import type { ArchiveId } from './names.ts';
import { countedTable, type Verdict, type VerdictName } from './verdict.ts';

/** An archive's standing: a verdict, or why there is none. */
export type Standing =
  | VerdictName
  /** Suspicious, and the operator has said that it is right. */
  | 'accepted'
  /** Archive and manifest, but no verdict on these bytes yet. */
  | 'unverified'
  /** There is a verdict, and newer archives decided before anybody had to read it. */
  | 'verdict not read'
  /** An archive without manifest: an interrupted back-up, or one that is being written. */
  | 'no manifest';

export type CatalogueEntry = {
  readonly id: ArchiveId;
  readonly standing: Standing;
  /** When the archive was taken by the host's clock, or stored by the store's, whichever is earlier. */
  readonly freshAt: Date;
  /** By the store's clock. */
  readonly storedAt?: Date;
  readonly compressedBytes: number;
  /** Only of intact, incomplete and suspicious archives. */
  readonly inventory?: Inventory | undefined;
};

/** An archive as the listings show it. */
export type Listed = {
  readonly id: ArchiveId;
  readonly archive?: { readonly bytes: number; readonly etag: string; readonly storedAt: Date } | undefined;
  readonly manifest?: { readonly storedAt: Date } | undefined;
  readonly verdict?: Verdict | undefined;
  /** Whether there is a verdict that was not read. */
  readonly isJudged?: boolean;
  readonly acceptance?: Acceptance | undefined;
};

/** Joins what the listings show into an entry. */
export function entryOf(listed: Listed): CatalogueEntry {
  const { id, archive, manifest, verdict } = listed;
  const storedAt = archive?.storedAt ?? manifest?.storedAt ?? id.takenAt;
  return {
    id,
    standing: standingOf(listed),
    freshAt: storedAt < id.takenAt ? storedAt : id.takenAt,
    storedAt,
    compressedBytes: archive?.bytes ?? 0,
    inventory: verdict !== undefined && 'inventory' in verdict ? verdict.inventory : undefined,
  };
}

/** Whether an archive is proven: intact, or suspicious and accepted. Nothing else may be relied upon. */
export function countsAsIntact(standing: Standing): boolean {
  return standing === 'intact' || standing === 'accepted';
}

/** The newest intact archive: what `latest` means. */
export function newestIntact(entries: readonly CatalogueEntry[]): CatalogueEntry | undefined {
  return newest(entries.filter(({ standing }) => countsAsIntact(standing)));
}

/** The newest archive of any standing that has a manifest. */
export function newestOfAny(entries: readonly CatalogueEntry[]): CatalogueEntry | undefined {
  return newest(entries.filter(({ standing }) => standing !== 'no manifest' && standing !== 'missing'));
}

/** Newest first. */
export function byAge<Entry extends CatalogueEntry>(entries: readonly Entry[]): Entry[] {
  return [...entries].sort(
    (one, other) => other.freshAt.getTime() - one.freshAt.getTime() || (one.id.id < other.id.id ? 1 : -1),
  );
}

/** A copy from elsewhere may be stored so much later than it was taken; beyond it the host's clock was wrong. */
const storedLateMs = 60 * 86_400_000;
/** An archive is stored after it was taken; clocks may differ by so much. */
const storedEarlyMs = 3_600_000;

/** How far the host's clock was ahead, or behind if negative; 0 where the store does not contradict its date. */
export function clockAheadMs({ id, freshAt, storedAt = freshAt }: CatalogueEntry): number {
  const aheadMs = id.takenAt.getTime() - storedAt.getTime();
  return aheadMs > storedEarlyMs || aheadMs < -storedLateMs ? aheadMs : 0;
}

/** Rows of the counted table, where the dump was read. */
export function countedRows({ inventory }: CatalogueEntry): number | undefined {
  return inventory && rowsOf(inventory, countedTable);
}

function newest(entries: readonly CatalogueEntry[]): CatalogueEntry | undefined {
  return byAge(entries)[0];
}

function standingOf({ archive, manifest, verdict, isJudged, acceptance }: Listed): Standing {
  if (manifest === undefined) return 'no manifest';
  if (archive === undefined) return 'missing';
  if (isJudged) return 'verdict not read';
  // A verdict speaks of the bytes that it saw; other bytes under the same key never inherit it.
  if (verdict === undefined || verdict.etag !== archive.etag) return 'unverified';
  return isAccepted(verdict, acceptance) ? 'accepted' : verdict.verdict;
}
