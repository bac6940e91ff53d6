// The archive_command for a folder that is drained later: it says yes only when the segment is in the folder whole and on its disk,
// under its own name, and never writes over one that is there.

import { shellWord } from '../base/shell-word.ts';

/**
 * Makes the command.
 *
 * @param folder - An absolute path, which Postgres's user may write to.
 * @see https://www.postgresql.org/docs/16/continuous-archiving.html#BACKUP-ARCHIVING-WAL
 */
export function archiveCommand(folder: string): string {
  // A % is Postgres's own in this setting.
  const file = (name: string) => `${shellWord(folder).replaceAll('%', '%%')}/${name}`;
  const [there, partial] = [file('%f'), file('.%f.partial')];
  // The same segment once more, after a crash: the same bytes are a success.
  const same = `cmp -s "%p" ${there}`;
  const copy = `cp "%p" ${partial} && sync ${partial} && mv ${partial} ${there} && sync ${folderOf(folder)}`;
  return `if test -e ${there}; then ${same}; else ${copy}; fi`;
}

/** As a line of postgresql.conf. */
export function archiveSetting(folder: string): string {
  return `archive_command = '${archiveCommand(folder).replaceAll("'", "''")}'`;
}

function folderOf(folder: string): string {
  return shellWord(folder).replaceAll('%', '%%');
}
