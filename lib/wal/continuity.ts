// Which log there is from a base backup on, along a timeline: whole up to where, what is missing, and what is there twice.

import type { FoldedLog, ListedWal, Span } from './fold.ts';
import type { Ancestor } from './history.ts';
import { type Lsn, segmentAt, segmentName, segmentNumber } from './segment.ts';

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

/** Segments that follow on each other. */
export type Stretch = {
  readonly first: string;
  readonly last: string;
  readonly count: number;
  /** Of the last; where its timeline is left there, of the last on that. */
  readonly storedAt: Date;
};

export type Continuity = {
  /** Segments from the first on, each there once, none missing between; in stretches, one for each timeline. */
  readonly whole: readonly Stretch[];
  /** The segment after them that was being written, as far as it went; only where they are the last. Where timelines part in it, perhaps the parent's. */
  readonly begun: ListedWal | undefined;
  /** Where all that ends: the position after its last byte. */
  readonly end: Lsn;
  /** Segments that are not there, though later ones are, or were begun; in order, and no more of them than {@link namedAtMost}. */
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

/** Whether a timeline can be come to from a base backup: by it, or by a child that it left no sooner than the base backup ended. */
export function leadsTo({ fromTimeline, from, timeline, ancestors }: Omit<Course, 'segmentBytes'>): boolean {
  if (fromTimeline === timeline) return true;
  return ancestors.some((one) => one.timeline === fromTimeline && one.leftAt >= from);
}

/** Walks the log as recovery does: of each segment it takes that of the newest timeline which had begun by then. */
export function continuityOf({ spans, begun: copies }: FoldedLog, course: Course): Continuity {
  const { segmentBytes, from } = course;
  const first = segmentAt(from, segmentBytes);
  const present = onCourse(spans, course, first);
  const namesWhere = (fits: (usable: number) => boolean) =>
    present.filter(({ usable }) => fits(usable)).map((span) => nameOnCourse(span.first, course));
  const missing: string[] = [];
  let missingCount = 0;
  let expected = first;
  for (const span of present) {
    for (let gone = expected; gone < span.first && missing.length < namedAtMost; gone += 1)
      missing.push(nameOnCourse(gone, course));
    missingCount += span.first - expected;
    expected = span.last + 1;
  }
  // One that was begun says that those before it had been finished.
  const lastBegun = onCourse(copies.map(asSpan(segmentBytes)), course, expected).at(-1)?.first ?? 0;
  for (let gone = expected; gone < lastBegun && missing.length < namedAtMost; gone += 1)
    missing.push(nameOnCourse(gone, course));
  missingCount += Math.max(0, lastBegun - expected);
  let next = first;
  const whole: Stretch[] = [];
  for (const span of present) {
    if (span.first !== next || span.usable !== 1) break;
    whole.push(stretchOf(span, segmentBytes));
    next = span.last + 1;
  }
  const isBroken = whole.length < present.length || missingCount > 0;
  const begun = isBroken
    ? undefined
    : (furthest(copies, nameOnCourse(next, course)) ?? begunBefore(next, spans, copies, course));
  const newest = present.at(-1);
  return {
    whole,
    begun,
    end: BigInt(next) * BigInt(segmentBytes) + BigInt(begun?.filledBytes ?? 0),
    missing,
    missingCount,
    conflicting: namesWhere((usable) => usable > 1),
    damaged: namesWhere((usable) => usable === 0),
    newest: newest && nameOnCourse(newest.last, course),
  };
}

/** What of a log lies on a course, from a segment on. */
function onCourse(spans: readonly Span[], course: Course, from: number): Span[] {
  const { ancestors, timeline, segmentBytes } = course;
  // A child begins in the segment that its parent was left in, and has a copy of it.
  const ends = ancestors.map((one) => ({ ...one, end: segmentAt(one.leftAt, segmentBytes) }));
  const legs = [...ends, { timeline, end: Number.POSITIVE_INFINITY }];
  return legs.flatMap((leg, at) => {
    const begin = Math.max(from, legs[at - 1]?.end ?? 0);
    const own = spans.filter((span) => span.timeline === leg.timeline);
    return own
      .map((span) => ({
        ...span,
        first: Math.max(span.first, begin),
        last: Math.min(span.last, leg.end - 1),
      }))
      .filter(({ first, last }) => first <= last);
  });
}

function asSpan(segmentBytes: number) {
  return ({ timeline, name, storedAt }: ListedWal): Span => {
    const number = segmentNumber(name, segmentBytes);
    return { timeline, first: number, last: number, usable: 1, storedAt };
  };
}

function stretchOf({ timeline, first, last, storedAt }: Span, segmentBytes: number): Stretch {
  const nameOf = (segment: number) => segmentName(timeline, segment, segmentBytes);
  return { first: nameOf(first), last: nameOf(last), count: last - first + 1, storedAt };
}

/** How many segments stretches are of. */
export function countOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { count }) => sum + count, 0);
}

/** The names of their segments, the last one first. */
export function* namesBackwards(stretches: readonly Stretch[], segmentBytes: number): Generator<string> {
  for (const { last, count } of stretches.toReversed()) {
    const timeline = Number.parseInt(last.slice(0, 8), 16);
    const number = segmentNumber(last, segmentBytes);
    for (let back = 0; back < count; back += 1) yield segmentName(timeline, number - back, segmentBytes);
  }
}

/** Of the copies of a segment that was being written, the one that goes furthest. */
export function furthest<Wal extends ListedWal>(files: readonly Wal[], segment: string): Wal | undefined {
  const begun = files.filter(({ kind, name }) => kind === 'begun' && name.startsWith(segment));
  return begun.toSorted((one, other) => (one.name < other.name ? -1 : 1)).at(-1);
}

/** Of a segment in which its timeline begins, and which is not there: the copy of its parent's, where that goes no further than they part. */
function begunBefore(
  segment: number,
  spans: readonly Span[],
  copies: readonly ListedWal[],
  { ancestors, segmentBytes }: Course,
): ListedWal | undefined {
  for (const { timeline, leftAt } of ancestors.toReversed()) {
    if (segmentAt(leftAt, segmentBytes) !== segment) return undefined;
    const isWhole = spans.some(
      (one) => one.timeline === timeline && one.first <= segment && segment <= one.last,
    );
    const copy = furthest(copies, segmentName(timeline, segment, segmentBytes));
    if (isWhole || copy !== undefined)
      return isWhole || (copy?.filledBytes ?? 0) > Number(leftAt % BigInt(segmentBytes)) ? undefined : copy;
  }
  return undefined;
}

/** Which file recovery asks for first. */
function nameOnCourse(segment: number, { timeline, ancestors, segmentBytes }: Course): string {
  const own = ancestors.find(({ leftAt }) => segment < segmentAt(leftAt, segmentBytes));
  return segmentName(own?.timeline ?? timeline, segment, segmentBytes);
}
