// What readers of ranges see, joined, against what one reader of the whole sees: of whole archives, of damaged ones, and
// under manifests that say what is not so; cut into ranges of any number of members.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Manifest, parseManifest } from '../../lib/archive/manifest.ts';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { judge } from '../../lib/archive/verdict.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import { crcText, type Member } from '../../lib/gzip/gzip-members.ts';
import { joinReadings, type RangeReading, rangeReadingSchema } from '../../lib/verify/join-readings.ts';
import { observe } from '../../lib/verify/observe.ts';
import { planRanges } from '../../lib/verify/plan.ts';
import { observeRange } from '../../lib/verify/read-range.ts';
import { archiveOf, damaged, damages, lies, mistold } from '../fixtures/damaged-archives.ts';
import { reasons } from '../fixtures/large-archive.ts';
import { exampleManifest } from '../fixtures/manifests.ts';

/** A manifest of these members, at offsets that agree with each other, as a manifest that can be parsed has them. */
function manifestOf(file: Buffer, told: readonly Member[]): Manifest {
  let offset = 0;
  const members = told.map((member) => {
    offset += member.compressedBytes;
    return { ...member, offset: offset - member.compressedBytes };
  });
  return {
    ...exampleManifest,
    members,
    compressedBytes: offset,
    plainBytes: members.reduce((sum, { plainBytes }) => sum + plainBytes, 0),
    sha256: createHash('sha256').update(file).digest('hex'),
    crc32: crcText(crc32(file)),
  };
}

/** Whether it would be read at all: of no members, or of lies too large to be added up, it would not. */
function isParsed(manifest: Manifest): boolean {
  try {
    parseManifest(jsonText(manifest), parseArchiveId(manifest.id));
    return true;
  } catch {
    return false;
  }
}

async function* chunksOf(bytes: Buffer, chunkBytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function readInRanges(file: Buffer, manifest: Manifest, compressedBytes: number, chunkBytes: number) {
  const ranges = planRanges(manifest, { compressedBytes, plainBytes: Number.MAX_SAFE_INTEGER });
  const open = async (from: number, to?: number) => chunksOf(file.subarray(from, to), chunkBytes);
  const readings: RangeReading[] = [];
  for (const { index } of ranges) {
    const from = index === 0 ? 'beginning' : 'guess';
    const reading = await observeRange(open, manifest, ranges, index, from);
    readings.push(rangeReadingSchema.parse(JSON.parse(JSON.stringify(reading))));
  }
  return { ranges, joined: joinReadings(manifest, ranges, readings) };
}

const texts = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(3000).map((length) => Buffer.alloc(length, 'text ')),
  ),
  { minLength: 1, maxLength: 8 },
);
const rangeBytes = fc.constantFrom(1, 60, 200, 1000);
const chunks = fc.constantFrom(7, 100, 100_000);

describe('readings of ranges, joined', () => {
  it('are what one reader sees', async () => {
    await fc.assert(
      fc.asyncProperty(
        texts,
        damages,
        lies,
        rangeBytes,
        chunks,
        async (plains, harm, told, most, chunkBytes) => {
          const { file: whole, members } = archiveOf(plains);
          const file = harm.reduce(damaged, whole);
          const manifest = manifestOf(whole, told.reduce(mistold, members));
          fc.pre(isParsed(manifest));
          const one = await observe(() => chunksOf(file, chunkBytes), manifest);
          const { joined } = await readInRanges(file, manifest, most, chunkBytes);
          const { inventory, sha256, plainBytes, ...seen } = one;
          const { crc32: sum, plainBytes: joinedPlainBytes, ...joinedSeen } = joined;
          expect(joinedSeen).toEqual(seen);
          expect(sum).toBe(crcText(crc32(file)));
          if (one.gzipError === undefined) expect(joinedPlainBytes).toBe(plainBytes);
          const [alone, together] = [judge(manifest, one), judge(manifest, { ...joined, inventory })];
          expect(together.verdict).toBe(alone.verdict);
          if (alone.verdict === 'intact' || together.verdict === 'intact') return;
          const isFaulty = one.gzipError !== undefined;
          expect(reasons(together.deviations, isFaulty)).toEqual(reasons(alone.deviations, isFaulty));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('cover all members once, in ranges as long as allowed', () => {
    fc.assert(
      fc.property(texts, rangeBytes, fc.nat(5000), (plains, compressedBytes, plainBytes) => {
        const { file, members } = archiveOf(plains);
        const ranges = planRanges(manifestOf(file, members), { compressedBytes, plainBytes });
        expect(ranges.flatMap(({ fromMember, toMember }) => members.slice(fromMember, toMember))).toEqual(
          members,
        );
        expect(ranges.map(({ index }) => index)).toEqual(ranges.map((_, index) => index));
        for (const { fromMember, toMember } of ranges) {
          const own = members.slice(fromMember, toMember);
          const bytes = own.reduce((sum, member) => sum + member.compressedBytes, 0);
          const plain = own.reduce((sum, member) => sum + member.plainBytes, 0);
          const [share, plainShare] = [file, Buffer.concat(plains)].map(({ length }) => length / 250);
          const isShort = bytes <= Math.max(compressedBytes, share as number);
          const isShortPlain = plain <= Math.max(plainBytes, plainShare as number);
          expect(own.length === 1 || (isShort && isShortPlain)).toBe(true);
        }
      }),
    );
  });

  it('are at most a thousand or so, of an archive of any size', () => {
    const mib = 1024 ** 2;
    const members = Array.from({ length: 60_000 }, (_, index) => ({
      offset: index * 80 * mib,
      compressedBytes: 80 * mib,
      plainBytes: 500 * mib,
      crc32: '00000000',
    }));
    const manifest = { members, compressedBytes: 60_000 * 80 * mib, plainBytes: 60_000 * 500 * mib };
    const ranges = planRanges(manifest);
    expect(ranges.length).toBeGreaterThan(200);
    expect(ranges.length).toBeLessThanOrEqual(1001);
  });
});
