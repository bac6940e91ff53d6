// Commands that keep the whole promise where no AWS does: docs/guard.md.

import type { Command } from 'commander';
import { Option } from 'commander';
import { keeping } from '../../lib/deployment/environment.ts';
import { type GuardSetting, guardWords } from '../../lib/settings/guard-words.ts';
import { addTellingFlags, guardedVault, program, storeCommand } from './command.ts';
import { interruption } from './ending.ts';
import { dashed } from './flags.ts';

program.commandsGroup('Without AWS: the promise kept by a machine of your own (docs/guard.md):');

const all = Object.keys(guardWords) as GuardSetting[];
const watching = ['sources', 'freshnessHours', 'rpoMinutes', 'restoreTestDays'] as const;
const telling = ['email', 'smtpUrl', 'mailFrom'] as const;

addGuardFlags(
  addTellingFlags(
    storeCommand('guard', 'verify, expire, watch, test and tell, as far as it is due: for a timer'),
  ),
  all,
)
  .option('--check', 'look at all that a guard needs, and change nothing')
  .option('--restore-test', 'a restore test of each source now, whether or not it is due')
  .option('--json', 'print what was seen and done as JSON, at the end; with --check, the checks')
  .option('--beside-agent', 'on the host that takes the archives: it proves less there')
  .action(async (flags) => {
    const { runGuardCommand } = await import('./guard.ts');
    await runGuardCommand(await guardedVault(flags), flags, interruption.signal);
  });

addGuardFlags(
  storeCommand('expire', 'delete what retention no longer keeps, of every source, with reasons'),
  [...keeping, 'freshnessHours', 'objectLock'],
)
  .option('--dry-run', 'only say what would go, and why the rest stays')
  .option('--at-once', "take all that is not kept, however many nights' worth that is")
  .option('--json', 'print the plans as JSON')
  .action(async (flags) => {
    const { runExpire } = await import('./expire.ts');
    await runExpire(await guardedVault(flags), flags);
  });

addGuardFlags(
  storeCommand('watch', 'look how old the proofs of every source are, and tell of what is overdue'),
  [...watching, ...telling],
)
  .option('--json', 'print what was seen as JSON')
  .action(async (flags) => {
    const { runWatch } = await import('./watch.ts');
    await runWatch(await guardedVault(flags), flags);
  });

/** Gives a command the guard's settings that it goes by. */
function addGuardFlags(command: Command, names: readonly GuardSetting[]): Command {
  command.optionsGroup('What is promised (better once, in the settings file):');
  for (const name of names) command.addOption(new Option(`--${dashed(name)} <value>`, guardWords[name]));
  return command.optionsGroup('Options:');
}
