// Inflates an archive several members at once, on libuv's threads, cut where its manifest says that members lie. That is
// only believed while all of it is so: at the first thing that is another way it ends, and whoever wants to know what
// there is in its place reads again from the start with GzipReader.

import { availableParallelism } from 'node:os';
import { crc32, type InflateRaw, inflateRaw } from 'node:zlib';
import { freeNow } from '../base/read-blocks.ts';
import { ByteSource } from './byte-source.ts';
import {
  crcText,
  gzipHeader,
  gzipTrailerBytes,
  type Member,
  readGzipTrailer,
  trailerFault,
} from './gzip-members.ts';

/** Longer members are not inflated at once: a manifest must not decide how much memory is taken. */
const memberBytesMax = 16 * 1024 * 1024;
/** One more than there are threads to inflate: they work on while the oldest one's text is looked at. */
const membersInFlight = Math.min(availableParallelism(), 4) + 1;

/** The bytes are not the members that were told, or those are too long to be inflated at once. */
export class OtherMembersFound extends Error {}

/**
 * Inflates a gzip stream whose members are known, or said to be.
 *
 * @returns The plain text, a chunk a member; a chunk is gone when the next one is asked for. Memory is bounded by
 *   constants, and no byte more is inflated than is told.
 * @throws {@link OtherMembersFound} in place of the text of the first member that is not as told, and where anything
 *   follows the last one, or there is none; else what the compressed stream throws.
 */
export async function* inflateMembers(
  compressed: AsyncIterable<Uint8Array>,
  told: readonly Member[],
): AsyncGenerator<Buffer, void, undefined> {
  const source = new ByteSource(compressed);
  const running: Promise<Buffer>[] = [];
  try {
    for (const member of told) {
      running.push(begin(await nextBytes(source, member), member));
      if (running.length === membersInFlight) yield* chunkOf(running.shift());
    }
    while (running.length > 0) yield* chunkOf(running.shift());
    if (told.length === 0 || (await source.peek()) !== undefined) throw new OtherMembersFound();
  } finally {
    await source.close();
    await Promise.allSettled(running);
  }
}

async function* chunkOf(running: Promise<Buffer> | undefined): AsyncGenerator<Buffer, void, undefined> {
  const plain = (await running) as Buffer;
  yield plain;
  freeNow(plain);
}

async function nextBytes(source: ByteSource, { compressedBytes, plainBytes }: Member): Promise<Buffer> {
  if (Math.max(compressedBytes, plainBytes) > memberBytesMax) throw new OtherMembersFound();
  const bytes = await source.exactly(compressedBytes);
  if (bytes === undefined) throw new OtherMembersFound();
  return bytes;
}

function begin(bytes: Buffer, member: Member): Promise<Buffer> {
  const plain = inflateMember(bytes, member).finally(() => freeNow(bytes));
  // Awaited in its turn; until then a failure must not count as unheard.
  plain.catch(() => undefined);
  return plain;
}

async function inflateMember(bytes: Buffer, member: Member): Promise<Buffer> {
  const text = bytes.subarray(headerBytesOf(bytes), -gzipTrailerBytes);
  const plain = await inflateText(text, member.plainBytes);
  const crc = crc32(plain);
  const fault = trailerFault(readGzipTrailer(bytes.subarray(-gzipTrailerBytes)), crc, plain.length);
  if (fault !== undefined || plain.length !== member.plainBytes || crcText(crc) !== member.crc32) {
    throw new OtherMembersFound();
  }
  return plain;
}

function headerBytesOf(bytes: Buffer): number {
  const header = gzipHeader();
  header.next();
  for (let read = 1; read <= bytes.length - gzipTrailerBytes; read += 1) {
    const step = header.next(bytes[read - 1] as number);
    if (step.done && step.value === undefined) return read;
    if (step.done) break;
  }
  throw new OtherMembersFound();
}

/** @returns The plain text, if all of the bytes are one deflate stream of no more than so many plain bytes. */
function inflateText(bytes: Buffer, plainBytes: number): Promise<Buffer> {
  // One output buffer, with room to see that nothing follows: a bomb ends there.
  const room = plainBytes + 64;
  return new Promise((resolve, reject) => {
    inflateRaw(bytes, { chunkSize: room, maxOutputLength: room, info: true }, (error, result) => {
      // What `info` gives, which the types do not know.
      const { buffer, engine } = (result ?? {}) as unknown as { buffer: Buffer; engine: InflateRaw };
      if (error === null && engine.bytesWritten === bytes.length) resolve(buffer);
      else reject(new OtherMembersFound());
    });
  });
}
