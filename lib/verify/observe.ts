// observe: reads compressed bytes once and says what they are: their sum, their gzip members, and what is in the dump.

import { createHash } from 'node:crypto';
import type { Manifest } from '../archive/manifest.ts';
import type { Observation, ObservedBytes } from '../archive/verdict.ts';
import { GzipReader, type InflateResult } from '../gzip/inflate.ts';
import { inflateMembers, OtherMembersFound } from '../gzip/inflate-members.ts';
import { DumpScanner } from '../sql/scanner.ts';
import { storeError } from '../store/errors.ts';
import { formatInside, formatOfFile, Opening } from './formats.ts';

/** Thrown where the archive is not there: no fault of the reader's, the verdict is that it is missing. */
export class ArchiveGone extends Error {}

/** For a reading's `catch`: an archive that is gone was not read. */
export function ifGone(error: unknown): undefined {
  if (!(error instanceof ArchiveGone)) throw error;
}

/** Gives the compressed bytes from their beginning on, each time that it is asked. */
export type OpenArchive = () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;

/** Sees the plain bytes as they pass; a chunk is gone when the next one comes. */
export type Listener<Contents> = { push(plain: Buffer): void; finish(): Contents };

/** Observes an archive of a dump, or what may be one, as {@link observeBytes} does. */
export async function observe(
  open: OpenArchive,
  expected: (Pick<Manifest, 'plainBytes'> & Partial<Pick<Manifest, 'members'>>) | undefined,
): Promise<Observation> {
  const { contents: inventory, ...bytes } = await observeBytes(open, expected, () => new DumpScanner());
  return { ...bytes, inventory };
}

/**
 * Observes an archive. Where its members lie as its manifest says, several are inflated at once, in one reading; else it
 * is read a second time, for what there is in their place.
 *
 * @param expected - What the manifest says: a dump that inflates to more is damaged, and is not inflated further. Without
 *   one it may be any file, and if it is no dump, what it is instead is said; without its members, the bytes are asked for
 *   once only.
 * @param begin - Makes who listens, once for each reading.
 * @throws What the stream fails with. Damage is an observation, not an error.
 */
export async function observeBytes<Contents>(
  open: OpenArchive,
  expected: (Pick<Manifest, 'plainBytes'> & Partial<Pick<Manifest, 'members'>>) | undefined,
  begin: () => Listener<Contents>,
): Promise<ObservedBytes & { readonly contents: Contents }> {
  const asTold = expected && (await observeAsTold(open, expected, begin()));
  if (asTold !== undefined) return asTold;
  const hash = createHash('sha256');
  const listener = begin();
  const options = { maxPlainBytes: expected?.plainBytes, readToEnd: true };
  const [outside, inside] = [new Opening(), new Opening()];
  const reader = new GzipReader(hashed(await open(), outside, hash), options);
  for await (const plain of reader) {
    inside.update(plain);
    listener.push(plain);
  }
  const { compressedBytes, plainBytes, members, error } = reader.result;
  const format = error === undefined ? formatInside(inside.bytes) : formatOfFile(outside.bytes);
  return {
    compressedBytes,
    plainBytes,
    members,
    sha256: hash.digest('hex'),
    ...(error === undefined ? {} : { gzipError: error }),
    ...(expected === undefined && format !== undefined && { format }),
    contents: listener.finish(),
  };
}

/** @returns `undefined` if the bytes are no whole members as the manifest says, or it contradicts itself. */
async function observeAsTold<Contents>(
  open: OpenArchive,
  { members, plainBytes }: Pick<Manifest, 'plainBytes'> & Partial<Pick<Manifest, 'members'>>,
  listener: Listener<Contents>,
): Promise<(ObservedBytes & { readonly contents: Contents }) | undefined> {
  if (members === undefined || sumOf(members, 'plainBytes') > plainBytes) return undefined;
  const compressed = await open();
  const hash = createHash('sha256');
  try {
    for await (const plain of inflateMembers(hashed(compressed, hash), members)) listener.push(plain);
  } catch (error) {
    if (error instanceof OtherMembersFound) return undefined;
    throw error;
  }
  return {
    compressedBytes: sumOf(members, 'compressedBytes'),
    plainBytes: sumOf(members, 'plainBytes'),
    members,
    sha256: hash.digest('hex'),
    contents: listener.finish(),
  };
}

function sumOf(members: Manifest['members'], bytes: 'compressedBytes' | 'plainBytes'): number {
  return members.reduce((sum, member) => sum + member[bytes], 0);
}

/** Reads gzip to its end and looks at nothing else, as `gunzip -t` does. */
export async function observeGzip(compressed: AsyncIterable<Uint8Array>): Promise<InflateResult> {
  const opening = new Opening();
  const reader = new GzipReader(hashed(compressed, opening));
  for await (const _ of reader);
  const { error, ...result } = reader.result;
  return error === undefined ? result : { ...result, error: formatOfFile(opening.bytes) ?? error };
}

/** Passes compressed bytes on, by those who sum them up. */
export async function* hashed(
  compressed: AsyncIterable<Uint8Array>,
  ...sums: { update(bytes: Uint8Array): unknown }[]
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of compressed) {
      for (const sum of sums) sum.update(chunk);
      yield chunk;
    }
  } catch (error) {
    throw storeError(error, 'reading the archive');
  }
}
