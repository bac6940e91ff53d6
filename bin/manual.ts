// The manual page, offsite(1), made from the commands' own declarations and help texts: what a package installs beside them.

import type { EventEmitter } from 'node:events';
import type { Command, Option } from 'commander';

/** Flags that nearly all commands share, told once. */
const sharedGroups = /^(Which vault|Who is told)/;

/** @param date - Of the page: `2026-11-30`. */
export function manualText(program: Command, date: string): string {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  const groups = Map.groupBy(commands, (command) => command.helpGroup() || 'Commands:');
  const shared = new Map(
    commands.flatMap((command) =>
      optionsOf(command)
        .filter(isShared)
        .map((option) => [option.flags, option] as const),
    ),
  );
  const sharedOptions = Map.groupBy(shared.values(), ({ helpGroupHeading = '' }) => helpGroupHeading);
  return [
    `.TH OFFSITE 1 ${date} ${quoted(`offsite ${program.version()}`)}`,
    '.SH NAME',
    `offsite \\- ${escaped(program.description().replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    '.B offsite',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    'A small agent on the host streams a dump of the database to a bucket. There it is verified, kept, and restored on trial',
    'by somebody other than the host. Every command has its',
    '.BR \\-\\-help .',
    ...[...groups].flatMap(([heading, those]) => [
      `.SH ${quoted(heading.replace(/:$/, '').toUpperCase())}`,
      ...those.flatMap(sectionOf),
    ]),
    ...[...sharedOptions].flatMap(([heading, options]) => [
      `.SH ${quoted(heading.replace(/:$| \(.*/g, '').toUpperCase())}`,
      ...options.flatMap(flagOf),
    ]),
    '.SH "SETTINGS AND EXIT CODES"',
    ...asItStands(textAfter(program)),
    '',
  ].join('\n');
}

function optionsOf(command: Command): Option[] {
  return command.createHelp().visibleOptions(command);
}

function isShared({ helpGroupHeading = '' }: Option): boolean {
  return sharedGroups.test(helpGroupHeading);
}

function sectionOf(command: Command): string[] {
  const help = command.createHelp();
  const usage = help
    .commandUsage(command)
    .replace(/^offsite /, '')
    .replace(' [options]', '');
  return [
    `.SS ${quoted(`offsite ${usage}`)}`,
    `${escaped(sentence(command.description()))}`,
    ...help
      .visibleArguments(command)
      .flatMap((argument) => item(argument.name(), help.argumentDescription(argument))),
    ...optionsOf(command)
      .filter((option) => !isShared(option) && option.long !== '--help')
      .flatMap(flagOf),
    ...(textAfter(command) === '' ? [] : ['.PP', ...asItStands(textAfter(command))]),
  ];
}

function flagOf(option: Option): string[] {
  const choices = option.argChoices ? `: ${option.argChoices.join(', ')}` : '';
  const usual = option.defaultValue === undefined ? '' : ` (default: ${option.defaultValue})`;
  return item(option.flags, `${option.description}${choices}${usual}`);
}

function item(name: string, text: string): string[] {
  return ['.TP', `.B ${escaped(name)}`, escaped(text)];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** What the help says beyond its lists. */
function textAfter(command: Command): string {
  let text = '';
  const write = (more: string) => {
    text += more;
  };
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
  return text.trim();
}

/** Lines that are broken where they are, in examples and tables. */
function asItStands(text: string): string[] {
  return ['.nf', ...text.split('\n').map(escaped), '.fi'];
}

/** A text of which roff takes no sign for its own. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/[^ -~]/gu, (one) => `\\[u${one.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`)
    .replace(/^(?=[.'])/, '\\&');
}

function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', '""')}"`;
}
