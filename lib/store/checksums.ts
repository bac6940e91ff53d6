// The checksums that go with an upload, as the store wants them, and the entity tags that follow from them.

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Provider } from './provider.ts';

/**
 * Checks a request's body on its arrival. Without one, a bucket with Object Lock takes nothing; its documentation wants
 * the algorithm named, too.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 */
export type BodyChecksum =
  | { readonly ChecksumAlgorithm: 'CRC32'; readonly ChecksumCRC32: string }
  | { readonly ContentMD5: string };

export function checksumOf(body: Uint8Array, { checksums }: Provider): BodyChecksum {
  if (checksums === 'crc32') {
    return { ChecksumAlgorithm: 'CRC32', ChecksumCRC32: crc32Text(crc32(body)) };
  }
  return { ContentMD5: createHash('md5').update(body).digest('base64') };
}

/** A CRC-32 as S3 writes it: big-endian, in base64. */
export function crc32Text(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString('base64');
}

/** The entity tag of an object that was stored in one piece. */
export function etagOf(body: Uint8Array): string {
  return createHash('md5').update(body).digest('hex');
}

/**
 * The entity tag of an object that was stored in parts: MD5 of the parts' MD5s, a hyphen, their number.
 *
 * @returns `''` if the parts' entity tags are no MD5s: then nobody but the store knows it.
 * @see https://developers.cloudflare.com/r2/objects/multipart-objects
 */
export function etagOfParts(etags: readonly string[]): string {
  const bare = etags.map(bareEtag);
  if (!bare.every((etag) => /^[0-9a-f]{32}$/.test(etag))) return '';
  const whole = createHash('md5');
  for (const etag of bare) whole.update(etag, 'hex');
  return `${whole.digest('hex')}-${etags.length}`;
}

/** S3 sends entity tags in quotes; listings of some stores do not. */
export function bareEtag(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
