// Where tablespaces come to lie: below the new data directory, unless another place is named. The old one may be that of a server which
// still runs.

import { readdir } from 'node:fs/promises';
import { isAbsolute, join, normalize, relative } from 'node:path';
import { OffsiteError } from '../base/errors.ts';
import type { BaseBackupManifest } from '../basebackup/manifest.ts';
import { tablespaceFolder } from '../basebackup/server-manifest.ts';

/** A tablespace, and its folder to be. */
export type PlacedTablespace = BaseBackupManifest['tablespaces'][number] & {
  readonly folder: string;
  /** Whether the folder was named: it is another than the data directory's then. */
  readonly isElsewhere: boolean;
};

/**
 * Places the tablespaces of a base backup.
 *
 * @param mappings - `OLD=NEW` each, as pg_basebackup has them: a `=` of a name is `\=`.
 * @throws {@link OffsiteError} `USAGE` for a mapping that cannot be followed.
 */
export function placeTablespaces(
  tablespaces: BaseBackupManifest['tablespaces'],
  folder: string,
  mappings: readonly string[],
): PlacedTablespace[] {
  const named = new Map(mappings.map(readMapping));
  const unknown = [...named.keys()].filter((old) => !tablespaces.some(({ location }) => location === old));
  if (unknown.length > 0) {
    const there = tablespaces.map(({ location }) => location).join(', ');
    throw wrong(`the folder of a tablespace: ${there || 'this base backup has none'}`, unknown.join(', '));
  }
  const placed = tablespaces.map((one) => {
    const elsewhere = named.get(one.location);
    const own = join(folder, 'tablespaces', String(one.oid));
    return { ...one, folder: elsewhere ?? own, isElsewhere: elsewhere !== undefined };
  });
  const taken = [folder];
  for (const { folder: place } of placed.filter(({ isElsewhere }) => isElsewhere)) {
    const other = taken.find((one) => isWithin(one, place) || isWithin(place, one));
    if (other !== undefined) throw wrong('folders apart from each other', `${place} and ${other}`);
    taken.push(place);
  }
  return placed;
}

/** What the server makes its links by when it begins to recover. */
export function tablespaceMap(tablespaces: readonly PlacedTablespace[]): string {
  return tablespaces.map(({ oid, folder }) => `${oid} ${folder.replace(/[\\\r\n]/g, '\\$&')}\n`).join('');
}

/** Whether a data directory has a tablespace that is a folder of its own, of allow_in_place_tablespaces. */
export async function hasInPlace(folder: string): Promise<boolean> {
  const there = await readdir(join(folder, 'pg_tblspc'), { withFileTypes: true });
  return there.some((one) => one.isDirectory());
}

/** Where a file of a base backup is to be written. */
export function pathIn(folder: string, tablespaces: readonly PlacedTablespace[], name: string): string {
  for (const { oid, folder: own } of tablespaces)
    if (isWithin(tablespaceFolder(oid), name)) return join(own, relative(tablespaceFolder(oid), name));
  return join(folder, name);
}

function readMapping(text: string): [old: string, place: string] {
  const [, old, place] = /^((?:[^=\\]|\\.)+)=((?:[^=\\]|\\.)+)$/s.exec(text) ?? [];
  const [from = '', to = ''] = [old, place].map((part) => part?.replace(/\\=/g, '='));
  if (!isAbsolute(from) || !isAbsolute(to))
    throw wrong('--tablespace-mapping OLD=NEW, two folders from the root on', text);
  const [, trimmed = to] = /^(.+?)\/*$/s.exec(normalize(to)) ?? [];
  return [from, trimmed];
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function wrong(expected: string, found: string): OffsiteError {
  return new OffsiteError('USAGE', 'the tablespaces cannot be placed so', {
    expected,
    found,
    hint: "without --tablespace-mapping they come into the folder 'tablespaces' of the new data directory",
  });
}
