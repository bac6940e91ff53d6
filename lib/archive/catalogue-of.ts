// The archives of one source as the store shows them, each with what is proven about it. "Latest" is decided here,
// for every command and handler alike: it is the newest intact archive.

import { formatHours } from '../base/quantities.ts';
import { type Acceptance, isAccepted } from './acceptance.ts';
import type { ByteVerdict } from './byte-verdict.ts';
import type { Inventory } from './inventory.ts';
import { rowsOf } from './inventory.ts';
import type { Manifest } from './manifest.ts';
import type { ArchiveId } from './names.ts';
import { countedTable, lastRead, type Verdict, type VerdictName } from './verdict.ts';

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
  /** The date that counts, for its age and for what is newest; see {@link dateOf}. */
  readonly datedAt: Date;
  /** How far the host's clock was ahead, or behind if negative; 0 where the store does not contradict it. */
  readonly clockAheadMs: number;
  readonly compressedBytes: number;
  /** Of the dump in it, by its verdict. */
  readonly plainBytes?: number | undefined;
  /** When its bytes were read last; absent where no verdict that was read speaks of them. */
  readonly lastReadAt?: Date | undefined;
  /** Whether what is there is not what its verdict speaks of: deleted, overwritten, or brought back. */
  readonly isInDoubt?: boolean;
  readonly hasVerdict?: boolean;
  /** Only of intact, incomplete and suspicious archives. */
  readonly inventory?: Inventory | undefined;
};

export type DateWords = Pick<Manifest, 'clockAheadMs' | 'imported'>;

export type Listed = {
  readonly id: ArchiveId;
  readonly archive?: { readonly bytes: number; readonly etag: string; readonly storedAt: Date } | undefined;
  readonly manifest?: { readonly storedAt: Date } | undefined;
  /** Wanted where {@link needsDateWords} says so. */
  readonly dateWords?: DateWords | undefined;
  readonly verdict?: Verdict | ByteVerdict | undefined;
  /** Whether there is a verdict, and whether it was not read. */
  readonly hasVerdict?: boolean;
  readonly isJudged?: boolean;
  readonly acceptance?: Acceptance | undefined;
};

/** Joins what the listings show into an entry. */
export function entryOf(listed: Listed): CatalogueEntry {
  const { id, archive, verdict } = listed;
  const inDoubt = isInDoubt(listed);
  return {
    id,
    standing: standingOf(listed),
    ...dateOf(listed),
    compressedBytes: archive?.bytes ?? 0,
    plainBytes: !inDoubt && verdict !== undefined && 'plainBytes' in verdict ? verdict.plainBytes : undefined,
    isInDoubt: inDoubt,
    hasVerdict: listed.hasVerdict ?? false,
    lastReadAt: verdict && !inDoubt ? new Date(lastRead(verdict)) : undefined,
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
    (one, other) => other.datedAt.getTime() - one.datedAt.getTime() || (one.id.id < other.id.id ? 1 : -1),
  );
}

/** An archive is stored after it was taken, by clocks that may differ by so much. */
const storedEarlyMs = 3_600_000;
/** How late it may be stored before anybody asks why: S3 dates an upload by its beginning, others by its end. */
const storedLateMs = 2 * 3_600_000;
/** A copy from elsewhere may be stored so much later than it was taken; beyond it the host's clock was wrong. */
const copiedLateMs = 60 * 86_400_000;

/**
 * Which date of an archive counts: the host's, which is in its id, or where that was wrong the store's, ahead and behind
 * alike.
 *
 * @remarks No archive is stored before it was taken. It may be stored long after: it took its time, or was copied here; so
 *   only the manifest knows that the clock was behind, as the agent compared it with the store's.
 */
export function dateOf(listed: Listed): Pick<CatalogueEntry, 'datedAt' | 'clockAheadMs'> {
  const { takenAt } = listed.id;
  // Stored as late as anybody likes: its manifest says so.
  if (listed.dateWords?.imported !== undefined) return { datedAt: takenAt, clockAheadMs: 0 };
  const storedAt = storedAtOf(listed);
  const aheadMs = takenAt.getTime() - storedAt.getTime();
  const isBehind = needsDateWords(listed) && (listed.dateWords?.clockAheadMs ?? 0) < -storedLateMs;
  if (aheadMs > storedEarlyMs || aheadMs < -copiedLateMs || isBehind)
    return { datedAt: storedAt, clockAheadMs: aheadMs };
  return { datedAt: aheadMs > 0 ? storedAt : takenAt, clockAheadMs: 0 };
}

/** How a clock was wrong: `3 days ahead`. */
export function describeClock(aheadMs: number): string {
  return `${formatHours(Math.abs(aheadMs) / 3_600_000)} ${aheadMs > 0 ? 'ahead' : 'behind'}`;
}

/** Whether an archive was stored so late that its manifest has to say why. */
export function needsDateWords(listed: Listed): boolean {
  return storedAtOf(listed).getTime() - listed.id.takenAt.getTime() > storedLateMs;
}

/** A listing without dates contradicts nothing. */
function storedAtOf({ id, archive, manifest }: Listed): Date {
  const dated = [archive, manifest].find((part) => part !== undefined && part.storedAt.getTime() > 0);
  return dated?.storedAt ?? id.takenAt;
}

/** Rows of the counted table, where the dump was read. */
export function countedRows({ inventory }: CatalogueEntry): number | undefined {
  return inventory && rowsOf(inventory, countedTable);
}

function newest(entries: readonly CatalogueEntry[]): CatalogueEntry | undefined {
  return byAge(entries)[0];
}

/** What a verdict of any kind says of bytes. */
type OfBytes = { readonly verdict: VerdictName; readonly etag: string; readonly compressedBytes?: number };

/**
 * Whether what is there is not what its verdict speaks of. Of an archive that was judged, its manifest is a part: without it nothing
 * says what its bytes should be.
 */
export function isInDoubt({
  archive,
  manifest,
  verdict,
}: Pick<Listed, 'archive' | 'manifest'> & { readonly verdict?: OfBytes | undefined }): boolean {
  if (verdict === undefined) return false;
  const isMissing = verdict.verdict === 'missing';
  if (archive === undefined || manifest === undefined) return !isMissing;
  if (isMissing || verdict.etag !== archive.etag) return true;
  const { compressedBytes = archive.bytes } = verdict;
  return verdict.verdict !== 'damaged' && compressedBytes !== archive.bytes;
}

function standingOf(listed: Listed): Standing {
  const { archive, manifest, verdict, hasVerdict, isJudged, acceptance } = listed;
  if (archive === undefined && (manifest !== undefined || hasVerdict)) return 'missing';
  if (manifest === undefined) return 'no manifest';
  if (isJudged) return 'verdict not read';
  // A verdict speaks of the bytes that it saw; other bytes under the same key never inherit it.
  if (verdict === undefined || isInDoubt(listed)) return 'unverified';
  return isAccepted(verdict, acceptance) ? 'accepted' : verdict.verdict;
}
