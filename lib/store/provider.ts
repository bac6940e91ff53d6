// Stores that speak S3 differ in which checksums they take, how many parts, and whether they can refuse a key that is
// taken. What is written here is what their documents or their users say; nothing is found out by trying.

import type { PartLimits } from './part-size.ts';

export const providerNames = ['aws', 'r2', 'b2', 'wasabi', 'scaleway', 'minio', 'ceph', 'other'] as const;

export type ProviderName = (typeof providerNames)[number];

/** How a store is to be spoken to. */
export type Provider = {
  readonly name: ProviderName;
  /**
   * What each upload is checked by: `crc32` is one for each part and one for the whole object, which the store keeps;
   * `md5` is the Content-MD5 of each request, which every S3 has known from the start.
   */
  readonly checksums: 'crc32' | 'md5';
  /** Whether the bucket stands in the path rather than in the host name. */
  readonly pathStyle: boolean;
  /** Whether `If-None-Match: *` may be sent. A store that ignores it overwrites, one that refuses it stores nothing. */
  readonly createOnly: boolean;
  readonly parts: PartLimits;
  /** Where the operator names none; what is set for AWS is not its business. */
  readonly region?: string;
};

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const TiB = 1024 ** 4;

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const awsParts: PartLimits = {
  maxParts: 10_000,
  minPartBytes: 5 * MiB,
  maxPartBytes: 5 * GiB,
  // 48.8 TiB since December 2025: parts are the only limit.
  maxArchiveBytes: 10_000 * 5 * GiB,
};

const usualParts: PartLimits = { ...awsParts, maxArchiveBytes: 5 * TiB };

/**
 * Full-object CRC-32 on Complete only where it is known to be right: R2 keeps it composite only, MinIO took it for
 * `InvalidPart`, Ceph up to 18 ignores it, B2 refuses the header.
 *
 * @see https://github.com/aws/aws-sdk-js-v3/issues/6810 (R2: 501; the SDK's default checksums)
 * @see https://developers.cloudflare.com/r2/api/s3/api/ (R2's table of checksum types)
 * @see https://github.com/minio/minio/issues/20944
 * @see https://github.com/stonith404/pingvin-share/issues/798 (B2: 400)
 */
const usual = { checksums: 'md5', pathStyle: true, createOnly: true, parts: usualParts } as const;

const providers: Record<ProviderName, Omit<Provider, 'name'>> = {
  aws: { checksums: 'crc32', pathStyle: false, createOnly: true, parts: awsParts },
  /** @see https://developers.cloudflare.com/r2/objects/multipart-objects (equal parts; 4.995 TiB) */
  r2: { ...usual, region: 'auto', parts: { ...usualParts, maxArchiveBytes: 4.99 * TiB } },
  /** @see https://github.com/sathinduga/obsidian-s3-sync-and-backup/pull/84 (conditional PutObject: 501) */
  b2: { ...usual, createOnly: false },
  wasabi: usual,
  /** @see https://www.scaleway.com/en/docs/object-storage/api-cli/multipart-uploads/ (1,000 parts of 5 MB to 5 GB) */
  scaleway: {
    ...usual,
    parts: { ...usualParts, maxParts: 1000, maxPartBytes: 4768 * MiB, maxArchiveBytes: 5e12 },
  },
  /** @see https://github.com/minio/minio/pull/19713 (If-None-Match on Complete) */
  minio: usual,
  /** @see https://github.com/ceph/ceph/pull/64830 (If-None-Match on Complete; ignored before) */
  ceph: usual,
  other: usual,
};

/**
 * Chooses how to speak to a store.
 *
 * @param name - As the operator named it.
 * @param hasOwnEndpoint - Whether an endpoint was set. Without a name, that means a store that nobody knows.
 */
export function chooseProvider(name: ProviderName | undefined, hasOwnEndpoint: boolean): Provider {
  const chosen = name ?? (hasOwnEndpoint ? 'other' : 'aws');
  const provider = { name: chosen, ...providers[chosen] };
  // An endpoint of AWS's own (a VPC's, a test's) has the bucket in the path, too.
  return hasOwnEndpoint ? { ...provider, pathStyle: true } : provider;
}
