// The settings file: the one that is named, else the first of the usual places.

import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { closest } from '../base/closest.ts';
import { OffsiteError } from '../base/errors.ts';
import { homeFolders } from './home.ts';
import { isObject, type Layer, type RawSettings, type SettingPath, valueAt } from './layers.ts';

export type SettingsFile = {
  readonly path: string;
  readonly settings: RawSettings;
  /** `/etc/offsite/config.yaml:3:1` */
  originOf(path: SettingPath): string;
};

/**
 * Reads the settings file.
 *
 * @param named - One that must exist; without it the usual places are tried.
 * @returns `undefined` if there is none.
 * @throws {@link OffsiteError} `CONFIG_UNREADABLE`.
 */
export async function readSettingsFile(named: string | undefined): Promise<SettingsFile | undefined> {
  if (named !== undefined) return readOne(named);
  for (const folder of usualFolders()) {
    // Not there, or in a folder that is none or another user's: the next place is tried. Not so one that may not be read.
    const paths = fileNames.map((name) => join(folder, name)).filter((path) => existsSync(path));
    const [path, other] = paths;
    if (other !== undefined) throw unreadable(other, 'one settings file in a folder', `${path} beside it`);
    if (path !== undefined) {
      await assertIsTrusted(path);
      return readOne(path);
    }
  }
  return undefined;
}

const fileNames = ['config.yaml', 'config.yml', 'config.json'];

/** Where a settings file is looked for, the first first. */
export function usualFolders(): string[] {
  const { XDG_CONFIG_HOME = '' } = process.env;
  const folders = isAbsolute(XDG_CONFIG_HOME)
    ? [XDG_CONFIG_HOME]
    : homeFolders().map((home) => join(home, '.config'));
  return [...folders.map((folder) => join(folder, 'offsite')), '/etc/offsite'];
}

/** The names of the sources that a file has; none where it is of one. */
export function sourceNames({ settings }: SettingsFile): string[] {
  const { sources } = settings;
  // A list has no names: what is meant for each would be of sources '0' and '1'.
  return isObject(sources) && !Array.isArray(sources) ? Object.keys(sources) : [];
}

/**
 * What a file says of one source.
 *
 * @param wanted - Its name, if flags or the environment say one.
 * @returns What all share, and over that what is its own.
 * @throws {@link OffsiteError} `CONFIG_INVALID` if the file has several and not this one, or none was named.
 */
export function layersOf(file: SettingsFile, wanted: string | undefined): Layer[] {
  const { $schema: _, sources, ...shared } = file.settings;
  const common: Layer = { settings: shared, originOf: file.originOf };
  if (sources === undefined) return [common];
  const names = sourceNames(file);
  const name = wanted ?? shared.source ?? (names.length === 1 ? names[0] : undefined);
  if (typeof name !== 'string' || !names.includes(name)) throw whichSource(file, names, name);
  const own = valueAt(sources, [name]) ?? {};
  return [
    common,
    {
      settings: { ...(own as RawSettings), source: name },
      originOf: (path) => file.originOf(['sources', name, ...(path[0] === 'source' ? [] : path)]),
    },
  ];
}

function whichSource(file: SettingsFile, names: readonly string[], name: unknown): OffsiteError {
  if (names.length === 0) {
    return new OffsiteError('CONFIG_INVALID', `${file.path} names no source under "sources"`, {
      expected: 'the name of each, and below it its settings',
      found: `${Array.isArray(file.settings.sources) ? 'a list' : 'no name'} (${file.originOf(['sources'])})`,
      hint: `write 'bitagent:' below "sources", and further in what is its own; or leave "sources" out, where there is one (docs/agent.md)`,
    });
  }
  const meant = typeof name === 'string' ? closest(name, names) : undefined;
  const [first] = names;
  return new OffsiteError(
    'CONFIG_INVALID',
    name === undefined ? `${file.path} has several sources` : `${file.path} has no source of that name`,
    {
      expected: `one of ${names.join(', ')}`,
      found: typeof name === 'string' ? name : 'none named',
      hint: `name it: --source ${meant ?? first} or OFFSITE_SOURCE; 'offsite backup --all' takes an archive of each`,
    },
  );
}

/**
 * As ssh does: a settings file may name a command to run.
 *
 * @remarks One that is named by a flag or the environment is taken as it is.
 */
async function assertIsTrusted(path: string): Promise<void> {
  const { uid, mode } = await stat(path);
  const mine = [0, process.geteuid?.(), Number(process.env.SUDO_UID)];
  const who = mine.includes(uid) ? undefined : `one of user ${uid}`;
  const found = (mode & 0o002) !== 0 ? 'one that everybody may write' : who;
  if (found === undefined) return;
  throw unreadable(
    path,
    'a file that only you or root may write: it can name a command',
    found,
    who === undefined ? `chmod o-w ${path}` : `chown it, or name it with --config FILE or OFFSITE_CONFIG`,
  );
}

async function readOne(path: string): Promise<SettingsFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, 'a readable file', (error as Error).message);
  }
  const { parseSettingsText } = await import('./settings-text.ts');
  const read = parseSettingsText(text);
  if (!('settings' in read)) throw unreadable(path, read.expected, read.found);
  return { path, settings: read.settings, originOf: (at) => `${path}:${read.placeOf(at)}` };
}

function unreadable(
  path: string,
  expected: string,
  found: string,
  hint = 'mend it, or name another with --config FILE or OFFSITE_CONFIG',
): OffsiteError {
  return new OffsiteError('CONFIG_UNREADABLE', `the settings file ${path} cannot be read`, {
    expected,
    found,
    hint,
  });
}
