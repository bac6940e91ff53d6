// observe: reads compressed bytes once and says what they are: their sum, their gzip members, and what is in the dump.

import { createHash } from 'node:crypto';
import type { Manifest } from '../archive/manifest.ts';
import type { Observation } from '../archive/verdict.ts';
import { GzipReader, type InflateResult } from '../gzip/inflate.ts';
import { MemberReader } from '../gzip/inflate-members.ts';
import { DumpScanner } from '../sql/scanner.ts';
import { storeError } from '../store/errors.ts';

/**
 * Observes an archive.
 *
 * @param expected - What the manifest says: a dump that inflates to more is damaged, and is not read further; members
 *   that lie where it says are inflated several at once.
 * @throws What the stream fails with. Damage is an observation, not an error.
 */
export async function observe(
  compressed: AsyncIterable<Uint8Array>,
  expected: Pick<Manifest, 'plainBytes' | 'members'> | undefined,
): Promise<Observation> {
  const hash = createHash('sha256');
  const scanner = new DumpScanner();
  const options = { maxPlainBytes: expected?.plainBytes, readToEnd: true };
  const reader = new MemberReader(hashed(compressed, hash), expected?.members ?? [], options);
  for await (const plain of reader) scanner.push(plain);
  const { compressedBytes, plainBytes, members, error } = reader.result;
  return {
    compressedBytes,
    plainBytes,
    members,
    sha256: hash.digest('hex'),
    ...(error === undefined ? {} : { gzipError: error }),
    inventory: scanner.finish(),
  };
}

/** Reads gzip to its end and looks at nothing else, as `gunzip -t` does. */
export async function observeGzip(compressed: AsyncIterable<Uint8Array>): Promise<InflateResult> {
  const reader = new GzipReader(compressed);
  for await (const _ of reader);
  return reader.result;
}

async function* hashed(
  compressed: AsyncIterable<Uint8Array>,
  hash: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of compressed) {
      hash.update(chunk);
      yield chunk;
    }
  } catch (error) {
    throw storeError(error, 'reading the archive');
  }
}
