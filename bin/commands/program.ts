// The commands and their flags. Each command loads only what it needs, when it runs.

import { Command, Option } from 'commander';
import { exitCodes } from '../../lib/base/errors.ts';
import { toolVersion } from '../../lib/base/version.ts';
import type { CompressorChoice } from '../../lib/gzip/compressor.ts';
import type { RawSettings } from '../../lib/settings/config.ts';
import { providerNames } from '../../lib/store/provider.ts';
import { Interruption } from './ending.ts';
import { dumpFlags } from './flags.ts';

type StoreFlags = Partial<
  Record<'source' | 'bucket' | 'region' | 'endpoint' | 'provider' | 'profile' | 'config', string>
>;

const compressors = ['auto', 'igzip', 'pigz', 'node', 'small'] as const satisfies readonly CompressorChoice[];

/** Of whatever command runs. */
export const interruption = new Interruption();

export const program = new Command('offsite')
  .description("Offsite archives of BitAgent's database: taken, checked, kept, brought back.")
  .version(toolVersion)
  .exitOverride()
  .configureOutput({ outputError: () => undefined })
  .addHelpText(
    'after',
    `
Settings come from --config FILE, else ~/.config/offsite/config.json or
/etc/offsite/config.json, then OFFSITE_* of the environment, then the flags.
AWS credentials come as for the aws command.

Exit codes: 0 done; ${exitCodes.unexpected} unexpected; ${exitCodes.usage} usage or settings; ${exitCodes.dump} database or dump;
${exitCodes.store} store; ${exitCodes.notIntact} not intact; ${exitCodes.notFound} no such archive; ${exitCodes.restore} restore; 129/130/143 interrupted.`,
  );

dumpCommand('backup', 'dump the database and stream it to the vault')
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
  .option('--start-over', 'if it outgrows what was expected, dump again with larger parts')
  .option('--quiet', 'show no progress')
  .option('--json', 'print the result as JSON')
  .action(async (command: string[], flags) => {
    const { runBackup } = await import('./backup.ts');
    await runBackup(await settingsOf(flags, dumpFlags(command, flags)), flags, interruption.signal);
  });

dumpCommand('doctor', 'look at all that a back-up needs, and change nothing')
  .option('--json', 'print the checks as JSON')
  .action(async (command: string[], flags) => {
    const { runDoctor } = await import('./doctor.ts');
    await runDoctor(await settingsOf(flags, dumpFlags(command, flags)), flags, interruption.signal);
  });

dumpCommand('estimate', 'what a month costs, line by line, for this database')
  .option(
    '--archive-bytes <bytes>',
    "a night's archive, compressed: 2GB (default: the last one, or by the database)",
  )
  .option('--archives-per-day <number>', 'how many are taken', '1')
  .option('--keep-days <days>', 'as deployed', '14')
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
  .option('--json', 'print JSON')
  .action(async (command: string[], flags) => {
    const { runEstimate } = await import('./estimate.ts');
    // No bucket is asked for anything.
    const settings = await settingsOf({ bucket: 'any', ...flags }, dumpFlags(command, flags));
    await runEstimate(settings, flags, interruption.signal);
  });

storeCommand('list', 'show the archives of a source, newest first')
  .option('--json', 'print JSON')
  .action(async (flags) => {
    const { runList } = await import('./list.ts');
    await runList(await settingsOf(flags), flags);
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

storeCommand('verify', 're-read an archive, or a file, and judge it as the cloud does')
  .argument(
    '<id|latest|FILE>',
    "an archive's id, 'latest' (the newest at all), a .sql.gz file, or '-': stdin",
  )
  .option('--gzip-only', 'of a FILE: judge only whether it is whole gzip, as gunzip -t does')
  .option('--manifest <file>', 'of a FILE: the manifest to compare it with')
  .option('--quiet', 'show no progress')
  .option('--json', 'print the verdict as JSON')
  .action(async (target: string, flags) => {
    const { runVerify } = await import('./verify.ts');
    await runVerify(() => settingsOf(flags), target, flags);
  });

storeCommand('undo', 'bring an expired archive back while its versions live, and hold it')
  .argument('[id]', "an archive's id; without one, what can be brought back is shown")
  .option('--hold-days <days>', 'for how long retention leaves it alone', '14')
  .option('--json', 'print JSON')
  .action(async (wanted: string | undefined, flags) => {
    const { runUndo } = await import('./undo.ts');
    await runUndo(await settingsOf(flags), wanted, flags);
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

storeCommand('report', 'show what the newest restore test proved, or the newest of one archive')
  .argument('[id]', "an archive's id (default: whichever was tested last)")
  .option('--open', 'show the page, with pictures, in the browser')
  .option('-o, --output <file>', 'write the page there: one HTML file (with --open too)')
  .option('--force', 'replace the file if it exists')
  .option('--json', 'print the report as JSON')
  .action(async (wanted: string | undefined, flags) => {
    const { runReport } = await import('./report.ts');
    await runReport(await settingsOf(flags), wanted, flags);
  });

function storeCommand(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--source <name>', "which database's archives (default: bitagent)")
    .option('--bucket <name>', 'the vault')
    .option('--region <name>', "the vault's region")
    .option('--endpoint <url>', 'of an S3-compatible store')
    .option('--provider <name>', `which store it is: ${providerNames.join(', ')}`)
    .option('--profile <name>', 'AWS profile with the credentials')
    .option('--config <file>', 'settings file');
}

function dumpCommand(name: string, description: string): Command {
  return storeCommand(name, description)
    .argument('[command...]', 'after --: a command that writes a plain pg_dump to stdout')
    .option('--url <url>', 'server to dump; without it PGHOST, PGUSER … decide')
    .option('--container <name>', 'run pg_dump inside this container (docker exec)')
    .option('-U, --user <name>', 'user inside the container')
    .option('-d, --dbname <name>', 'database inside the container');
}

function archiveCommand(name: string, description: string): Command {
  return storeCommand(name, description)
    .argument('<id|latest>', "an archive's id, or 'latest': the newest intact one")
    .addOption(new Option('--any', "let 'latest' be the newest at all, proven or not"));
}

async function settingsOf(flags: StoreFlags, dump?: RawSettings) {
  const { readSettings } = await import('../../lib/settings/settings.ts');
  const { source, bucket, region, endpoint, provider, profile } = flags;
  const given = Object.entries({ source, bucket, region, endpoint, provider, profile, dump });
  return readSettings(Object.fromEntries(given.filter(([, value]) => value !== undefined)), flags.config);
}
