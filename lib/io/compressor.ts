// Compresses to gzip in independent members of a fixed plain length: any gunzip reads the archive as one stream,
// several threads can work on it, and the manifest can list what is where.

import { promisify } from 'node:util';
import { crc32, gzip } from 'node:zlib';
import type { Member } from '../core/manifest.ts';

const gzipAsync = promisify(gzip);

/** Plain bytes per member. Independent members of this length cost 0.04 % (design/performance.md). */
export const memberPlainBytes = 4 * 1024 * 1024;

/** Members compressed at once, each on a thread of libuv's pool. */
const membersInFlight = 2;

/** How the manifest names this compressor. */
export const compressorName = 'node-zlib-1';

/** One gzip member, and where it belongs. */
export type CompressedMember = { readonly bytes: Buffer; readonly member: Member };

/**
 * Compresses a stream.
 *
 * @param plain - The dump; if it fails, so does the result, and nothing of the last member is given.
 * @returns Members in order. An empty stream gives none.
 */
export async function* compressMembers(plain: AsyncIterable<Uint8Array>): AsyncGenerator<CompressedMember> {
  const running: Promise<{ bytes: Buffer; plainBytes: number; crc: number }>[] = [];
  let offset = 0;
  const oldest = async (): Promise<CompressedMember> => {
    const { bytes, plainBytes, crc } = await (running.shift() as (typeof running)[number]);
    const member = { offset, compressedBytes: bytes.length, plainBytes, crc32: hex32(crc) };
    offset += bytes.length;
    return { bytes, member };
  };
  try {
    for await (const block of blocksOf(plain, memberPlainBytes)) {
      const task = compress(block);
      // Awaited in its turn; until then a failure must not count as unheard.
      task.catch(() => undefined);
      running.push(task);
      if (running.length >= membersInFlight) yield await oldest();
    }
    while (running.length > 0) yield await oldest();
  } finally {
    // Left early: what still runs may fail unheard.
    await Promise.allSettled(running);
  }
}

/** A CRC-32 as the manifest writes it. */
export function hex32(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

async function compress(block: Buffer): Promise<{ bytes: Buffer; plainBytes: number; crc: number }> {
  // memLevel 9 makes level 1 as small as igzip's default (design/performance.md).
  const bytes = await gzipAsync(block, { level: 1, memLevel: 9 });
  return { bytes, plainBytes: block.length, crc: crc32(block) };
}

async function* blocksOf(chunks: AsyncIterable<Uint8Array>, blockBytes: number): AsyncGenerator<Buffer> {
  let block = Buffer.allocUnsafe(blockBytes);
  let filled = 0;
  for await (const chunk of chunks) {
    let taken = 0;
    while (taken < chunk.length) {
      const part = chunk.subarray(taken, taken + blockBytes - filled);
      block.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled === blockBytes) {
        yield block;
        block = Buffer.allocUnsafe(blockBytes);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
