// What many readers saw of an archive, each of its own range, joined to what one reader of the whole would have seen.
// Readers trust the manifest only for where to begin. A reader who finds anything else than the manifest says reads on,
// past the end of its range, until a member ends where another reader began: from there on that one is right again.

import * as z from 'zod';
import { memberSchema } from '../archive/commit-record.ts';
import type { Manifest } from '../archive/manifest.ts';
import type { Observation } from '../archive/verdict.ts';
import { combineCrc32 } from '../gzip/crc32-combine.ts';
import { crcText, type Member } from '../gzip/gzip-members.ts';
import { partScanSchema } from '../sql/join-scans.ts';
import { type ArchiveRange, rangeOffset } from './plan.ts';

const bytes = z.number().int().nonnegative();

/** What a reader saw in place of the members that the manifest says. */
export const otherMembersSchema = z.strictObject({
  /** Whole ones, from the range's beginning on. */
  members: z.array(memberSchema),
  /** Of the member after them, inflated before the fault. */
  restPlainBytes: bytes,
  /** Where another reader takes over; absent where nothing follows, or nothing that can be read. */
  endsAt: bytes.optional(),
  gzipError: z.string().optional(),
});

export type OtherMembers = z.infer<typeof otherMembersSchema>;

export const rangeReadingSchema = z.strictObject({
  /** That the store has of it. */
  compressedBytes: bytes,
  /** Of those bytes. */
  crc32: bytes,
  /** Absent where the members are those that the manifest says. */
  others: otherMembersSchema.optional(),
  /** Of the plain text, where the members are as they should be: the scan of damaged bytes proves nothing. */
  scan: partScanSchema.optional(),
});

export type RangeReading = z.infer<typeof rangeReadingSchema>;

/** Left in place of a reading where the archive was not there any more. */
export const goneSchema = z.literal('gone');

/** What was seen of the whole, but for what is in the dump. */
export type JoinedReading = Omit<Observation, 'inventory' | 'sha256'> & { readonly crc32: string };

/**
 * Joins the readings of all ranges.
 *
 * @param readings - One a range, in order.
 * @returns What one reader of the whole sees, for any bytes. Only how far a faulty member can be inflated depends on how
 *   its bytes come in, there as here.
 */
export function joinReadings(
  manifest: Manifest,
  ranges: readonly ArchiveRange[],
  readings: readonly RangeReading[],
): JoinedReading {
  let crc = 0;
  let compressedBytes = 0;
  for (const reading of readings) {
    crc = combineCrc32(crc, reading.crc32, reading.compressedBytes);
    compressedBytes += reading.compressedBytes;
  }
  return { ...joinMembers(manifest, ranges, readings), compressedBytes, crc32: crcText(crc) };
}

function joinMembers(
  manifest: Manifest,
  ranges: readonly ArchiveRange[],
  readings: readonly RangeReading[],
): Pick<JoinedReading, 'members' | 'plainBytes' | 'gzipError'> {
  const starts = new Map(ranges.map((range) => [rangeOffset(manifest, range), range.index]));
  const found = new MembersWithin(manifest.plainBytes);
  for (let index: number | undefined = 0; index !== undefined && index < ranges.length; ) {
    const range = ranges[index] as ArchiveRange;
    const others: OtherMembers | undefined = readings[index]?.others;
    found.add(others?.members ?? manifest.members.slice(range.fromMember, range.toMember));
    if (others === undefined) {
      index += 1;
      continue;
    }
    if (others.gzipError !== undefined) found.fail(others.gzipError, others.restPlainBytes);
    index = others.endsAt === undefined ? undefined : starts.get(others.endsAt);
  }
  return found.joined();
}

/** Members in order, as long as they hold no more than they may. */
class MembersWithin {
  readonly #maxPlainBytes: number;
  readonly #members: Member[] = [];
  #plainBytes = 0;
  #error: string | undefined;

  constructor(maxPlainBytes: number) {
    this.#maxPlainBytes = maxPlainBytes;
  }

  add(members: readonly Member[]): void {
    for (const member of members) {
      if (this.#isBeyond(member.plainBytes)) return;
      this.#members.push(member);
      this.#plainBytes += member.plainBytes;
    }
  }

  /** @param error - In its reader's words, who did not know how many members come before. */
  fail(error: string, restPlainBytes: number): void {
    if (this.#isBeyond(restPlainBytes)) return;
    this.#plainBytes += restPlainBytes;
    this.#error = error.replace(/^member \d+ /, `member ${this.#members.length} `);
  }

  joined(): Pick<JoinedReading, 'members' | 'plainBytes' | 'gzipError'> {
    return {
      members: this.#members,
      plainBytes: this.#plainBytes,
      ...(this.#error !== undefined && { gzipError: this.#error }),
    };
  }

  /** Whether there is an error already, or the next member is one: it holds more than the whole may. */
  #isBeyond(plainBytes: number): boolean {
    if (this.#error === undefined && this.#plainBytes + plainBytes > this.#maxPlainBytes) {
      const last = this.#members.at(-1);
      const offset = last === undefined ? 0 : last.offset + last.compressedBytes;
      this.#error = `member ${this.#members.length} at offset ${offset}: more than ${this.#maxPlainBytes} plain bytes`;
    }
    return this.#error !== undefined;
  }
}
