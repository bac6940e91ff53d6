// Which archives one handler re-reads whole, and into which ranges the others are cut.

import * as z from 'zod';
import type { Manifest } from '../archive/manifest.ts';
import { type ArchiveId, rangesPrefix } from '../archive/names.ts';

const gib = 1024 ** 3;

export type ReadLimits = { readonly compressedBytes: number; readonly plainBytes: number };

/**
 * The largest archive that one handler re-reads in its 15 minutes. S3 gives it 75 to 90 MB/s, and it inflates 575 MB/s:
 * at half of either it still ends. A handler that does not end gives no verdict at all.
 *
 * @see docs/performance.md
 */
const wholeLimits: ReadLimits = { compressedBytes: 32 * gib, plainBytes: 256 * gib };

/** What one range reader reads: about a minute, so that one that fails is soon repeated. */
export const rangeLimits: ReadLimits = { compressedBytes: 4 * gib, plainBytes: 32 * gib };

/** More would not fit into what Step Functions hands from state to state (256 KiB); larger ranges then. */
const rangesMax = 1000;

/** Neighbouring gzip members that one reader reads. */
export type ArchiveRange = {
  readonly index: number;
  /** The first one. */
  readonly fromMember: number;
  /** The one after the last. */
  readonly toMember: number;
};

const count = z.number().int().nonnegative();

/** What all readers of an archive are told. */
export const rangeJobSchema = z.object({
  id: z.string(),
  /** The bytes that are meant: all readers read the same. */
  versionId: z.string().nullable(),
  etag: z.string(),
  /** Names these bytes, and so what is left behind of reading them. */
  run: z.string(),
  /** How the ranges were cut: whoever knows the manifest can cut them again. */
  limits: z.object({ compressedBytes: count, plainBytes: count }),
});

export type RangeJob = z.infer<typeof rangeJobSchema>;

/** What one reader is told. */
export const rangeTaskSchema = rangeJobSchema.extend({
  index: count,
  /** The parts before have shown where the scan of this one begins: it is written down beside the readings. */
  again: z.boolean(),
});

export type RangeTask = z.infer<typeof rangeTaskSchema>;

/** Whether one handler re-reads the archive whole. */
export function fitsOneReader(archive: ReadLimits): boolean {
  return (
    archive.compressedBytes <= wholeLimits.compressedBytes && archive.plainBytes <= wholeLimits.plainBytes
  );
}

/** Deflate makes at most so many bytes of one. @see https://zlib.net/zlib_tech.html */
const inflatedByOne = 1032;

/** What a manifest claims, as far as so many bytes can hold it: thousands of tiny archives start no thousands of readers. */
export function holdsAtMost({ compressedBytes, plainBytes }: ReadLimits, bytes: number): ReadLimits {
  return {
    compressedBytes: Math.min(compressedBytes, bytes),
    plainBytes: Math.min(plainBytes, bytes * inflatedByOne),
  };
}

/**
 * Cuts an archive into ranges at its members' ends.
 *
 * @returns At least one; each as long as the limits allow, and longer where there would be more than a thousand of them,
 *   or a single member is.
 */
export function planRanges(
  { members, compressedBytes, plainBytes }: Pick<Manifest, 'members' | 'compressedBytes' | 'plainBytes'>,
  limits: ReadLimits = rangeLimits,
): ArchiveRange[] {
  const most = {
    compressedBytes: Math.max(limits.compressedBytes, (4 * compressedBytes) / rangesMax),
    plainBytes: Math.max(limits.plainBytes, (4 * plainBytes) / rangesMax),
  };
  const ranges: ArchiveRange[] = [];
  let [fromMember, compressed, plain] = [0, 0, 0];
  for (const [toMember, member] of members.entries()) {
    compressed += member.compressedBytes;
    plain += member.plainBytes;
    if (toMember === fromMember || (compressed <= most.compressedBytes && plain <= most.plainBytes)) continue;
    ranges.push({ index: ranges.length, fromMember, toMember });
    [fromMember, compressed, plain] = [toMember, member.compressedBytes, member.plainBytes];
  }
  return [...ranges, { index: ranges.length, fromMember, toMember: members.length }];
}

export function rangeOffset({ members, compressedBytes }: Manifest, { fromMember }: ArchiveRange): number {
  return members[fromMember]?.offset ?? compressedBytes;
}

/** Where the readers of an archive leave what they found. */
export function rangeKeys(id: Pick<ArchiveId, 'id' | 'source'>, { run }: RangeJob) {
  const folder = `${rangesPrefix}${id.source}/${id.id}/${run}/`;
  return {
    reading: (index: number) => `${folder}${index}.json`,
    /** Where a range's scan really begins. */
    start: (index: number) => `${folder}${index}.start.json`,
  };
}
