// offsite install and uninstall

import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, isAbsolute, resolve } from 'node:path';
import { composeFiles } from '../../lib/base/compose-files.ts';
import { parseDuration } from '../../lib/base/quantities.ts';
import {
  namesOfFiles,
  parseEnvironment,
  readsOf,
  type Variables,
  variablesOf,
  withoutValues,
} from '../../lib/nightly/environment.ts';
import { pathsOf } from '../../lib/nightly/files.ts';
import { choosePlace, nightsOfOthers, type Place } from '../../lib/nightly/host.ts';
import { commandsOf, type Done, install, installedAt, lookAt, uninstall } from '../../lib/nightly/install.ts';
import { guardName, type Installation, type Way } from '../../lib/nightly/installation.ts';
import { parseTimeOfDay } from '../../lib/nightly/time-of-day.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { environmentOf, isDumpVariable } from '../../lib/settings/environment.ts';
import { homeFolders } from '../../lib/settings/home.ts';
import type { RawSettings } from '../../lib/settings/layers.ts';
import { connectionFromSettings } from '../../lib/settings/settings.ts';
import { usage } from './flags.ts';
import { logOf } from './install-log.ts';
import { installedTwice, whatNext, wordsOf } from './install-words.ts';
import { ownProgram as program } from './own-program.ts';
import { print, warn } from './print.ts';

export type InstallFlags = {
  at?: string;
  randomDelay: string;
  with?: Way;
  forUser?: boolean;
  sidecar?: boolean;
  guard?: boolean;
  root: string;
  print?: boolean;
  pitr?: 'ship' | 'receive';
  walDir?: string;
  config?: string;
};

/** @param given - What the command line says of the settings. */
export async function runInstall(settings: Settings, given: RawSettings, flags: InstallFlags): Promise<void> {
  const root = resolve(flags.root);
  // Before who runs it: nobody is to become root for a flag that is refused then.
  const times = {
    at: parseTimeOfDay(flags.at ?? '03:15'),
    randomDelayMs: parseDuration(flags.randomDelay, '--random-delay'),
  };
  const place = choosePlace({
    source: settings.source,
    way: flags.with,
    forUser: flags.forUser ?? false,
    root,
  });
  if (place.way === 'cron' && flags.at !== undefined)
    throw usage(
      'no --at: cron has one time for all of /etc/cron.daily',
      `--at ${flags.at}`,
      'leave it out, or say --with systemd',
    );
  const installation = { ...times, ...(await installationOf(settings, given, flags, place)) };
  const { source } = settings;
  if (source === guardName && !flags.guard)
    throw usage('another source', `'${guardName}', as the timer of a guard is called`);
  const elsewhere = (await installedAt(source, root)).find((one) => one.folder !== place.folder);
  const others = nightsOfOthers(root, source, place);
  if (elsewhere !== undefined || (place.forUser && others.length > 0))
    throw installedTwice(elsewhere?.folder ?? dirname(others[0] as string), source);
  if (flags.print) {
    await show(installation, place);
    return;
  }
  if (installation.variables.AWS_SESSION_TOKEN !== undefined)
    warn(
      'AWS_SESSION_TOKEN was kept for the night, and ends in hours: name a profile or a role that renews itself',
    );
  for (const path of others) warn(`${path} ${wordsOf(source).too}`);
  const stranger = place.forUser || place.way === 'compose' ? undefined : await strangerTo(program);
  if (stranger !== undefined)
    warn(
      `root will run ${program} every night, and ${stranger} may change it: give it to root (chown -R root), or say --user`,
    );
  report(await install(installation, place));
  print(whatNext(installation, place));
}

/** Of the source whose settings they are. */
export async function runUninstall(
  settings: { source: string },
  flags: Pick<InstallFlags, 'root' | 'print' | 'guard'>,
): Promise<void> {
  const source = flags.guard ? guardName : settings.source;
  const places = await installedAt(source, resolve(flags.root));
  if (places.length === 0) print(`${wordsOf(source).nothing} here, as far as this user sees\n`);
  for (const place of places) {
    if (!flags.print) report(await uninstall(source, place));
    else {
      const { scripts, log, environment } = pathsOf({ ...place, source });
      print(
        `would remove, unless they were changed by hand: ${[...scripts, ...log.filter(existsSync), environment].join(', ')}\n`,
      );
    }
  }
}

async function installationOf(
  settings: Settings,
  given: RawSettings,
  flags: InstallFlags,
  place: Place,
): Promise<Omit<Installation, 'at' | 'randomDelayMs'>> {
  const { source, dump, metricsFile, sidecar } = settings;
  const { environment } = pathsOf({ ...place, source });
  const command = dump.via === 'command' ? dump.command : [];
  const word = command.find((one) => holdsPassword.test(one));
  if (word !== undefined)
    throw usage(
      'a command without a password, which ps and the unit would show to everybody',
      `one in ${word.replace(/(:\/\/[^:]*:|=).*/s, '$1…')}`,
      'leave it in PGPASSWORD or PGPASSFILE of this shell: install keeps that in a file of its own, which only root reads',
    );
  if (flags.sidecar && sidecar?.path === undefined && sidecar?.container === undefined)
    throw usage(
      '"sidecar" in the settings, OFFSITE_SIDECAR_PATH or OFFSITE_SIDECAR_CONTAINER',
      '--sidecar alone',
      "name the dashboard's database there: see 'offsite sidecar --help'",
    );
  const isSidecarHere = flags.sidecar && sidecar?.path !== undefined && sidecar.container === undefined;
  const { PGHOST: host } = dump.via === 'server' ? environmentOfServer(dump) : {};
  const variables = await variablesFor(settings, given, flags, place, environment);
  return {
    ...place,
    source,
    program,
    command,
    withSidecar: flags.sidecar ?? false,
    log: logOf(settings, flags, place),
    variables,
    composeFile: composeFiles.find((file) => existsSync(`${place.folder}/${file}`)),
    reads: readsOf(variables, { home: homeFolders()[0] as string, program, node: process.execPath }),
    // SQLite keeps its log beside the database.
    writes: [
      ...(metricsFile === undefined
        ? []
        : [resolve(metricsFile.endsWith('.prom') ? dirname(metricsFile) : metricsFile)]),
      ...(isSidecarHere ? [dirname(resolve(sidecar.path as string))] : []),
      ...(flags.walDir === undefined ? [] : [resolve(flags.walDir)]),
    ],
    needsTmp:
      dump.via === 'server' && (host?.startsWith('/tmp') || (!host && existsSync('/tmp/.s.PGSQL.5432'))),
    needsDocker: dump.via === 'container' || Boolean(flags.sidecar && sidecar?.container),
    isLocal: dump.via === 'server' && (!host || /^(\/|localhost$|127\.|::1$)/.test(host)),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

const holdsPassword = /:\/\/[^/\s:@]*:[^@\s]+@|\bPGPASSWORD=|\bpassword=/i;

/** Who besides root may change a program. */
async function strangerTo(path: string): Promise<string | undefined> {
  for (const one of [path, dirname(dirname(path))]) {
    const { uid, mode } = await stat(one);
    if (uid !== 0) return `user ${uid}`;
    if ((mode & 0o002) !== 0) return 'everybody';
  }
  return undefined;
}

/** What this shell has now, over what an earlier installation has kept. */
async function variablesFor(
  settings: Settings,
  given: RawSettings,
  flags: InstallFlags,
  { way, forUser }: Place,
  environment: string,
): Promise<Variables> {
  const before = parseEnvironment(await readFile(environment, 'utf8').catch(() => ''));
  const now = variablesOf(process.env);
  const path = (process.env.PATH ?? '')
    .split(':')
    .filter((folder) => isAbsolute(folder) && !folder.startsWith(tmpdir()));
  const all: Record<string, string> = { PATH: path.join(':'), ...before, ...now };
  // A Node that has moved since: the night would find the old one, or none.
  const nodes = dirname(process.execPath);
  if (path.includes(nodes) && !all.PATH?.split(':').includes(nodes)) all.PATH = path.join(':');
  // Another way to dump, named now, is not to be mixed with the one before.
  if (given.dump !== undefined)
    for (const name of Object.keys(all)) if (isDumpVariable(name)) delete all[name];
  if (flags.config !== undefined) all.OFFSITE_CONFIG = resolve(flags.config);
  // A container has its own, and so has a service of the host's.
  const own =
    way === 'compose' ? ['PATH', 'OFFSITE_CONFIG', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME'] : ['XDG_STATE_HOME'];
  if (way !== 'cron' && !forUser) for (const name of own) delete all[name];
  // sudo -E leaves the home of whoever became root, and at night nobody says it.
  const [home, other] = homeFolders();
  if (way !== 'compose' && !forUser && other !== undefined) all.HOME = home as string;
  // Nor does a container see the settings file.
  Object.assign(all, environmentOf(way === 'compose' ? { ...settings } : given));
  for (const name of namesOfFiles) if (all[name]) all[name] = resolve(all[name]);
  return all;
}

function environmentOfServer(
  dump: Extract<Settings['dump'], { via: 'server' }>,
): Readonly<Record<string, string>> {
  const connection = connectionFromSettings(dump);
  return connection.via === 'server' ? connection.env : {};
}

async function show(installation: Installation, place: Place): Promise<void> {
  for (const { path, mode, text, holdsSecrets, found } of await lookAt(installation)) {
    const is = {
      absent: '',
      same: ', there already',
      ours: ', to be replaced',
      changed: ', changed by hand: stays',
      foreign: ', NOT OURS',
    };
    print(`# ${path} (mode ${mode.toString(8)}${is[found]})\n${holdsSecrets ? withoutValues(text) : text}\n`);
  }
  for (const command of commandsOf(installation, place)) print(`# then: ${command}\n`);
}

function report(done: readonly Done[]): void {
  for (const { path, what } of done) {
    print(`${what.padEnd(9)}  ${path}\n`);
    if (what === 'kept') warn(`${path} was changed by hand, so it stays as it is`);
  }
}
