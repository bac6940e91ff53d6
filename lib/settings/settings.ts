// Where settings come from: the file that is named, else the first of the usual places, then the environment.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { OffsiteError } from '../base/errors.ts';
import { type Connection, connectionFromEnvironment, connectionFromUrl } from '../postgres/connection.ts';
import { agentsOf } from '../store/agents.ts';
import { settingsOfAws } from './aws.ts';
import {
  type DumpSettings,
  parseSettings,
  type RawSettings,
  type Settings,
  settingsFromEnvironment,
} from './config.ts';
import { homeFolders } from './home.ts';

/**
 * Reads the settings.
 *
 * @param flags - What the command line says; it wins.
 * @param configPath - A settings file that must exist; without it the usual places are tried.
 * @throws {@link OffsiteError} `CONFIG_UNREADABLE` or `CONFIG_INVALID`.
 */
export async function readSettings(flags: RawSettings, configPath?: string): Promise<Settings> {
  const named = configPath ?? process.env.OFFSITE_CONFIG;
  const file = named === undefined ? await firstOf(usualPlaces()) : await readJson(named, true);
  const own = [file?.settings ?? {}, settingsFromEnvironment(process.env), flags];
  const profile = own.findLast((layer) => layer.profile !== undefined)?.profile as string | undefined;
  const layers = [await settingsOfAws(process.env, profile), ...own];
  const origin = `${file ? `${file.path}, ` : ''}the environment and the command line`;
  const settings = parseSettings(layers, origin);
  // Its faults would else be found by the first call, when the dump has begun.
  agentsOf(process.env, settings.caBundle);
  return settings;
}

/** The connection of every way to dump but a command. */
export function connectionFromSettings(settings: Exclude<DumpSettings, { via: 'command' }>): Connection {
  if (settings.via === 'container') return settings;
  return settings.url === undefined
    ? connectionFromEnvironment(process.env)
    : connectionFromUrl(settings.url);
}

function usualPlaces(): string[] {
  const { XDG_CONFIG_HOME = '' } = process.env;
  const folders = isAbsolute(XDG_CONFIG_HOME)
    ? [XDG_CONFIG_HOME]
    : homeFolders().map((home) => join(home, '.config'));
  return [...folders.map((folder) => join(folder, 'offsite', 'config.json')), '/etc/offsite/config.json'];
}

type SettingsFile = { readonly path: string; readonly settings: RawSettings };

async function firstOf(paths: readonly string[]): Promise<SettingsFile | undefined> {
  for (const path of paths) {
    const file = await readJson(path, false);
    if (file !== undefined) return file;
  }
  return undefined;
}

async function readJson(path: string, mustExist: boolean): Promise<SettingsFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    // Not there, or in a folder that is none or another user's: the next place is tried. Not so one that may not be read.
    if (!mustExist && !existsSync(path)) return undefined;
    throw unreadable(path, 'a readable file', (error as Error).message);
  }
  try {
    const settings: unknown = JSON.parse(text);
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) {
      return { path, settings: settings as RawSettings };
    }
  } catch (error) {
    // The parser quotes the text, which may hold a password: only the place is passed on.
    const place = /\(line \d+ column \d+\)/.exec((error as Error).message)?.[0] ?? '';
    throw unreadable(path, 'JSON', `a syntax error ${place}`.trim());
  }
  throw unreadable(path, 'a JSON object', 'another value');
}

function unreadable(path: string, expected: string, found: string): OffsiteError {
  return new OffsiteError('CONFIG_UNREADABLE', `the settings file ${path} cannot be read`, {
    expected,
    found,
    hint: 'name another with --config FILE or OFFSITE_CONFIG',
  });
}
