// All commands, in the order in which an operator comes to need them.

import './nightly-commands.ts';
import './vault-commands.ts';
import './recovery-commands.ts';
import './sidecar-commands.ts';
import './wal-commands.ts';
import './guard-commands.ts';
import { Argument } from 'commander';
import { addVaultFlags, program } from './command.ts';
import { examples } from './examples.ts';
import { assertSaid } from './flags.ts';
import { noteTyped } from './retyped.ts';
import { noteCommand } from './safe-words.ts';

addVaultFlags();
program.hook('preAction', (_, command) => {
  noteCommand(command.name());
  noteTyped(command);
  assertSaid(command.opts());
});

program
  .commandsGroup('Commands:')
  .command('completion')
  .description('print what a shell loads to complete these commands at the tab key')
  .addArgument(new Argument('<shell>', 'which').choices(['bash', 'zsh', 'fish']))
  .addHelpText(
    'after',
    `
  offsite completion bash > ~/.local/share/bash-completion/completions/offsite
  offsite completion zsh > _offsite          into a folder of $fpath
  offsite completion fish > ~/.config/fish/completions/offsite.fish

The packages bring them along.`,
  )
  .action(async (shell) => {
    const { runCompletion } = await import('./completion.ts');
    runCompletion(shell, program);
  });

for (const command of program.commands) {
  const typed = examples[command.name()];
  if (typed !== undefined) command.addHelpText('after', `\nExamples:${typed}`);
}

export { program };
