// Commands of the day that everything is for: get it back.

import { exitCodes } from '../../lib/base/errors.ts';
import { program, settingsOf, storeCommand } from './command.ts';
import { interruption } from './ending.ts';
import { dumpFlags } from './flags.ts';

program.commandsGroup('Get it back:');

storeCommand('recover', 'bring BitAgent back on a new host, step by step, and check that it is back')
  .option('--check', 'only look whether BitAgent is as it should be')
  .option('--dry-run', 'show the steps, and change nothing')
  .option('--archive <id>', "an archive's id (default: latest, the newest intact one)")
  .option('--compose-file <file>', "BitAgent's (default: the one in this folder)")
  .option('--env-file <file>', 'with what it wants to know, as docker compose has it')
  .option('--service <name>', 'which service is BitAgent, where that is not plain')
  .option('--postgres-service <name>', 'which one is its database')
  .option('--app-container <name>', 'without Compose: the container of BitAgent')
  .option('--postgres-container <name>', 'without Compose: that of its database')
  .option('-U, --user <name>', 'user of the database (default: as the Compose file says)')
  .option('-d, --dbname <name>', 'the database (default: as the Compose file says)')
  .option('--put-aside', 'if the database is not empty, keep it under another name')
  .option('--app-url <url>', "of BitAgent's API (default: by the Compose file)")
  .option('--dashboard-url <url>', "of the dashboard, or 'none' (default: likewise)")
  .option('--api-key <key>', 'better in BITAGENT_API_KEY: ps shows what stands here')
  .option('--dht-wait <duration>', 'how long the DHT may take', '3m')
  .option('--yes', 'begin without asking')
  .option('--quiet', 'show no plan and no progress')
  .option('--json', 'print the result as JSON, on one line')
  .addHelpText(
    'after',
    `
On a host with Docker, BitAgent's Compose file and its .env:

  offsite recover --dry-run     what it would do, and whether all is there
  offsite recover               does it: starts Postgres alone, restores the
                                newest intact archive, starts the rest, waits
                                for the DHT, and checks
  offsite recover --check       looks again, whenever you like

Interrupted, or after a failure, run the same command again: it goes on where it
was. A database that is not empty is left alone (--put-aside). The keys are read
from the Compose file, or from BITAGENT_API_KEY and BITAGENT_DASHBOARD_KEY.

Exit codes: 0 BitAgent is back; ${exitCodes.app} it does not answer as it should;
${exitCodes.restore} the restore, or rows are missing; others as of all commands.`,
  )
  .action(async (flags) => {
    const { runRecover } = await import('./recover.ts');
    await runRecover(await settingsOf(flags), flags, interruption.signal);
  });

storeCommand('restore', 'bring a database back: restored beside it, compared, swapped')
  .argument(
    '[id|latest|FILE]',
    "an archive's id, 'latest' (the newest intact one), or a .sql.gz or .sql file; with --to-…: of a base backup",
  )
  .option('--any', "let 'latest' be the newest at all, proven or not")
  .option('--container <name>', 'the container of Postgres: restore inside it (docker exec)')
  .option('-U, --user <name>', 'user inside the container')
  .option('--url <url>', 'the server, where it can be reached; without it PGHOST, PGUSER … decide')
  .option('-d, --dbname <name>', 'the database to bring back (default: the one that was dumped)')
  .option('--stop <container>', 'a container that uses it: stopped for the swap, and started again')
  .option('--beside', 'restore beside it, and stop there')
  .option('--into <database>', 'restore into a new database of this name, and stop there')
  .option('--replace', 'drop it first, where there is no room for both; asks for its name')
  .option('--yes', 'with --replace: do not ask')
  .option('--create-roles', 'create the roles that the dump names and the server lacks')
  .option('--jobs <number>', 'sessions that load at the same time (default: by cores)')
  .option('--manifest <file>', 'of a FILE: its manifest (default: the one beside it)')
  .option('--quiet', 'show no progress')
  .option('--json', 'print the result as JSON')
  .optionsGroup('Or the whole cluster as it was at a point (docs/pitr.md):')
  .option('--to-time <instant>', 'with an offset: 2026-04-28T03:15:00Z')
  .option('--to-lsn <position>', 'of the log, such as 16/B374D848')
  .option('--to-name <name>', 'of a restore point (pg_create_restore_point)')
  .option('--to-xid <number>', 'of a transaction, which is the last')
  .option('--immediate', 'as the base backup was, and no further')
  .option('--to-latest', 'all of the log that is in the vault')
  .option('--despite-gap', 'with --to-latest: up to where the log breaks off')
  .option('--timeline <number>', 'along which (default: the newest)')
  .option('--data-directory <folder>', 'where the cluster is laid out: empty, or none yet')
  .option(
    '--tablespace-mapping <old=new>',
    'the folder of a tablespace; once for each (default: below that one)',
    (mapping: string, before: string[] = []) => [...before, mapping],
  )
  .optionsGroup('Options:')
  .addHelpText(
    'after',
    `
  offsite restore latest --container bitagent-postgres --stop bitagent

What is there is touched last, in one transaction: it becomes
<name>_before_<time>, and the restored one takes its name. An empty database is
simply used. If anything fails before, the half-made one is dropped; what a
killed restore left, the next one finishes or drops. It takes the disk of both;
--replace that of one.`,
  )
  .action(async (wanted: string | undefined, flags) => {
    const { targetOf } = await import('./point-flags.ts');
    const target = targetOf(wanted, flags);
    if (target !== undefined) {
      const { runRestorePoint } = await import('./restore-point.ts');
      return runRestorePoint(await settingsOf(flags), target, wanted, flags, interruption.signal);
    }
    // It has refused that there is neither.
    const archive = wanted as string;
    const { runRestore } = await import('./restore.ts');
    const { isArchiveId } = await import('../../lib/archive/names.ts');
    // Of a file, no bucket is asked for anything.
    const given = archive === 'latest' || isArchiveId(archive) ? flags : { bucket: 'any', ...flags };
    // Whose place it takes is said by --dbname, wherever the server is.
    const settings = await settingsOf(given, dumpFlags([], { ...flags, dbname: undefined }));
    await runRestore(settings, archive, flags, interruption.signal);
  });

storeCommand('fetch', 'bring an archive back as a .sql.gz file, checked against its manifest')
  .argument('<id|latest>', "an archive's id, or 'latest': the newest intact one")
  .option('--any', "let 'latest' be the newest at all, proven or not")
  .option(
    '-o, --output <file>',
    "where to write it; '-' is stdout (default, on a terminal: '<id>.sql.gz' here)",
  )
  .option('--resume', 'go on with what a fetch that was cut short left beside the file')
  .option('--connections <number>', 'how many bring it side by side, at most', '48')
  .option('--force', 'replace the file if it exists')
  .option('--quiet', 'show no progress')
  .option('--json', 'print what was fetched as JSON')
  .action(async (wanted: string, flags) => {
    const { runFetch } = await import('./fetch.ts');
    await runFetch(await settingsOf(flags), wanted, flags, interruption.signal);
  });

storeCommand('kit', 'print how it all comes back by hand: aws, gunzip, psql')
  .option('-o, --output <folder>', 'write it there instead, as text and as a page to print')
  .option('--force', 'replace the files if they exist')
  .addHelpText(
    'after',
    `
With this installation's bucket, region, roles and database. Print it, and keep
it where it does not burn with the host. Each restore test leaves one beside its
report in the vault.`,
  )
  .action(async (flags) => {
    const { runKit } = await import('./kit.ts');
    await runKit(await settingsOf(flags), flags);
  });
