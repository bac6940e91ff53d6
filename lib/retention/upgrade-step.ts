// What an upgrade of BitAgent asks of the archives: its migrations go forward only, so the way back is an archive of before.

import { type CatalogueEntry, newestIntact } from '../archive/catalogue-of.ts';
import { OffsiteError } from '../base/errors.ts';
import { hoursBetween } from '../base/quantities.ts';

/** Which part of the version goes up. */
export type Step = 'MAJOR' | 'MINOR' | 'PATCH';

/** For a PATCH step, an intact archive of the last night is enough. */
const enoughHours = 24;

/** The newest intact archive, if an upgrade may rely on it. */
export function enoughFor(
  step: Step,
  entries: readonly CatalogueEntry[],
  now: Date,
): CatalogueEntry | undefined {
  const newest = newestIntact(entries);
  if (step !== 'PATCH' || newest === undefined) return undefined;
  return hoursBetween(newest.datedAt, now) <= enoughHours ? newest : undefined;
}

/**
 * Says what kind of step it is from one version to another.
 *
 * @throws {@link OffsiteError} `USAGE` for what is no version, the same one, or an older one.
 * @see https://semver.org/#spec-item-11
 */
export function stepBetween(from: string, to: string): Step {
  const [before, after] = [parseVersion(from), parseVersion(to)];
  const order = compareVersions(before, after);
  if (order === 0) {
    throw notUpgrade(
      `${from} and ${to} are one version`,
      'a version and a newer one',
      'there is nothing to upgrade',
    );
  }
  if (order > 0) {
    const hint = `BitAgent's migrations go forward only: for the way back to ${to}, restore an archive that was taken under it`;
    throw notUpgrade(`from ${from} to ${to} is no upgrade`, 'a version and a newer one', hint);
  }
  if (before.numbers[0] !== after.numbers[0]) return 'MAJOR';
  // What was only a candidate may have migrated otherwise.
  return before.numbers[1] !== after.numbers[1] || before.candidate !== after.candidate ? 'MINOR' : 'PATCH';
}

type Version = { readonly numbers: readonly [number, number, number]; readonly candidate: string };

function parseVersion(text: string): Version {
  const [, major, minor, patch, candidate = ''] =
    /^v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(text.trim()) ?? [];
  if (patch !== undefined) return { numbers: [Number(major), Number(minor), Number(patch)], candidate };
  throw notUpgrade(
    `'${text}' is no version`,
    'versions as BitAgent has them: 1.4.2 or v1.4.2',
    'say for example --before-upgrade v1.4.2 v1.5.0',
  );
}

/** Below 0 if the first is the older. */
function compareVersions(one: Version, other: Version): number {
  for (const [index, number] of one.numbers.entries()) {
    const difference = number - (other.numbers[index] as number);
    if (difference !== 0) return difference;
  }
  if (one.candidate === other.candidate) return 0;
  // A candidate is older than what it became.
  if (one.candidate === '' || other.candidate === '') return one.candidate === '' ? 1 : -1;
  return compareCandidates(one.candidate.split('.'), other.candidate.split('.'));
}

function compareCandidates(one: readonly string[], other: readonly string[]): number {
  for (const [index, part] of one.entries()) {
    const its = other[index];
    if (its === undefined) return 1;
    if (part === its) continue;
    const numeric = [part, its].map((text) => /^\d+$/.test(text));
    if (numeric[0] && numeric[1]) return Number(part) - Number(its);
    if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1;
    return part < its ? -1 : 1;
  }
  return one.length - other.length;
}

function notUpgrade(found: string, expected: string, hint: string): OffsiteError {
  return new OffsiteError('USAGE', 'these versions are no upgrade', { expected, found, hint });
}
