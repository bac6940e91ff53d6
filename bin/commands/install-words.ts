// What install and uninstall say, of back-ups, of the log and of a guard; and what --pitr asks of a host and of the settings.

import { resolve } from 'node:path';
import { OffsiteError } from '../../lib/base/errors.ts';
import { formatDuration } from '../../lib/base/quantities.ts';
import { composeLine, nameOf } from '../../lib/nightly/files.ts';
import type { Place } from '../../lib/nightly/host.ts';
import { guardName, type Installation } from '../../lib/nightly/installation.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { usage } from './flags.ts';

/** How what is installed under a name is spoken of. */
export function wordsOf(source: string): {
  readonly all: string;
  readonly nothing: string;
  readonly too: string;
} {
  if (source === guardName)
    return { all: 'a guard runs every hour', nothing: 'no guard runs', too: 'runs a guard every hour, too' };
  return {
    all: `archives of ${source} are taken every night`,
    nothing: `nothing takes archives of ${source} every night`,
    too: `takes an archive of ${source} every night, too`,
  };
}

/** What begins now, and how to look. */
export function whatNext(installation: Installation, { way, forUser, isRunning }: Place): string {
  const { source, at, randomDelayMs, folder, log } = installation;
  const name = nameOf(source);
  const user = forUser ? ' --user' : '';
  const clock = `${at.clock}${at.isUtc ? ' UTC' : ''}`;
  const hourly = source === guardName;
  if (way === 'cron')
    return `cron ${hourly ? 'runs the guard every hour' : `takes an archive of ${source} every day`}; its log: /var/log/${name}.log\n`;
  if (way === 'compose') {
    return `it begins, for every ${hourly ? 'hour' : `night at ${clock}`}, with: ${composeLine(installation, folder)}\n`;
  }
  const later = randomDelayMs > 0 ? `, or up to ${formatDuration(randomDelayMs)} later` : '';
  const lines = [
    `every ${hourly ? 'hour' : `night at ${clock}`}${later}; when: systemctl${user} list-timers ${name}.timer`,
    `one now: systemctl${user} start ${name}.service; what it said: journalctl${user} -u ${name}`,
  ];
  lines.push(...logNext(log, name, user));
  if (forUser) lines.push('only while you are logged in, unless: loginctl enable-linger');
  if (!isRunning) lines.push('systemd does not run here: it begins when that does');
  return `${lines.join('\n')}\n`;
}

export function installedTwice(folder: string, source: string): OffsiteError {
  const named = source === 'bitagent' ? '' : ` --source ${source}`;
  const undo = `offsite uninstall${source === guardName ? ' --guard' : named}`;
  return new OffsiteError('FILE_EXISTS', `${wordsOf(source).all} already`, {
    expected: 'one place that has it',
    found: `another in ${folder}`,
    hint: `${undo} takes it away (as the user who installed it)`,
  });
}

/** @returns How the log goes offsite; `undefined` where that is not asked for. @throws `USAGE` where it cannot. */
export function logOf(
  { dump }: Settings,
  { pitr, walDir }: { readonly pitr?: 'ship' | 'receive'; readonly walDir?: string },
  { way }: Pick<Place, 'way'>,
): Installation['log'] {
  if (pitr === undefined) {
    if (walDir !== undefined) throw usage('--wal-dir with --pitr', '--wal-dir alone');
    return undefined;
  }
  if (way !== 'systemd')
    throw usage(
      '--pitr with systemd',
      way,
      "elsewhere, keep 'offsite wal receive' running by your own means, and 'offsite basebackup' each week",
    );
  if (dump.via === 'command')
    throw usage(
      'a server, or a container',
      'a command that dumps',
      'a base backup is taken by pg_basebackup: say --url or --container',
    );
  if (pitr === 'receive' && dump.via === 'container')
    throw usage(
      '--pitr receive with a server that this host reaches',
      `container ${dump.container}`,
      'say --pitr ship --wal-dir DIR, or publish its port and say --url',
    );
  if (pitr === 'ship' && walDir === undefined)
    throw usage(
      '--wal-dir with the folder that archive_command fills',
      'none',
      "'offsite wal archive-command --dir DIR' prints the setting",
    );
  return { way: pitr, folder: walDir === undefined ? undefined : resolve(walDir) };
}

/** What to do next, of the log. */
function logNext(log: Installation['log'], name: string, user: string): string[] {
  if (log === undefined) return [];
  return [
    `the log goes from now on: journalctl${user} -u ${name}-wal`,
    `a base backup each Sunday; without one, the log brings nobody back. One now: systemctl${user} start ${name}-basebackup.service`,
  ];
}
