// Commands of every night: take an archive, and see that one can be taken.

import { Option } from 'commander';
import type { CompressorChoice } from '../../lib/gzip/compressor.ts';
import { addTellingFlags, dumpCommand, program, settingsOf } from './command.ts';
import { interruption } from './ending.ts';
import { dumpFlags } from './flags.ts';

const compressors = ['auto', 'igzip', 'pigz', 'node', 'small'] as const satisfies readonly CompressorChoice[];

program.commandsGroup('Set up, and every night:');

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
