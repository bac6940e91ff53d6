// What `offsite install --pitr` asks of a host and of the settings.

import { resolve } from 'node:path';
import type { Place } from '../../lib/nightly/host.ts';
import type { Installation } from '../../lib/nightly/installation.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { usage } from './flags.ts';

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

export function logNext(log: Installation['log'], name: string, user: string): string[] {
  if (log === undefined) return [];
  return [
    `the log goes from now on: journalctl${user} -u ${name}-wal`,
    `a base backup each Sunday; without one, the log brings nobody back. One now: systemctl${user} start ${name}-basebackup.service`,
  ];
}
