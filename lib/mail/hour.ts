// The hours in which faults were found: how they are named in the vault, and what a listing says of them.

import { faultsPrefix } from '../archive/names.ts';

/** Something that is wrong with an archive. */
export type ArchiveFault = {
  /** The source; whatever it is, it becomes part of a key. */
  readonly source: string;
  /** Names the archive: one that comes twice is one. */
  readonly archive: string;
  /** `damaged`, `not verified`. */
  readonly what: string;
};

/** An hour of a source of which not everything is told. */
export type UntoldHour = {
  readonly source: string;
  readonly hour: Date;
  /** All of them, the first one too. */
  readonly faults: readonly Pick<ArchiveFault, 'archive' | 'what'>[];
  /** Says that all of them were told. */
  readonly toldKey: string;
};

/** Where a fault is noted, and the key whose text says which was the hour's first. */
export function faultKeys({ source, archive, what }: ArchiveFault, at: Date) {
  const folder = hourFolder(source, at);
  const entry = `${nameOf(archive)}.${nameOf(what)}`;
  return { entry, fault: `${folder}${entry}.json`, first: `${folder}first.json` };
}

/** Where all of a source is. */
export function faultsFolder(source: string): string {
  return `${faultsPrefix}${nameOf(source)}/`;
}

/** Before the lifecycle of `watch/faults/` takes them, in seven days. Whoever looks may have been off for some of these. */
const lookedAtHours = 6 * 24;
const hourMs = 3_600_000;

/**
 * Finds the hours that are over and of which not everything is told.
 *
 * @param now - An hour that has not ended is left for later.
 */
export function untoldHours(source: string, keys: readonly string[], now: Date): UntoldHour[] {
  const names = new Map<string, string[]>();
  const since = hourFolder(source, new Date(now.getTime() - lookedAtHours * hourMs));
  const until = hourFolder(source, now);
  for (const key of keys) {
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    if (folder < since || folder >= until) continue;
    const name = key.slice(folder.length, -'.json'.length);
    const known = names.get(folder);
    if (known === undefined) names.set(folder, [name]);
    else known.push(name);
  }
  return [...names].flatMap(([folder, all]) => {
    // The first one is told at once.
    const told = all.reduce((most, name) => Math.max(most, Number(/^told-(\d+)$/.exec(name)?.[1] ?? 0)), 1);
    const faults = all
      .filter((name) => name !== 'first' && !/^told-\d+$/.test(name))
      .map((name) => ({
        archive: name.slice(0, name.lastIndexOf('.')),
        what: name.slice(name.lastIndexOf('.') + 1).replaceAll('_', ' '),
      }));
    if (faults.length <= told) return [];
    const hour = new Date(`${folder.slice(-'2026-01-01T00/'.length, -1)}:00:00Z`);
    return [{ source, hour, faults, toldKey: `${folder}told-${faults.length}.json` }];
  });
}

function hourFolder(source: string, at: Date): string {
  return `${faultsFolder(source)}${at.toISOString().slice(0, 'YYYY-MM-DDTHH'.length)}/`;
}

function nameOf(text: string): string {
  return text.replaceAll(/[^\w-]/g, '_').slice(-150);
}
