// read-range: re-reads one range of a large archive, as verify does with a whole one, and leaves what it saw for
// join-ranges.

import { crc32 } from 'node:zlib';
import type { Manifest } from '../archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../archive/names.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { OffsiteError } from '../base/errors.ts';
import type { Member } from '../gzip/gzip-members.ts';
import { GzipReader } from '../gzip/inflate.ts';
import { inflateMembers, OtherMembersFound } from '../gzip/inflate-members.ts';
import { type PartScan, PartScanner } from '../sql/join-scans.ts';
import { readerStateSchema } from '../sql/reader.ts';
import type { ArchiveStore } from '../store/store.ts';
import type { OtherMembers, RangeReading } from './join-readings.ts';
import { ArchiveGone, hashed, ifGone } from './observe.ts';
import { type ArchiveRange, planRanges, type RangeTask, rangeKeys, rangeOffset } from './plan.ts';

/** Gives the archive's bytes from one offset to the one before another, or to the end. */
export type OpenBytes = (from: number, to?: number) => Promise<AsyncIterable<Uint8Array>>;

/**
 * Reads a range and writes down what was seen, over what an earlier reading left.
 *
 * @returns How many bytes of it the store has.
 */
export async function readRange(store: ArchiveStore, task: RangeTask): Promise<number> {
  const id = parseArchiveId(task.id);
  const manifest = await readManifest(store, id);
  const ranges = planRanges(manifest, task.limits);
  const open = async (from: number, to?: number) => {
    const body = await store.openRange(archiveKeys(id).archive, { ...task, from, to });
    if (body === undefined) throw new ArchiveGone();
    return body;
  };
  const from = await startOf(store, task);
  const reading = (await observeRange(open, manifest, ranges, task.index, from).catch(ifGone)) ?? 'gone';
  await store.write(rangeKeys(id, task).reading(task.index), JSON.stringify(reading));
  return reading === 'gone' ? 0 : reading.compressedBytes;
}

async function startOf(store: ArchiveStore, task: RangeTask): Promise<PartScan['from']> {
  if (task.index === 0) return 'beginning';
  if (!task.again) return 'guess';
  const key = rangeKeys(parseArchiveId(task.id), task).start(task.index);
  const stored = await store.readText(key);
  if (stored !== undefined) return readerStateSchema.parse(JSON.parse(stored.text));
  throw new OffsiteError('STORE_FAILED', 'what a range has to be scanned from is not there', {
    expected: `what the join wrote to ${key}`,
    found: 'nothing there',
    hint: 'start the execution anew (docs/large-archives.md)',
  });
}

/**
 * Reads a range.
 *
 * @param index - Of the range.
 * @param from - Where the scan of its text begins.
 * @throws What the store throws; damage is an observation.
 */
export async function observeRange(
  open: OpenBytes,
  manifest: Manifest,
  ranges: readonly ArchiveRange[],
  index: number,
  from: PartScan['from'],
): Promise<RangeReading> {
  const range = ranges[index] as ArchiveRange;
  const next = ranges[index + 1];
  const openOwn = () => open(rangeOffset(manifest, range), next && rangeOffset(manifest, next));
  const told = manifest.members.slice(range.fromMember, range.toMember);
  return (
    (await observeAsTold(await openOwn(), told, from)) ?? {
      ...(await sumOf(await openOwn())),
      others: await readOn(open, manifest, ranges, range),
    }
  );
}

/** @returns `undefined` if the bytes are no whole members as the manifest says. */
async function observeAsTold(
  body: AsyncIterable<Uint8Array>,
  told: readonly Member[],
  from: PartScan['from'],
): Promise<RangeReading | undefined> {
  const sum = new Sum();
  const scanner = new PartScanner(from);
  try {
    for await (const plain of inflateMembers(hashed(body, sum), told)) scanner.push(plain);
  } catch (error) {
    if (error instanceof OtherMembersFound) return undefined;
    throw error;
  }
  return { ...sum, scan: scanner.finish() };
}

async function sumOf(body: AsyncIterable<Uint8Array>): Promise<Sum> {
  const sum = new Sum();
  for await (const _ of hashed(body, sum));
  return sum;
}

/** Reads what is there in place of the members that were told, and on until a member ends where another range begins. */
async function readOn(
  open: OpenBytes,
  manifest: Manifest,
  ranges: readonly ArchiveRange[],
  range: ArchiveRange,
): Promise<OtherMembers> {
  const starts = new Set(ranges.slice(range.index + 1).map((later) => rangeOffset(manifest, later)));
  // What they hold is counted where the readings are joined.
  const after = manifest.members.slice(0, range.fromMember).map((member) => ({ ...member, plainBytes: 0 }));
  const body = await open(rangeOffset(manifest, range));
  const reader = new GzipReader(body, { after, maxPlainBytes: manifest.plainBytes });
  let looked = after.length;
  const nextStart = (): number | undefined => {
    for (; looked < reader.result.members.length; looked += 1) {
      const end = endOf(reader.result.members[looked] as Member);
      if (starts.has(end)) return end;
    }
    return undefined;
  };
  let endsAt: number | undefined;
  for await (const _ of reader) {
    endsAt = nextStart();
    if (endsAt !== undefined) break;
  }
  endsAt ??= nextStart();
  const { error, members: all, plainBytes } = reader.result;
  if (endsAt !== undefined) {
    return { members: all.slice(after.length, looked + 1), restPlainBytes: 0, endsAt };
  }
  const members = all.slice(after.length);
  const wholePlainBytes = members.reduce((bytes, member) => bytes + member.plainBytes, 0);
  return {
    members,
    restPlainBytes: plainBytes - wholePlainBytes,
    ...(error !== undefined && { gzipError: error }),
  };
}

function endOf({ offset, compressedBytes }: Member): number {
  return offset + compressedBytes;
}

/** What of a range there is, by its bytes. */
class Sum {
  crc32 = 0;
  compressedBytes = 0;

  update(chunk: Uint8Array): void {
    this.crc32 = crc32(chunk, this.crc32);
    this.compressedBytes += chunk.byteLength;
  }
}
