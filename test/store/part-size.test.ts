import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OffsiteError } from '../../lib/base/errors.ts';
import {
  type ArchiveTooLargeError,
  archiveOutgrown,
  choosePartBytes,
  type PartLimits,
  type PartPlan,
  parseBytes,
  planParts,
} from '../../lib/store/part-size.ts';
import { chooseProvider, providerNames } from '../../lib/store/provider.ts';

const KiB = 1024;
const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const aws = chooseProvider('aws', false).parts;
const scaleway = chooseProvider('scaleway', true).parts;

const anyProvider = fc.constantFrom(...providerNames).map((name) => chooseProvider(name, false).parts);
const anyLength = fc.double({ min: 0, max: 50, noNaN: true }).map((power) => Math.floor(2 ** power));

describe('choosePartBytes', () => {
  it('holds twice the expected length in whole MiB within the limits, or refuses, and wastes nothing', () => {
    fc.assert(
      fc.property(anyLength, anyProvider, (expectedBytes, limits) => {
        const partBytes = chosen(expectedBytes, limits);
        if (partBytes === undefined) return !isHeld(expectedBytes, limits.maxPartBytes, limits);
        return (
          partBytes % MiB === 0 &&
          partBytes >= limits.minPartBytes &&
          partBytes <= limits.maxPartBytes &&
          isHeld(expectedBytes, partBytes, limits) &&
          (partBytes - MiB < limits.minPartBytes || !isHeld(expectedBytes, partBytes - MiB, limits))
        );
      }),
      { numRuns: 5000 },
    );
  });

  it('never shrinks when more is expected', () => {
    fc.assert(
      fc.property(anyLength, anyLength, anyProvider, (one, other, limits) => {
        const [small, large] = one < other ? [one, other] : [other, one];
        const parts = [chosen(small, limits), chosen(large, limits)].map(
          (bytes) => bytes ?? Number.POSITIVE_INFINITY,
        );
        return (parts[0] as number) <= (parts[1] as number);
      }),
    );
  });

  it.each([
    ['nothing', 0, aws, 5],
    ['a few GB', 4 * GiB, aws, 5],
    ['50 million torrents', 62e9, aws, 12],
    ['300 GB', 300e9, aws, 58],
    ['a few GB at Scaleway', 4 * GiB, scaleway, 9],
    ['50 million torrents at Scaleway', 62e9, scaleway, 119],
  ])('%s', (_, expectedBytes, limits, partMiB) => {
    expect(choosePartBytes(expectedBytes, limits) / MiB).toBe(partMiB);
  });

  it('refuses before anything is uploaded, and says what would fit', () => {
    expect(failure(() => choosePartBytes(3e12, scaleway))).toMatchObject({
      code: 'ARCHIVE_TOO_LARGE',
      exitCode: 4,
      expected: expect.stringContaining('at most 2.3 TiB'),
      found: '2.7 TiB',
    });
  });
});

describe('planParts', () => {
  it.each([
    ['an unknown length', undefined, 24],
    ['39 GiB', 39 * GiB, 24],
    ['156 GiB', 156 * GiB, 64],
    ['312 GiB', 312 * GiB, 64],
    // From here on memory grows with the archive.
    ['313 GiB', 313 * GiB, 65],
    ['1 TiB', 1024 * GiB, 210],
  ])('%s has at most so much in memory', (_, expectedBytes, inFlightMiB) => {
    const { partBytes, partsInFlight } = planParts(expectedBytes, aws);
    expect((partBytes * partsInFlight) / MiB).toBeLessThanOrEqual(inFlightMiB);
  });

  it('keeps 64 MiB up to 312 GiB, whatever the length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 312 * GiB }), (expectedBytes) => {
        const { partBytes, partsInFlight, capacityBytes } = planParts(expectedBytes, aws);
        return partBytes * partsInFlight <= 64 * MiB && capacityBytes >= 2 * expectedBytes;
      }),
    );
  });
});

describe('archiveOutgrown', () => {
  it('names a size that the store can plan for, and that holds more than came', () => {
    fc.assert(
      fc.property(anyLength, anyProvider, (expectedBytes, limits) => {
        if (chosen(expectedBytes, limits) === undefined) return true;
        const plan = planParts(expectedBytes, limits);
        const { askForBytes, hint } = archiveOutgrown(plan, limits);
        if (askForBytes === undefined) return hint.includes('no longer archive') && isNearly(limits, plan);
        const larger = planParts(askForBytes, limits);
        return (
          hint.includes(`--expected-size ${askForBytes / GiB}GiB`) &&
          larger.capacityBytes > plan.capacityBytes
        );
      }),
    );
  });
});

describe('parseBytes', () => {
  it.each([
    ['80GiB', 80 * GiB],
    ['80G', 80 * GiB],
    ['80gb', 80e9],
    ['1.5 TiB', 1.5 * 1024 * GiB],
    ['512KiB', 512 * KiB],
    ['4096', 4096],
    ['4096B', 4096],
  ])('%s', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(['', '0', '-1', 'GiB', '80 gigs', '1e9', '80PiB', '9999999TiB'])('refuses %j', (text) => {
    expect(failure(() => parseBytes(text))).toMatchObject({ code: 'USAGE', exitCode: 2 });
  });
});

/** Whether a plan holds what the store takes at most, but for a GiB of rounding. */
function isNearly({ maxParts, maxPartBytes, maxArchiveBytes }: PartLimits, plan: PartPlan): boolean {
  return plan.capacityBytes + 2 * GiB >= Math.min(maxParts * maxPartBytes, maxArchiveBytes);
}

function chosen(expectedBytes: number, limits: PartLimits): number | undefined {
  try {
    return choosePartBytes(expectedBytes, limits);
  } catch (error) {
    expect((error as ArchiveTooLargeError).askForBytes).toBeUndefined();
    return undefined;
  }
}

function isHeld(expectedBytes: number, partBytes: number, limits: PartLimits): boolean {
  const wholeMiB = Math.floor(partBytes / MiB) * MiB;
  return 2 * expectedBytes <= Math.min(limits.maxParts * wholeMiB, limits.maxArchiveBytes);
}

function failure(action: () => unknown): OffsiteError {
  try {
    action();
  } catch (error) {
    return error as OffsiteError;
  }
  throw new Error('it did not fail');
}
