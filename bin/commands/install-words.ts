// What install and uninstall say, of back-ups and of a guard.

import { OffsiteError } from '../../lib/base/errors.ts';
import { formatDuration } from '../../lib/base/quantities.ts';
import { composeLine, nameOf } from '../../lib/nightly/files.ts';
import type { Place } from '../../lib/nightly/host.ts';
import { guardName, type Installation } from '../../lib/nightly/installation.ts';
import { logNext } from './install-log.ts';

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
