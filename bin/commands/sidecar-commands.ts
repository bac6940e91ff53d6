// The command of the dashboard's own database: one, for it is seldom asked for, with what it shall do as its first word.

import { Argument } from 'commander';
import { program, settingsOf, storeCommand } from './command.ts';
import { interruption } from './ending.ts';

program.commandsGroup("The dashboard's own database (SQLite):");

storeCommand('sidecar', 'archive it, list, verify or restore what was archived')
  .addArgument(new Argument('<do>', 'what to do').choices(['backup', 'list', 'verify', 'restore']))
  .argument('[id|latest]', "of verify and restore: an archive's id, or the newest intact one", 'latest')
  .option('--path <file>', 'the database (in a container, by default /data/bitagent-ui.db)')
  .option('--container <name>', 'where that is (docker exec; needs sqlite3 inside)')
  .option('--to <file>', 'of restore: where to put it (default: --path, or as the settings say)')
  .option('--any', "let 'latest' be the newest at all, proven or not")
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    `
Off by default: the dashboard works without its database, which holds what was
set in it by hand. Name it by --path, or once in the settings file:
  "sidecar": { "path": "/var/lib/docker/volumes/…/_data/bitagent-ui.db" }
  "sidecar": { "container": "bitagent-ui" }

Copied by SQLite's own back-up, while the dashboard goes on. A restore is
refused while anybody has the file open; what was there stays beside it as
FILE.before-<time>.`,
  )
  .action(async (what: string, wanted: string, flags) => {
    const { runSidecar } = await import('./sidecar.ts');
    await runSidecar(await settingsOf(flags), what, wanted, flags, interruption.signal);
  });
