// How long the parts of a multipart upload are. Their number is limited and their length cannot change on the way
// (R2 wants them equal), so it is planned from a length that is only estimated; and each part is held in memory until
// the store has acknowledged it, so it must not be planned generously.

import { OffsiteError } from '../base/errors.ts';
import { formatBytes } from '../base/quantities.ts';

export type PartLimits = {
  readonly maxParts: number;
  /** Of every part but the last. */
  readonly minPartBytes: number;
  readonly maxPartBytes: number;
  readonly maxArchiveBytes: number;
};

export type PartPlan = {
  readonly partBytes: number;
  /** Parts in memory at once: those on their way and the one that is being filled. */
  readonly partsInFlight: number;
  /** The longest archive that fits. */
  readonly capacityBytes: number;
};

/** An archive that its store, or the parts that were planned for it, cannot hold. */
export class ArchiveTooLargeError extends OffsiteError {
  /** What to expect in another attempt; `undefined` if none would help. */
  readonly askForBytes: number | undefined;

  constructor(message: string, parts: ConstructorParameters<typeof OffsiteError>[2], askForBytes?: number) {
    super('ARCHIVE_TOO_LARGE', message, parts);
    this.askForBytes = askForBytes;
  }
}

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;

/** Where nothing is known of the length: 10,000 of them hold 78 GiB, the archive of 50 million torrents. */
const defaultPartBytes = 8 * MiB;

/** Parts up to these lengths go 3 and 2 at a time; longer ones go singly, while the dump waits. */
const threeAtOnceBytes = 8 * MiB;
const twoAtOnceBytes = 32 * MiB;

/**
 * Chooses the multipart part size for a stream whose length is only estimated.
 *
 * @param expectedBytes - Estimated compressed length in bytes; doubled as a margin.
 * @param limits - The provider's part count and part size limits.
 * @returns Part size in bytes, a whole number of MiB, the same for every part.
 * @throws {@link ArchiveTooLargeError} Before anything is uploaded, if the parts cannot hold the margin.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
export function choosePartBytes(expectedBytes: number, limits: PartLimits): number {
  const wantedBytes = 2 * expectedBytes;
  const needed = Math.max(limits.minPartBytes, Math.ceil(wantedBytes / limits.maxParts));
  const partBytes = Math.ceil(needed / MiB) * MiB;
  if (partBytes <= limits.maxPartBytes && wantedBytes <= limits.maxArchiveBytes) return partBytes;
  throw new ArchiveTooLargeError('the store cannot hold an archive of the expected size', {
    expected: `at most ${formatBytes(largestExpectedBytes(limits))}, as twice the expected size must fit`,
    found: formatBytes(expectedBytes),
    hint: 'name a smaller --expected-size if you know better, or another store',
  });
}

/**
 * Plans an upload.
 *
 * @param expectedBytes - Estimated compressed length; `undefined` if nobody knows.
 * @remarks In flight are at most 24 MiB up to an expected 39 GiB (AWS's 10,000 parts), and at most 64 MiB up to an
 *   expected 312 GiB. Longer archives need parts above 64 MiB, and memory grows with them: 1/5,000 of the length. With
 *   Scaleway's 1,000 parts all three are a tenth of that.
 */
export function planParts(expectedBytes: number | undefined, limits: PartLimits): PartPlan {
  const partBytes = expectedBytes === undefined ? defaultPartBytes : choosePartBytes(expectedBytes, limits);
  return {
    partBytes,
    partsInFlight: partBytes <= threeAtOnceBytes ? 3 : partBytes <= twoAtOnceBytes ? 2 : 1,
    capacityBytes: capacityOf(partBytes, limits),
  };
}

/** The longest archive that parts of a length can hold. */
export function capacityOf(partBytes: number, limits: PartLimits): number {
  return Math.min(limits.maxParts * partBytes, limits.maxArchiveBytes);
}

/** The error of a stream that has outgrown its parts; how long it would be, nobody knows. */
export function archiveOutgrown(plan: PartPlan, limits: PartLimits): ArchiveTooLargeError {
  const largestBytes = Math.floor(largestExpectedBytes(limits) / GiB) * GiB;
  // Twice what came leaves room for four times.
  const askForBytes = Math.min(Math.ceil((2 * plan.capacityBytes) / GiB) * GiB, largestBytes);
  const helps = 2 * askForBytes > plan.capacityBytes;
  return new ArchiveTooLargeError(
    'the archive has outgrown the parts that were planned for it',
    {
      expected: `at most ${formatBytes(plan.capacityBytes)}: parts of ${formatBytes(plan.partBytes)}, as many as the store takes`,
      found: 'more',
      hint: helps
        ? `nothing was stored; back up again with --expected-size ${askForBytes / GiB}GiB`
        : 'nothing was stored; this store takes no longer archive, another one may (--provider)',
    },
    helps ? askForBytes : undefined,
  );
}

/**
 * Reads a length as an operator writes it: `80GiB`, `80G` (the same), `80GB` (a little less), `1.5TiB`, `4096`.
 *
 * @throws {@link OffsiteError} `USAGE`
 */
export function parseBytes(text: string): number {
  const [, digits, prefix = '', binary = ''] = /^(\d+(?:\.\d+)?) ?([KMGT]?)(I?B?)$/i.exec(text.trim()) ?? [];
  const exponent = ['', 'K', 'M', 'G', 'T'].indexOf(prefix.toUpperCase());
  const bytes = Math.round(Number(digits) * (binary.toUpperCase() === 'B' ? 1000 : 1024) ** exponent);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new OffsiteError('USAGE', `'${text}' is not a size`, {
    expected: 'a number with KiB, MiB, GiB or TiB, for example 80GiB',
    found: `'${text}'`,
    hint: 'the expected size is that of the compressed archive; see the size of the last one in offsite list',
  });
}

function largestExpectedBytes({ maxParts, maxPartBytes, maxArchiveBytes }: PartLimits): number {
  return Math.floor(Math.min(maxParts * Math.floor(maxPartBytes / MiB) * MiB, maxArchiveBytes) / 2);
}
