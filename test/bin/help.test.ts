// What `--help` says fits a terminal of 80 columns, and is in the operator's order.

import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { program } from '../../bin/commands/program.ts';

/** All that a terminal of 80 columns shows, the texts around the options included. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (more) => {
      text += more;
    },
    getOutHelpWidth: () => 80,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text;
}

describe('--help', () => {
  it.each([program, ...program.commands].map((command) => ({ name: command.name(), command })))(
    'of $name has no line of more than 80 columns',
    ({ command }) => {
      const lines = helpOf(command).split('\n');
      expect(lines.filter((line) => line.length > 80)).toEqual([]);
      expect(command.description()).not.toBe('');
    },
  );

  it.each(program.commands.filter((command) => command.name() !== 'help'))(
    'has an example of $_name',
    (command) => {
      expect(helpOf(command)).toMatch(new RegExp(`^ {2}(sudo (-E )?)?offsite ${command.name()}\\b`, 'm'));
    },
  );

  it('shows every command, set-up first and the way back last', () => {
    const text = helpOf(program);
    const groups = [...text.matchAll(/^(\w.*):$/gm)].map(([, heading]) => heading);
    expect(groups).toEqual([
      'Options',
      'Set up, and every night',
      'Is it well',
      'Get it back',
      "The dashboard's own database (SQLite)",
      'To the minute, for the few who need it (docs/pitr.md)',
      'Without AWS: the promise kept by a machine of your own (docs/guard.md)',
      'Commands',
    ]);
    for (const command of program.commands) expect(text).toContain(`\n  ${command.name()} `);
  });

  it.each(program.commands.filter((command) => command.options.some(({ long }) => long === '--bucket')))(
    'begins with what a command has of its own',
    (command) => {
      const names = command.options.map(({ long }) => long);
      expect(names.slice(names.indexOf('--source'))).toEqual([
        '--source',
        '--bucket',
        '--region',
        '--endpoint',
        '--ca-bundle',
        '--provider',
        '--profile',
        '--config',
      ]);
    },
  );
});
