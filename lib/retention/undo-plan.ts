// Which deleted archives can be brought back. Deleting in a bucket that keeps versions only lays a marker over them:
// what is under it lives on until the bucket's lifecycle removes it, `undoDays` after.

import type { ArchivePart, StoredBytes } from '../archive/kind.ts';
import type { ArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';

/** What the versions of one key show. */
export type KeyHistory = {
  /** When the marker on top was laid; `undefined` if the key is not deleted. */
  readonly deletedAt?: Date | undefined;
  /** The newest version that has bytes; `undefined` if there is none (any more). */
  readonly newest?: { readonly versionId: string; readonly bytes: number } | undefined;
};

/** An archive's parts, in the order in which they come back: the manifest last, as when it was written. */
export const undoOrder = ['archive', 'verdict', 'manifest'] as const satisfies readonly ArchivePart[];

export type ArchiveHistory = Readonly<Record<ArchivePart, KeyHistory>>;

/** Whether an archive is deleted, wholly or in part, and all that is needed to bring it back is there. */
export function canBeUndone({ archive, manifest }: ArchiveHistory): boolean {
  const isThere = archive.newest !== undefined && manifest.newest !== undefined;
  return isThere && (archive.deletedAt !== undefined || manifest.deletedAt !== undefined);
}

/**
 * When the first of an archive's deleted versions is removed for good.
 *
 * @param undoDays - How long the bucket's lifecycle keeps noncurrent versions.
 * @returns The next midnight, UTC, after those days: S3 rounds up. `undefined` if nothing is deleted.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
 */
export function livesUntil({ archive, manifest }: ArchiveHistory, undoDays: number): Date | undefined {
  const deletions = [archive, manifest].flatMap(({ deletedAt }) => (deletedAt ? [deletedAt.getTime()] : []));
  if (deletions.length === 0) return undefined;
  const dayMs = 86_400_000;
  return new Date(Math.ceil((Math.min(...deletions) + undoDays * dayMs) / dayMs) * dayMs);
}

/**
 * Refuses an archive of which there is not enough left.
 *
 * @throws {@link OffsiteError} `ARCHIVE_MISSING` if it never was, or was removed without a trace; `ARCHIVE_GONE` if its
 *   deletion is all that is left.
 */
export function assertBytesLive(
  id: ArchiveId,
  keys: Readonly<Record<ArchivePart, string>>,
  { archive, manifest }: ArchiveHistory,
): void {
  if (archive.newest !== undefined && manifest.newest !== undefined) return;
  const traces = [archive, manifest].flatMap(({ deletedAt }) => (deletedAt ? [deletedAt] : []));
  const expected = `a version of ${keys.archive} and of its manifest`;
  if (traces.length > 0) {
    const left = archive.newest ? 'the archive' : manifest.newest ? 'the manifest' : 'neither';
    throw new OffsiteError('ARCHIVE_GONE', `${id.id} cannot be brought back any more`, {
      expected,
      found: `deleted on ${traces[0]?.toISOString().slice(0, 10)}; of its bytes there is ${left}`,
      hint: "the bucket's lifecycle removes what was deleted (undoDays); see 'offsite undo' for what still lives, 'offsite list' for what is there",
    });
  }
  throw new OffsiteError('ARCHIVE_MISSING', `there is no archive ${id.id}, and no trace of one`, {
    expected,
    found: archive.newest ? 'an archive that never had a manifest' : 'neither',
    hint: "see 'offsite undo' for the archives that can be brought back, 'offsite list' for those that are there",
  });
}

/**
 * Refuses to bring back other bytes than those that the manifest speaks of.
 *
 * @throws {@link OffsiteError} `ARCHIVE_CHANGED`
 */
export function assertManifestsBytes(manifest: StoredBytes, { newest }: KeyHistory): void {
  // A manifest whose archive's acknowledgement was lost names no version.
  const isOther = manifest.versionId !== null && manifest.versionId !== newest?.versionId;
  if (!isOther && newest?.bytes === manifest.compressedBytes) return;
  throw new OffsiteError('ARCHIVE_CHANGED', `the newest bytes of ${manifest.id} are not its own`, {
    expected: `${manifest.compressedBytes} bytes, version ${manifest.versionId ?? 'unknown'}`,
    found: `${newest?.bytes} bytes, version ${newest?.versionId}`,
    hint: `find out who wrote them (the store's access log; AWS: CloudTrail); its own are reached by aws s3api get-object --version-id ${manifest.versionId ?? '…'}`,
  });
}

export function notExpired({ id }: ArchiveId): OffsiteError {
  return new OffsiteError('ARCHIVE_NOT_EXPIRED', `${id} is not expired: there is nothing to undo`, {
    expected: 'an archive that was deleted',
    found: 'one that is there, with its manifest',
    hint: "see 'offsite list'; 'offsite undo' without an id shows what can be brought back",
  });
}
