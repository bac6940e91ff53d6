// Which log there is from a base backup on, along a timeline: whole up to where, what is missing, and what is there twice.

import type { WalFile } from '../archive/wal-names.ts';
import type { Ancestor } from './history.ts';
import { type Lsn, segmentAt, segmentName, segmentNumber } from './segment.ts';

/** A file of the log as a listing shows it. */
export type ListedWal = WalFile & {
  readonly sha256: string;
  readonly storedAt: Date;
  /** It was read, and is not what was stored. */
  readonly isDamaged?: true;
};

export type Course = {
  /** Where it begins, on which timeline. */
  readonly from: Lsn;
  readonly fromTimeline: number;
  /** Where it leads. */
  readonly timeline: number;
  /** Those that this one came from, the oldest first. */
  readonly ancestors: readonly Ancestor[];
  readonly segmentBytes: number;
};

export type Continuity = {
  /** Segments from the first on, each there once, none missing between. */
  readonly whole: readonly string[];
  /** The segment after them that was being written, as far as it went; only where they are the last. */
  readonly begun: ListedWal | undefined;
  /** Where all that ends: the position after its last byte. */
  readonly end: Lsn;
  /** Segments that are not there, though later ones are; in order, and no more of them than {@link namedAtMost}. */
  readonly missing: readonly string[];
  readonly missingCount: number;
  /** Segments that are there with different bytes. */
  readonly conflicting: readonly string[];
  /** Segments that are there, and were found damaged. */
  readonly damaged: readonly string[];
  /** Of the newest, whole course or not. */
  readonly newest: string | undefined;
};

/** A gap may be of millions. */
export const namedAtMost = 20;

/**
 * Whether a timeline can be come to from a base backup: by it, or by a child that it left no sooner than the base backup ended.
 */
export function leadsTo({ fromTimeline, from, timeline, ancestors }: Omit<Course, 'segmentBytes'>): boolean {
  if (fromTimeline === timeline) return true;
  return ancestors.some((one) => one.timeline === fromTimeline && one.leftAt >= from);
}

/** Walks the log as recovery does: of each segment it takes that of the newest timeline which had begun by then. */
export function continuityOf(files: readonly ListedWal[], course: Course): Continuity {
  const { segmentBytes, from } = course;
  const first = segmentAt(from, segmentBytes);
  const sums = new Map<number, Set<string>>();
  for (const { name, kind, sha256, isDamaged } of files) {
    const segment = kind === 'segment' ? segmentNumber(name, segmentBytes) : -1;
    if (segment < first || nameOnCourse(segment, course) !== name) continue;
    const usable = sums.get(segment) ?? new Set();
    sums.set(segment, isDamaged ? usable : usable.add(sha256));
  }
  const present = [...sums.keys()].sort((one, other) => one - other);
  const usableOf = (segment: number) => sums.get(segment)?.size ?? 0;
  const namesWhere = (fits: (usable: number) => boolean) =>
    present.filter((segment) => fits(usableOf(segment))).map((segment) => nameOnCourse(segment, course));
  const missing: string[] = [];
  let missingCount = 0;
  let expected = first;
  for (const segment of present) {
    for (let gone = expected; gone < segment && missing.length < namedAtMost; gone += 1)
      missing.push(nameOnCourse(gone, course));
    missingCount += segment - expected;
    expected = segment + 1;
  }
  const broken = present.findIndex((segment, at) => segment !== first + at || usableOf(segment) !== 1);
  const whole = present.slice(0, broken < 0 ? undefined : broken);
  const newest = present.at(-1);
  const next = nameOnCourse(first + whole.length, course);
  const begun = broken < 0 ? furthest(files, next) : undefined;
  return {
    whole: whole.map((segment) => nameOnCourse(segment, course)),
    begun,
    end: BigInt(first + whole.length) * BigInt(segmentBytes) + BigInt(begun?.filledBytes ?? 0),
    missing,
    missingCount,
    conflicting: namesWhere((usable) => usable > 1),
    damaged: namesWhere((usable) => usable === 0),
    newest: newest === undefined ? undefined : nameOnCourse(newest, course),
  };
}

/** Of the copies of a segment that was being written, the one that goes furthest. */
export function furthest<Wal extends ListedWal>(files: readonly Wal[], segment: string): Wal | undefined {
  const begun = files.filter(({ kind, name }) => kind === 'begun' && name.startsWith(segment));
  return begun.toSorted((one, other) => (one.name < other.name ? -1 : 1)).at(-1);
}

/** Which file recovery asks for first. */
function nameOnCourse(segment: number, { timeline, ancestors, segmentBytes }: Course): string {
  // A child begins in the segment that its parent was left in, and has a copy of it.
  const own = ancestors.find(({ leftAt }) => segment < segmentAt(leftAt, segmentBytes));
  return segmentName(own?.timeline ?? timeline, segment, segmentBytes);
}
