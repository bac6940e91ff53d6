// Commands of every night: take an archive, and see that one can be taken.

import { Option } from 'commander';
import { compressors } from '../../lib/gzip/member-stream.ts';
import {
  addTellingFlags,
  allSettingsOf,
  dumpCommand,
  flagSettings,
  guardedVault,
  program,
  settingsOf,
  storeCommand,
} from './command.ts';
import { interruption } from './ending.ts';
import { dumpFlags, notOfOne, usage } from './flags.ts';

program.commandsGroup('Set up, and every night:');

dumpCommand('init', 'from nothing to a first archive: finds, asks, writes the settings, tries')
  .option('--operator-profile <name>', "AWS profile that may read the stack's outputs")
  .option('--stack-name <name>', 'as deployed (default: OffsiteStack)')
  .option('--at <time>', "of day, every night, in this host's time or with UTC behind it (default: 03:15)")
  .option('--no-install', 'have none taken every night')
  .option('--no-backup', 'take none now')
  .option('--yes', 'take every default, and ask nothing')
  .addHelpText(
    'after',
    `
Finds the database's container, reads what the deployed stack says of itself or
asks for the store that you have, writes the settings with comments, looks by
'doctor' whether all is well, and offers to take a back-up every night, and one
now. Each answer is a flag, too. Run again, it changes what is answered anew.`,
  )
  .action(async (command: string[], flags) => {
    const { runInit } = await import('./init.ts');
    const given = flagSettings(flags, dumpFlags(command, flags));
    // By --yes, what was not refused is wanted; on a terminal it is asked for.
    const asked = { install: flags.install && !flags.yes ? undefined : flags.install };
    const first = { backup: flags.backup && !flags.yes ? undefined : flags.backup };
    await runInit(given, { ...flags, ...asked, ...first }, interruption.signal);
  });

dumpCommand('doctor', 'look at all that a back-up needs, and change nothing')
  .option('--pitr', 'also what point-in-time recovery needs, though nothing of it is set up yet')
  .option('--wal-dir <folder>', 'where log waits for the vault on this host (default: as set up)')
  .option('--json', 'print the checks as JSON')
  .action(async (command: string[], flags) => {
    const { runDoctor } = await import('./doctor.ts');
    await runDoctor(await settingsOf(flags, dumpFlags(command, flags)), flags, interruption.signal);
  });

dumpCommand('config', 'show the settings in force, and where each was said')
  .option('--schema', 'print the JSON Schema of a settings file, for an editor')
  .option('--json', 'print them as JSON')
  .action(async (command: string[], flags) => {
    const { runConfig } = await import('./config.ts');
    await runConfig(flagSettings(flags, dumpFlags(command, flags)), flags);
  });

addTellingFlags(dumpCommand('backup', 'dump the database and stream it to the vault'))
  .option('--stall-timeout <duration>', 'end a dump that gives no byte for so long; 0 is never', '15m')
  .option(
    '--patience <duration>',
    'how long to wait for a store that fails or takes nothing; the dump waits meanwhile',
    '10m',
  )
  .option(
    '--expected-size <bytes>',
    "the archive's, compressed: 80GiB (default: by the last one, or the database)",
  )
  .addOption(
    new Option(
      '--compress <with>',
      "auto is the fastest there is; small is for an uplink that's slower than zlib",
    )
      .choices(compressors)
      .default('auto'),
  )
  .option(
    '--before-upgrade <versions...>',
    'FROM TO, of BitAgent: exit with 0 once an intact archive is held for 90 days',
  )
  .option('--operator-profile <name>', 'AWS profile that may read and hold archives, for that')
  .option('--verdict-timeout <duration>', 'how long to wait for the verdict, for that', '2h')
  .option('--all', 'of every source that the settings file has, one after the other')
  .option('--start-over', 'if it outgrows what was expected, dump again with larger parts')
  .option('--quiet', 'show no progress')
  .option('--json', 'print the result as JSON')
  .action(async (command: string[], flags) => {
    const { runBackup, runBackups } = await import('./backup.ts');
    const { tellOfNoNight } = await import('./told-night.ts');
    const dump = dumpFlags(command, flags);
    if (flags.all) {
      const all = await allSettingsOf(notOfOne(flags, dump)).catch((error) => tellOfNoNight(error, flags));
      await runBackups(all, flags, interruption.signal);
      return;
    }
    const settings = await settingsOf(flags, dump).catch((error) => tellOfNoNight(error, flags));
    await runBackup(settings, flags, interruption.signal);
  });

addTellingFlags(
  dumpCommand('install', 'have a back-up taken every night: systemd, cron or Compose', '-U, --user [name]'),
)
  .option('--for-user', "a timer of one's own (systemd --user), as --user without a name")
  .option('--at <time>', "of day, in this host's time or with UTC behind it (default: 03:15)")
  .option('--random-delay <duration>', 'begin up to so much later (systemd)', '15m')
  .addOption(
    new Option('--with <what>', 'by default what the host has').choices(['systemd', 'cron', 'compose']),
  )
  .addOption(
    new Option('--pitr <way>', 'also send the log, for ever, and a base backup each week (systemd)').choices([
      'receive',
      'ship',
    ]),
  )
  .option('--wal-dir <folder>', 'of --pitr ship: what archive_command fills; of receive: where log waits')
  .option('--sidecar', "archive the dashboard's database, too: see 'offsite sidecar --help'")
  .option('--guard', 'in place of back-ups: the guard of a vault, every hour (docs/guard.md)')
  .option('--root <folder>', 'of an image that is not running', '/')
  .option('--print', 'show all that would be written and run, and change nothing')
  .action(async (command: string[], { user, ...flags }) => {
    const { runInstall } = await import('./install.ts');
    if (user === true) flags.forUser = true;
    const dump = dumpFlags(command, user === true ? flags : { ...flags, user });
    if (flags.guard) {
      if (dump !== undefined) throw usage('--guard alone: it dumps nothing', 'a database');

      const { runInstallGuard } = await import('./install-guard.ts');
      await runInstallGuard(await guardedVault(flags), flagSettings(flags), flags);
      return;
    }
    await runInstall(await settingsOf(flags, dump), flagSettings(flags, dump), flags);
  });

addTellingFlags(
  dumpCommand('nightly', 'take a back-up every night, for as long as it runs: the way of containers'),
)
  .option('--at <time>', 'of day, in the time of TZ or with UTC behind it', '03:15')
  .option('--sidecar', "archive the dashboard's database, too: see 'offsite sidecar --help'")
  .addHelpText(
    'after',
    `
A host has 'offsite install' for that. A night that failed is said, and the next
is another. One that was missed since the last is made up
for at once; of a source that never had one, the first waits for its time.`,
  )
  .action(async (command: string[], flags) => {
    const { runNightly } = await import('./nightly.ts');
    const dump = dumpFlags(command, flags);
    await runNightly(await settingsOf(flags, dump), flagSettings(flags, dump), flags, interruption.signal);
  });

storeCommand('uninstall', 'take back what install did; what was changed by hand stays')
  .option('--guard', 'the guard, in place of back-ups')
  .option('--root <folder>', 'of an image that is not running', '/')
  .option('--print', 'show what would be removed, and change nothing')
  .action(async (flags) => {
    const { runUninstall } = await import('./install.ts');
    await runUninstall(await settingsOf({ bucket: 'any', ...flags }), flags);
  });

storeCommand('import', 'bring dumps that you have, FILE.sql.gz, into the vault as archives')
  .argument('<file...>', 'of pg_dump and gzip; dated by its name, as bitagent-2026-11-08-0315.sql.gz')
  .option('--zone <name>', "whose time the names are: UTC, Europe/Berlin (default: this host's)")
  .option('--date <instant>', 'of one FILE, when it was taken: 2026-11-08T03:15+01:00')
  .option('--operator-profile <name>', 'AWS profile that may look what is there already')
  .option('--dry-run', 'judge them and look what is there, and store nothing')
  .option('--quiet', 'show no progress')
  .option('--json', 'print the results as JSON')
  .addHelpText(
    'after',
    `
Each is judged first, as 'offsite verify FILE' does: what is cut, damaged or no
plain dump of one database is refused, and the others are imported. It becomes
an archive of its date: 'list', 'verify' and 'restore' take it as any other, and
retention too, so what is older than keepDays goes at one of its next runs. No
dump comes in twice, nor a second one of the same date. The agent's credentials
will do; the operator's see beforehand what is there.`,
  )
  .action(async (files: string[], flags) => {
    const { runImport } = await import('./import.ts');
    await runImport(await settingsOf(flags), files, flags, interruption.signal);
  });

dumpCommand('estimate', 'what a month costs, line by line, for this database')
  .option(
    '--archive-bytes <bytes>',
    "a night's archive, compressed: 2GB (default: the last one, or by the database)",
  )
  .option('--archives-per-day <number>', 'how many are taken', '1')
  .option('--keep-days <days>', 'as deployed', '14')
  .option('--keep-weekly <weeks>', 'as deployed', '0')
  .option('--keep-monthly <months>', 'as deployed', '0')
  .option('--keep-yearly <years>', 'as deployed', '0')
  .option('--reread-percent <percent>', 'as deployed', '15')
  .option('--undo-days <days>', 'as deployed', '7')
  .addOption(new Option('--encryption <with>', 'as deployed').choices(['s3', 'kms']).default('s3'))
  .addOption(
    new Option('--agent-access <how>', 'as deployed')
      .choices(['policy', 'user', 'rolesAnywhere'])
      .default('policy'),
  )
  .addOption(
    new Option('--restore-test-network <how>', 'as deployed')
      .choices(['public', 'endpoints'])
      .default('public'),
  )
  .option('--glacier-after-days <days>', 'as deployed (default: never)')
  .option(
    '--base-backup-bytes <bytes>',
    'a base backup, compressed; with it, points in time are reckoned, too',
  )
  .option('--base-backup-days <days>', 'one in so many days', '7')
  .option('--wal-bytes-per-day <bytes>', "a day's log, compressed", '1GB')
  .option('--json', 'print JSON')
  .action(async (command: string[], flags) => {
    const { runEstimate } = await import('./estimate.ts');
    // No bucket is asked for anything.
    const settings = await settingsOf({ bucket: 'any', ...flags }, dumpFlags(command, flags));
    await runEstimate(settings, flags, interruption.signal);
  });
