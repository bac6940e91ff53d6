// Commands of point-in-time recovery: one for the log, with what it shall do as its first word, and one for base backups.

import { Argument, Option } from 'commander';
import { compressors } from '../../lib/gzip/member-stream.ts';
import { program, settingsOf, storeCommand } from './command.ts';
import { interruption } from './ending.ts';
import { dumpFlags } from './flags.ts';

program.commandsGroup('To the minute, for the few who need it (docs/pitr.md):');

storeCommand('basebackup', 'take a base backup of the whole cluster, to recover points from')
  .option('--url <url>', 'the server; without it PGHOST, PGUSER … decide')
  .option('--container <name>', 'run pg_basebackup inside this container (docker exec)')
  .option('-U, --user <name>', 'user inside the container; it needs REPLICATION')
  .option('-d, --dbname <name>', 'any database inside the container, to ask the server in')
  .option('--stall-timeout <duration>', 'end it when no byte comes for so long; 0 is never', '15m')
  .option('--patience <duration>', 'how long to wait for a store that fails', '10m')
  .addOption(new Option('--compress <with>', 'as of backup').choices(compressors).default('auto'))
  .option('--quiet', 'show no progress')
  .option('--json', 'print the result as JSON')
  .addHelpText(
    'after',
    `
A base backup and the log from it on bring the cluster back as it was at any
moment since. Without the log (offsite wal) it brings nobody back. All databases
of the server are in it, with roles and settings. The nightly archive is
something else, and goes on. The cloud reads base backups and log as well, and
recovers one to a point in each quarterly restore test (docs/pitr.md).`,
  )
  .action(async (flags) => {
    const { runBaseBackup } = await import('./basebackup.ts');
    await runBaseBackup(await settingsOf(flags, dumpFlags([], flags)), flags, interruption.signal);
  });

storeCommand('wal', "the server's log: to the vault, and back")
  .addArgument(
    new Argument('<do>', 'what to do').choices([
      ...['push', 'ship', 'receive', 'archive-command', 'fetch', 'window'],
    ]),
  )
  .argument('[file...]', "push: %p; fetch: %f %p, as Postgres's settings have them")
  .option('--dir <folder>', 'what archive_command fills; of receive: where log waits for the vault')
  .option('--follow', 'of ship: go on until it is ended, and look each second')
  .option('--url <url>', 'of receive: the server; without it PGHOST, PGUSER … decide')
  .option('--slot <name>', 'of receive: its replication slot (default: offsite_ and the source)')
  .option('--partial-interval <duration>', 'of receive: how often to ship a begun segment; 0 is never', '60s')
  .option('--ahead <number>', 'of fetch: how many segments that follow lie ready', '8')
  .option('--until <segment>', 'of fetch: the log ends with it, whatever there is behind')
  .addOption(new Option('--compress <with>', 'as of backup').choices(compressors).default('auto'))
  .option('--patience <duration>', 'how long to wait for a store that fails (10m; push: 30s)')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
On the server's host, in postgresql.conf:
  archive_command = 'offsite wal push %p'

Where Postgres runs in a container, into a folder that both see:
  offsite wal archive-command --dir /wal     prints the setting
  offsite wal ship --dir /wal --follow       empties it into the vault

Or, from any host that the server lets replicate, with no archive_command:
  offsite wal receive                        by pg_receivewal and a slot

On the way back (offsite restore --to-time sets it by itself):
  restore_command = 'offsite wal fetch %f %p'

'window' shows from when to when a point can be recovered, and what is missing;
its exit code is 5 where the log is broken off. Segments go side by side: where
a later one of the last minutes is there first, it is 'arriving'. A segment
counts once it is stored whole; the same one again is no error, other bytes are.
'fetch' says 1 only where the log ends. Whatever else keeps it from bringing a
segment is 255: Postgres then stops, and does not take that for the end.`,
  )
  .action(async (what: string, files: string[], flags) => {
    const { runWal } = await import('./wal.ts');
    // Of what is printed alone, no bucket is asked for anything.
    const given = what === 'archive-command' ? { bucket: 'any', ...flags } : flags;
    await runWal(
      () => settingsOf(given, dumpFlags([], { url: flags.url })),
      what,
      files,
      flags,
      interruption.signal,
    );
  });
