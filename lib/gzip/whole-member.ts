// One gzip member in one piece: inflated, and held against what was expected of it.

import { constants, type Gunzip, gunzip, inflateRawSync } from 'node:zlib';
import { gzipHeader, gzipTrailerBytes, type Member, readGzipTrailer } from './gzip-members.ts';

/** Compressed bytes within which text must begin: the codes of a block before its first letter take less. */
const glanceBytes = 1024;

/** What its last bytes say, if they are a trailer's. */
export function trailerOf(bytes: Buffer): ReturnType<typeof readGzipTrailer> {
  return readGzipTrailer(
    bytes.length < gzipTrailerBytes ? Buffer.alloc(gzipTrailerBytes) : bytes.subarray(-gzipTrailerBytes),
  );
}

/** @returns The plain text, if the bytes are one whole member of the expected length; never rejects. */
export async function inflateWhole(
  bytes: Buffer,
  expected: Pick<Member, 'compressedBytes' | 'plainBytes'>,
): Promise<Buffer | undefined> {
  if (bytes.length < expected.compressedBytes || !beginsWithText(bytes)) return undefined;
  const trailer = trailerOf(bytes);
  const plain = await gunzipped(bytes, expected.plainBytes);
  // zlib has compared the text with a trailer. That it was this one, and all of the text one member's, the length says:
  // only empty members could stand before it, and this one begins with text; after it, only what is not in its length.
  return plain?.length === expected.plainBytes && trailer.plainBytes === plain.length ? plain : undefined;
}

/** Whether a header that gunzip accepts is followed by compressed text that is not empty. */
function beginsWithText(bytes: Buffer): boolean {
  const headerBytes = readHeader(bytes);
  if (headerBytes === undefined) return false;
  const beginning = bytes.subarray(headerBytes, headerBytes + glanceBytes);
  try {
    return inflateRawSync(beginning, { finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 4096 }).length > 0;
  } catch {
    return false;
  }
}

function readHeader(bytes: Buffer): number | undefined {
  const header = gzipHeader();
  header.next();
  for (let read = 1; read <= bytes.length - gzipTrailerBytes; read += 1) {
    const step = header.next(bytes[read - 1] as number);
    if (step.done) return step.value === undefined ? read : undefined;
  }
  return undefined;
}

/** @returns The plain text of all of the bytes, which may be several members' or be followed by nothing. */
function gunzipped(bytes: Buffer, plainBytes: number): Promise<Buffer | undefined> {
  // One output buffer, with room to see that nothing follows: a bomb ends there.
  const room = plainBytes + 64;
  const { length } = bytes;
  return new Promise((resolve) => {
    gunzip(bytes, { chunkSize: room, maxOutputLength: room, info: true }, (error, result) => {
      if (error !== null) return resolve(undefined);
      // What `info` gives, which the types do not know. Zero bytes, and all that follows one, are not consumed.
      const { buffer, engine } = result as unknown as { buffer: Buffer; engine: Gunzip };
      resolve(engine.bytesWritten === length ? buffer : undefined);
    });
  });
}
