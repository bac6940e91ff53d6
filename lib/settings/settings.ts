// Where settings come from: aws' own below all, the file, the environment, the command line.

import { type Connection, connectionFromEnvironment, connectionFromUrl } from '../postgres/connection.ts';
import { assertAgents } from '../store/agents.ts';
import { settingsOfAws } from './aws.ts';
import { type DumpSettings, parseSettings, type Settings } from './config.ts';
import { settingsFromEnvironment, variableOf } from './environment.ts';
import { type GuardSettings, guardSchema } from './guard.ts';
import type { Layer, RawSettings } from './layers.ts';
import { layersOf, readSettingsFile, type SettingsFile, sourceNames } from './settings-file.ts';

/** Settings before they are merged: where from, and those of each place. */
export type Layers = {
  readonly file: SettingsFile | undefined;
  readonly layers: readonly Layer[];
  /** `/etc/offsite/config.yaml, the environment and the command line` */
  readonly origin: string;
};

/**
 * Reads the settings.
 *
 * @param flags - What the command line says; it wins.
 * @param configPath - A settings file that must exist; without it the usual places are tried.
 * @throws {@link OffsiteError} `CONFIG_UNREADABLE` or `CONFIG_INVALID`.
 */
export async function readSettings(flags: RawSettings, configPath?: string): Promise<Settings> {
  return settingsFrom(await layersFor(await fileOf(configPath), flags));
}

/** A vault, and how it is looked after. */
export type GuardedVault = {
  readonly settings: Settings;
  readonly guard: GuardSettings;
  /** Whether the settings say how to dump a database: then they are those of an agent. */
  readonly namesDump: boolean;
};

/** Reads the settings of a guard with those of its vault. As {@link readSettings}. */
export async function readGuardedVault(flags: RawSettings, configPath?: string): Promise<GuardedVault> {
  const read = await layersFor(await fileOf(configPath), flags);
  const settings = settingsFrom(read);
  const namesDump = read.layers.some(({ settings: said }) => (said.dump ?? said.sidecar) !== undefined);
  return { settings, guard: settings.guard ?? guardSchema.parse({}), namesDump };
}

/** The settings of each source of the file; of the one, where it has no `sources`. As {@link readSettings}. */
export async function readAllSettings(flags: RawSettings, configPath?: string): Promise<Settings[]> {
  return (await readEachLayers(flags, configPath)).map(settingsFrom);
}

/** As {@link readSettings}, of the source that is named or else of each, but neither merged nor checked. */
export async function readEachLayers(flags: RawSettings, configPath?: string): Promise<Layers[]> {
  const file = await fileOf(configPath);
  const isNamed = (flags.source ?? process.env.OFFSITE_SOURCE ?? '') !== '';
  const names = file === undefined || isNamed ? [] : sourceNames(file);
  if (names.length === 0) return [await layersFor(file, flags)];
  return Promise.all(names.map((source) => layersFor(file, flags, source)));
}

async function fileOf(configPath: string | undefined): Promise<SettingsFile | undefined> {
  return readSettingsFile(configPath ?? (process.env.OFFSITE_CONFIG || undefined));
}

async function layersFor(
  file: SettingsFile | undefined,
  flags: RawSettings,
  source?: string,
): Promise<Layers> {
  const environment = settingsFromEnvironment(process.env);
  const wanted = source ?? ((flags.source ?? environment.source) as string | undefined);
  const own: Layer[] = [
    ...(file === undefined ? [] : layersOf(file, wanted)),
    { settings: environment, originOf: (path) => variableOf(path, process.env) },
    { settings: flags, originOf: (path) => flagOf(path) },
  ];
  const profile = own.findLast(({ settings }) => settings.profile !== undefined)?.settings.profile;
  const aws = await settingsOfAws(process.env, profile as string | undefined);
  return {
    file,
    layers: [{ settings: aws, originOf: () => "the aws command's settings" }, ...own],
    origin: `${file ? `${file.path}, ` : ''}the environment and the command line`,
  };
}

function settingsFrom({ layers, origin }: Layers): Settings {
  const settings = parseSettings(layers, origin);
  // Its faults would else be found by the first call, when the dump has begun.
  assertAgents(process.env, settings.caBundle);
  return settings;
}

/** `--ping-url`; of what is inside a container, the flags have names of their own. */
function flagOf([section, key]: readonly PropertyKey[]): string {
  const inside: Readonly<Record<string, string>> = { database: 'dbname', via: 'container', command: '' };
  const name = section === 'dump' || section === 'guard' ? String(key ?? '') : String(section);
  return `--${(inside[name] ?? name).replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The connection of every way to dump but a command: as for libpq, what a URL leaves open the PG* variables say. */
export function connectionFromSettings(settings: Exclude<DumpSettings, { via: 'command' }>): Connection {
  if (settings.via === 'container') return settings;
  return settings.url === undefined
    ? connectionFromEnvironment(process.env)
    : connectionFromUrl(settings.url, process.env);
}
