// The scripts that package.json names: each says what it does, and takes no option that it does not know.

import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { describeError, exitCodeOf, OffsiteError } from './errors.ts';
import { formatCount } from './quantities.ts';

/** @param name - As it is called: `npm run bench`. */
export function script(name: string, description: string): Command {
  return new Command(`${name} --`).description(description);
}

/**
 * Reads the options that a script was called with.
 *
 * @remarks Ends the process where it was asked for help, or an option cannot be used: with a sentence and exit code 2.
 */
export function optionsOf<Flags extends object>(command: Command): Flags {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  try {
    return command.parse().opts<Flags>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help was printed on purpose.
    if (error.exitCode === 0) process.exit(0);
    process.exit(failed(wrongOption(command, error.message.replace(/^error: /, ''))));
  }
}

/** Prints an error. @returns The exit code. */
export function failed(error: unknown): number {
  process.stderr.write(`${describeError(error)}\n`);
  return exitCodeOf(error);
}

/** Reads a whole number, which may be written `300_000` or `300,000`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const number = Number(text.replaceAll(/[_,](?=\d{3})/g, '') || 'none');
    if (Number.isSafeInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`It must be a whole number, at least ${formatCount(least)}.`);
  };
}

function wrongOption(command: Command, found: string): OffsiteError {
  const flags = [...command.options.map((option) => option.flags), '--help'];
  return new OffsiteError('USAGE', 'these arguments cannot be used', {
    expected: flags.length === 1 ? 'nothing but --help' : flags.join(', '),
    found,
    hint: `${command.name()} --help`,
  });
}

/** Whether a person at the terminal wants to go on; where nobody can be asked, it goes on. */
export function agrees(): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return Promise.resolve(true);
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  return new Promise((resolve) => {
    asking.on('SIGINT', () => process.exit(128 + constants.signals.SIGINT));
    asking.on('close', () => resolve(false));
    asking.question('Go on? [Y/n] ', (answer) => {
      resolve(/^(y|yes)?$/i.test(answer.trim()));
      asking.close();
    });
  });
}

/**
 * Waits for Ctrl-C or a SIGTERM. The first does not end this process: everything has to be closed first. The second does.
 *
 * @remarks Not `once`: execa's own listener ends the process when it finds that it is the last.
 */
export function untilSignal(): Promise<'SIGINT' | 'SIGTERM'> {
  let asked = false;
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(128 + constants.signals[signal]);
        asked = true;
        resolve(signal);
      });
    }
  });
}
