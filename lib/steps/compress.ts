// compress: plain dump in, gzip members out, and the record of both for the manifest.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Manifest, Member } from '../core/manifest.ts';
import { compressMembers, hex32 } from '../io/compressor.ts';

/** What the manifest says about the bytes; whole only after the last chunk was taken. */
export type CompressedRecord = Pick<
  Manifest,
  'plainBytes' | 'compressedBytes' | 'sha256' | 'crc32' | 'members'
>;

/** A compressed dump: iterate `chunks` to the end, then ask `record`. */
export type CompressedDump = {
  readonly chunks: AsyncIterable<Buffer>;
  readonly record: () => CompressedRecord;
};

/** Compresses a dump while it passes. */
export function compress(plain: AsyncIterable<Uint8Array>): CompressedDump {
  const members: Member[] = [];
  const hash = createHash('sha256');
  let compressedBytes = 0;
  let plainBytes = 0;
  let crc = 0;

  async function* chunks(): AsyncGenerator<Buffer> {
    for await (const { bytes, member } of compressMembers(plain)) {
      members.push(member);
      hash.update(bytes);
      crc = crc32(bytes, crc);
      compressedBytes += bytes.length;
      plainBytes += member.plainBytes;
      yield bytes;
    }
  }

  return {
    chunks: chunks(),
    record: () => ({ plainBytes, compressedBytes, sha256: hash.digest('hex'), crc32: hex32(crc), members }),
  };
}
