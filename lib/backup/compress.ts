// compress: plain dump in, gzip members out, and the record of both for the manifest.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Manifest } from '../archive/manifest.ts';
import { freeNow, giveBack } from '../base/read-blocks.ts';
import { type CompressOptions, chooseCompressor, compressMembers } from '../gzip/compressor.ts';
import type { Member } from '../gzip/gzip-members.ts';
import { crcText } from '../gzip/gzip-members.ts';
import type { Compressor } from '../gzip/member-stream.ts';

/** What the manifest says about the bytes; whole only after the last chunk was taken. */
export type CompressedRecord = Pick<
  Manifest,
  'compressor' | 'plainBytes' | 'compressedBytes' | 'sha256' | 'crc32' | 'members'
>;

/** A compressed dump: iterate `chunks` to the end, then ask `record`. */
export type CompressedDump = {
  /** A chunk is gone once the next is asked for. */
  readonly chunks: AsyncIterable<Buffer>;
  readonly record: () => CompressedRecord;
};

/**
 * Compresses a dump while it passes.
 *
 * @param compressor - By default the fastest that is installed.
 * @param options - As of {@link compressMembers}.
 */
export function compress(
  plain: AsyncIterable<Uint8Array>,
  compressor: Compressor = chooseCompressor(),
  options: CompressOptions = {},
): CompressedDump {
  const members: Member[] = [];
  const hash = createHash('sha256');
  let compressedBytes = 0;
  let plainBytes = 0;
  let crc = 0;

  async function* chunks(): AsyncGenerator<Buffer> {
    for await (const { pieces, member } of compressMembers(plain, compressor, options)) {
      members.push(member);
      compressedBytes += member.compressedBytes;
      plainBytes += member.plainBytes;
      for (const piece of pieces) {
        hash.update(piece);
        crc = crc32(piece, crc);
        yield piece;
        if (!giveBack(piece)) freeNow(piece);
      }
    }
  }

  return {
    chunks: chunks(),
    record: () => ({
      compressor: compressor.name,
      plainBytes,
      compressedBytes,
      sha256: hash.digest('hex'),
      crc32: crcText(crc),
      members,
    }),
  };
}
