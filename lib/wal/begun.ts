// A segment that is being written: the log in it so far goes offsite under a name that says how far it goes. pg_receivewal fills a file
// that is of the segment's whole length from its beginning on, so what is behind the last byte is zeros.

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { begunName } from '../archive/wal-names.ts';
import { segmentHeaderBytes, segmentLength } from './segment.ts';

const blockBytes = 256 * 1024;

/**
 * Copies what a segment holds so far, as a file of the segment's length.
 *
 * @param path - Of the segment, which may grow meanwhile.
 * @param folder - Where the copy is made.
 * @param beyond - Bytes that are known already: nothing is copied where there are no more.
 * @returns Where the copy is, and how many bytes of log it holds; `undefined` where there is nothing new.
 */
export async function copyBegun(
  path: string,
  segment: string,
  folder: string,
  beyond: number,
): Promise<{ readonly path: string; readonly filledBytes: number } | undefined> {
  await using from = await open(path);
  const { size } = await from.stat();
  // Looked for before it is copied: what is before that byte was written before it.
  const filledBytes = await filledBytesOf(from, size);
  if (filledBytes <= Math.max(beyond, segmentHeaderBytes) || !(await isWholeLength(from, size)))
    return undefined;
  const copy = join(folder, begunName(segment, filledBytes));
  await using to = await open(copy, 'w', 0o600);
  const block = Buffer.allocUnsafe(blockBytes);
  for (let at = 0; at < filledBytes; ) {
    const { bytesRead } = await from.read(block, 0, Math.min(blockBytes, filledBytes - at), at);
    if (bytesRead === 0) return undefined;
    for (let written = 0; written < bytesRead; )
      written += (await to.write(block, written, bytesRead - written, at + written)).bytesWritten;
    at += bytesRead;
  }
  await to.truncate(size);
  return { path: copy, filledBytes };
}

/** A long segment takes a while to be given its length, in which its size was asked for too soon. */
async function isWholeLength(file: FileHandle, size: number): Promise<boolean> {
  const { buffer } = await file.read(Buffer.alloc(segmentHeaderBytes), 0, segmentHeaderBytes, 0);
  return size >= segmentLength(buffer);
}

/** How much of a segment that is being written is log. */
export async function filledBytesIn(path: string): Promise<number> {
  await using file = await open(path);
  return await filledBytesOf(file, (await file.stat()).size);
}

/** The place after the last byte that is not zero. */
async function filledBytesOf(file: FileHandle, size: number): Promise<number> {
  const block = Buffer.allocUnsafe(blockBytes);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - blockBytes);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at -= 1) if (block[at] !== 0) return start + at + 1;
    end = start;
  }
  return 0;
}
