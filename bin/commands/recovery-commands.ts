// Commands of the day that everything is for: get it back.

import { archiveCommand, program, settingsOf } from './command.ts';
import { interruption } from './ending.ts';
import { dumpFlags } from './flags.ts';

program.commandsGroup('Get it back:');

archiveCommand('restore', 'restore an archive into a fresh database')
  .option('--into <database>', "the database to create (default: '<source>_restored')")
  .option('--url <url>', 'server to restore into; without it PGHOST, PGUSER … decide')
  .option('--container <name>', 'run psql inside this container (docker exec)')
  .option('-U, --user <name>', 'user inside the container')
  .option('--quiet', 'show no progress')
  .option('--create-roles', 'create the roles that the dump names and the server lacks (NOLOGIN)')
  .option('--json', 'print the result as JSON')
  .action(async (wanted: string, flags) => {
    const { runRestore } = await import('./restore.ts');
    await runRestore(await settingsOf(flags, dumpFlags([], flags)), wanted, flags, interruption.signal);
  });

archiveCommand('fetch', 'bring an archive back as a .sql.gz file, checked against its manifest')
  .requiredOption('-o, --output <file>', "where to write it; '-' is stdout")
  .option('--force', 'replace the file if it exists')
  .option('--quiet', 'show no progress')
  .option('--json', 'print what was fetched as JSON')
  .action(async (wanted: string, flags) => {
    const { runFetch } = await import('./fetch.ts');
    await runFetch(await settingsOf(flags), wanted, flags, interruption.signal);
  });
