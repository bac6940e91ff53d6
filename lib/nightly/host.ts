// What a host has that runs something every night.

import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { OffsiteError } from '../base/errors.ts';
import { findProgram } from '../base/find-program.ts';
import { homeFolders } from '../settings/home.ts';
import { nameOf, pathsOf } from './files.ts';
import { guardName, type Way } from './installation.ts';

/** Where an installation goes, and who is asked to run it. */
export type Place = {
  readonly way: Way;
  readonly forUser: boolean;
  /** `/`, or the folder of an image that is not running. */
  readonly root: string;
  /** With the root. */
  readonly folder: string;
  readonly ownFolder: string;
  /** Where that systemd notes when a timer was last due. */
  readonly stampFolder: string;
  /** Whether that systemd runs, and can be told at once. */
  readonly isRunning: boolean;
};

export type Choice = {
  readonly source: string;
  readonly way?: Way | undefined;
  readonly forUser: boolean;
  readonly root: string;
};

/**
 * Chooses where to install: systemd where it runs, else cron, else Compose.
 *
 * @throws {@link OffsiteError} `USAGE` if this user, or this host, cannot.
 */
export function choosePlace({ source, way: asked, forUser, root }: Choice): Place {
  const way = asked ?? (forUser ? 'systemd' : usualWay(root));
  if (forUser && way !== 'systemd')
    throw cannot('--user is for systemd alone', way, 'leave --user out, or --with');
  const hasSystemd = findProgram('systemctl') !== undefined;
  if (way !== 'compose' && !forUser && !isRoot()) {
    const own = hasSystemd ? ', or offsite install --user for a timer of your own' : '';
    throw cannot(
      'root, to install for the whole host',
      `user ${process.getuid?.()}`,
      `sudo -E offsite install${own}`,
    );
  }
  if (way === 'systemd' && !hasSystemd)
    throw cannot(
      'systemd',
      'no systemctl on the PATH',
      `say --with cron${isRoot() ? '' : ' (as root: sudo -E)'}, or --with compose`,
    );
  return placeOf(way, forUser, root, source);
}

/** Every place in which this user may have installed. */
export function possiblePlaces(root: string, source: string): Place[] {
  const place = (way: Way, forUser: boolean) => placeOf(way, forUser, root, source);
  const own = [place('systemd', true), place('compose', false)];
  return isRoot() ? [place('systemd', false), place('cron', false), ...own] : own;
}

/** What this user did not place, and takes archives every night: the host's, for one of a user; users', for the host's. */
export function nightsOfOthers(root: string, source: string, { way, forUser }: Place): string[] {
  if (way === 'compose') return [];
  const homes = join(root, '/home');
  const hosts = () =>
    (['systemd', 'cron'] as const).map((one) =>
      pathsOf({ ...placeOf(one, false, root, source), source }).scripts.at(-1),
    );
  const users = () =>
    (existsSync(homes) ? readdirSync(homes) : []).map((name) =>
      join(homes, name, '.config/systemd/user', `${nameOf(source)}.timer`),
    );
  return (forUser ? hosts() : users()).filter((path) => path !== undefined && existsSync(path)) as string[];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function placeOf(way: Way, forUser: boolean, root: string, source: string): Place {
  const config = forUser ? xdgFolder('XDG_CONFIG_HOME', '.config') : '/etc';
  const folder = {
    systemd: join(config, forUser ? 'systemd/user' : 'systemd/system'),
    cron: source === guardName ? '/etc/cron.hourly' : '/etc/cron.daily',
    compose: process.cwd(),
  }[way];
  const runtime = forUser ? process.env.XDG_RUNTIME_DIR : '/run';
  return {
    way,
    forUser,
    root,
    folder: way === 'compose' ? folder : join(root, folder),
    ownFolder: join(root, config, 'offsite'),
    stampFolder: forUser
      ? join(xdgFolder('XDG_DATA_HOME', '.local/share'), 'systemd/timers')
      : '/var/lib/systemd/timers',
    isRunning:
      way === 'systemd' &&
      root === '/' &&
      existsSync(join(runtime ?? '/nonexistent', 'systemd', forUser ? '' : 'system')),
  };
}

function usualWay(root: string): Way {
  const has = (path: string) => existsSync(join(root, path));
  const systemd = root === '/' ? '/run/systemd/system' : '/etc/systemd/system';
  if (has(systemd) && findProgram('systemctl') !== undefined) return 'systemd';
  if (has('/etc/cron.daily')) return 'cron';
  return 'compose';
}

function xdgFolder(variable: 'XDG_CONFIG_HOME' | 'XDG_DATA_HOME', usual: string): string {
  const said = process.env[variable] ?? '';
  return isAbsolute(said) ? said : join(homeFolders()[0] as string, usual);
}

function cannot(expected: string, found: string, hint: string): OffsiteError {
  return new OffsiteError('USAGE', 'nothing can be installed so', { expected, found, hint });
}
