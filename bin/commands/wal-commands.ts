// Commands of point-in-time recovery: one for the log, with what it shall do as its first word, and one for base backups.

import { Argument, Option } from 'commander';
import { compressors, program, settingsOf, storeCommand } from './command.ts';
import { interruption } from './ending.ts';

program.commandsGroup('To the minute, for the few who need it (docs/pitr.md):');

storeCommand('wal', "the server's log: to the vault, and back")
  .addArgument(new Argument('<do>', 'what to do').choices(['push', 'ship', 'archive-command', 'fetch']))
  .argument('[file...]', "push: %p; fetch: %f %p, as Postgres's settings have them")
  .option('--dir <folder>', 'of ship: what archive_command fills; of archive-command: to fill')
  .option('--follow', 'of ship: go on until it is ended, and look each second')
  .option('--ahead <number>', 'of fetch: how many segments that follow are brought with it', '8')
  .addOption(new Option('--compress <with>', 'as of backup').choices(compressors).default('auto'))
  .option('--patience <duration>', 'how long to wait for a store that fails', '10m')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
On the server's host, in postgresql.conf:
  archive_command = 'offsite wal push %p'

Where Postgres runs in a container, into a folder that both see:
  offsite wal archive-command --dir /wal     prints the setting
  offsite wal ship --dir /wal --follow       empties it into the vault

On the way back:
  restore_command = 'offsite wal fetch %f %p'

A segment counts once it is stored whole; the same one again is no error, other
bytes under its name are. 'fetch' says 1 only where the log ends. Whatever else
keeps it from bringing a segment is 255: Postgres then stops, and does not take
that for the end.`,
  )
  .action(async (what: string, files: string[], flags) => {
    const { runWal } = await import('./wal.ts');
    // Of what is printed alone, no bucket is asked for anything.
    const given = what === 'archive-command' ? { bucket: 'any', ...flags } : flags;
    await runWal(() => settingsOf(given), what, files, flags, interruption.signal);
  });
