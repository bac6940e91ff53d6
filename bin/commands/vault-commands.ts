// Commands about what is in the vault: look, judge, and say what is right.

import { exitCodes } from '../../lib/base/errors.ts';
import { allSettingsOf, guardedVault, program, settingsOf, storeCommand } from './command.ts';
import { interruption } from './ending.ts';

program.commandsGroup('Is it well:');

storeCommand('list', 'show the archives of each source, newest first, and whether all is well')
  .option('--limit <number>', 'of the newest (default: 30 as text, all as JSON)')
  .option('--all', 'however many there are')
  .option('--watch [interval]', 'again and again, on a terminal (default: 60s)')
  .option('--json', 'print JSON')
  .action(async (flags) => {
    const { runList } = await import('./list.ts');
    await runList(await allSettingsOf(flags), flags);
  });

storeCommand('verify', 're-read an archive, or a file, and judge it as the cloud does')
  .argument(
    '<id|latest|FILE>',
    "an archive's id, 'latest' (the newest at all), a .sql.gz file, '-' (stdin); to --record also 'new'",
  )
  .option('--gzip-only', 'of a FILE: judge only whether it is whole gzip, as gunzip -t does')
  .option('--manifest <file>', 'of a FILE: the manifest to compare it with')
  .option('--record', 'write the verdict to the vault and tell of it, as a guard does (docs/guard.md)')
  .option('--quiet', 'show no progress')
  .option('--json', 'print the verdict as JSON')
  .action(async (target: string, flags) => {
    if (flags.record) {
      const { runRecord } = await import('./record.ts');
      await runRecord(await guardedVault(flags), target, flags);
      return;
    }
    const { runVerify } = await import('./verify.ts');
    await runVerify(() => settingsOf(flags), target, flags);
  });

storeCommand('report', 'show how a source stands: its nights, and what the newest restore test proved')
  .argument('[id]', "an archive's id (default: whichever was tested last)")
  .option('--all', 'every source of the settings file, and of its vault, on one page')
  .option('--open', 'show the page, with pictures, in the browser')
  .option('-o, --output <file>', 'write the page there: one HTML file (with --open too)')
  .option('--force', 'replace the file if it exists')
  .option('--json', 'print the report as JSON')
  .action(async (wanted: string | undefined, flags) => {
    const { runReport } = await import('./report.ts');
    await runReport(flags.all ? await allSettingsOf(flags) : [await settingsOf(flags)], wanted, flags);
  });

storeCommand('restore-test', 'restore an archive into a throw-away server and compare everything')
  .argument('[id|latest]', "an archive's id, or 'latest': the newest intact one", 'latest')
  .option('--docker [image]', 'run the server in a container without network (default image: postgres:16)')
  .option('--checks <file>', "your own checks; without it, the vault's checks/<source>.sql")
  .option('-o, --output <folder>', 'where to keep the report, as JSON and as a page', '.')
  .option('--force', 'replace the files if they exist')
  .option('--open', 'show the page, with pictures, in the browser')
  .option('--json', 'print the report as JSON')
  .option('--print-checks', 'print the shipped checks, to begin a file of your own with')
  .addHelpText(
    'after',
    `
Does what the cloud does every quarter, on this machine: starts a Postgres of
its own (initdb and postgres of PATH or /usr/lib/postgresql, or --docker),
restores the archive while it is downloaded, compares rows and objects with the
archive's inventory, runs the checks, and throws the server away. It takes about
twice the plain dump's size of disk, in TMPDIR or where Docker keeps its
containers. Nothing is mailed and nothing written to the vault: the report
<id>.restore-test.json and its page <id>.restore-test.html are kept here. The
page shows the vault's earlier tests and nights, where they may be read.

Exit codes: 0 passed; ${exitCodes.restore} failed; others as of all commands.`,
  )
  .action(async (wanted: string, flags) => {
    const { printChecks, runRestoreTest } = await import('./restore-test.ts');
    if (flags.printChecks) return printChecks();
    return runRestoreTest(await settingsOf(flags), wanted, flags, interruption.signal);
  });

storeCommand('alert-test', 'have the cloud send a test mail, by the way of all faults')
  .option('--function <name>', 'the output ReportFunction; without it, the vault says which it is')
  .option('--json', 'print who gets it as JSON')
  .addHelpText(
    'after',
    `
Asks the function that tells of faults for a mail to all who are subscribed, and
says who that is. It takes credentials with OperatorPolicyArn. Do it once after
deploying, and after each change of who gets mails.

Exit codes: 0 sent; ${exitCodes.notFound} nobody has confirmed that they want the mails;
others as of all commands.`,
  )
  .action(async (flags) => {
    const { runAlertTest } = await import('./alert-test.ts');
    await runAlertTest(await settingsOf(flags), flags);
  });

storeCommand('accept', 'say that a suspicious archive is right: it counts as intact from then on')
  .argument('<id>', "the archive's id, as 'offsite list' shows it")
  .option('--reason <text>', 'why it is right; kept with the acceptance')
  .option('--json', 'print the result as JSON')
  .addHelpText(
    'after',
    `
Suspicious is a whole archive that holds much less, or much more, than those
before it. It is kept, but counts for nothing: 'latest' is an older one, and
retention does not rely on it. Look at the database first. If it is right that
so much is gone, accept the archive: what comes after is compared with it.
It is bound to the archive's bytes, and takes credentials with AcceptPolicyArn
(cdk deploy prints it) besides the operator's. Damaged archives cannot be
accepted.`,
  )
  .action(async (wanted: string, flags) => {
    const { runAccept } = await import('./accept.ts');
    await runAccept(await settingsOf(flags), wanted, flags);
  });

storeCommand('undo', 'bring an expired archive back while its versions live, and hold it')
  .argument('[id]', "an archive's id; without one, what can be brought back is shown")
  .option('--sidecar', "of the dashboard's own database, in place of BitAgent's")
  .option('--base-backup', 'a base backup, and the log from it on')
  .option('--hold-days <days>', 'for how long retention leaves it alone', '14')
  .option('--json', 'print JSON')
  .action(async (wanted: string | undefined, flags) => {
    const { runUndo } = await import('./undo.ts');
    await runUndo(await settingsOf(flags), wanted, flags);
  });
