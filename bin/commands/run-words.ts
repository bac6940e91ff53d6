// What is typed behind the program's name. Of words that are no command or no flag of ours: what was meant, and where its help is.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { closest } from '../../lib/base/closest.ts';
import { usage } from './flags.ts';
import { ownProgram } from './own-program.ts';
import { program } from './program.ts';

const expected = 'a command and flags that offsite knows';
const forAll = "'offsite --help' shows what there is";

// Not of the manual page, which is made elsewhere.
program.addHelpText('after', () => {
  const pages = join(ownProgram, '../../docs');
  return existsSync(pages) ? `\nThe pages that messages name (docs/…) are in\n${pages}/` : '';
});

/** Runs what is typed behind the program's name. @throws {@link OffsiteError} `USAGE` for what nobody can run. */
export async function runWords(words: readonly string[]): Promise<unknown> {
  // Beside help or --help, commander shows the help of all for a command that is none.
  const name = words[words[0] === 'help' ? 1 : 0];
  const names = [...program.commands.map((command) => command.name()), 'help'];
  if (name !== undefined && !name.startsWith('-') && !names.includes(name))
    throw usage(expected, `unknown command '${name}'`, meant(closest(name, names), forAll));
  try {
    return await program.parseAsync([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode === 0 || error.code === 'commander.help')
      throw error;
    const [found = ''] = error.message.replace(/^error: /, '').split('\n');
    throw usage(expected, found, hintOf(found, words));
  }
}

function hintOf(found: string, words: readonly string[]): string {
  const command = program.commands.find((one) => words.includes(one.name()));
  if (command === undefined) return forAll;
  const itsHelp = `'offsite ${command.name()} --help' shows what there is`;
  const [, flag] = /^unknown option '([^'=]+)/.exec(found) ?? [];
  if (flag === undefined) return itsHelp;
  const flags = command.options.flatMap(({ short, long }) =>
    [short, long].filter((one) => one !== undefined),
  );
  return flags.includes(flag)
    ? `flags stand behind the command: offsite ${command.name()} ${flag}`
    : meant(closest(flag, flags), itsHelp);
}

function meant(near: string | undefined, otherwise: string): string {
  return near === undefined ? otherwise : `did you mean ${near}? ${otherwise}`;
}
