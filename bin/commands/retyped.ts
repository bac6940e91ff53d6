// A command that is shown, to be typed next, with what the person typed of where things are: else it looks into another vault,
// or at another server, than the one that failed.

import type { Command } from 'commander';
import { shellWord } from '../../lib/base/shell-word.ts';

/** Of which vault: any command looks into the same. */
const ofVault = ['--source', '--bucket', '--region', '--endpoint', '--ca-bundle', '--provider', '--config'];
/** Where a database or stack is. One that is restored into is not the one that is backed up. */
const ofPlace = [
  ...['--url', '--container', '--user', '--dbname', '--compose-file', '--env-file', '--service', '--app-url'],
  ...['--postgres-service', '--app-container', '--postgres-container', '--dashboard-url'],
];

let typed: (shown: string) => readonly string[] = () => [];

/** Of several that nobody named. */
let source: string | undefined;

/** Says of which of several sources is spoken from now on: what is shown names it. */
export function speakOf(one: string): void {
  source = one;
}

/** Says which command runs, and what was typed with it. */
export function noteTyped(command: Command): void {
  const commands = command.parent?.commands ?? [];
  const given = command.options.flatMap((option) => {
    const name = option.attributeName();
    const value = command.getOptionValue(name);
    const isTyped = command.getOptionValueSource(name) === 'cli' && typeof value === 'string';
    return isTyped && option.long ? [{ flag: option.long, value }] : [];
  });
  source = undefined;
  typed = (shown) => {
    const next = commands.find((one) => one.name() === shown);
    const isAlike = next === command || (next && isAgents(next) && isAgents(command));
    const takes = (flag: string) =>
      next?.options.some(({ long }) => long === flag) &&
      (ofVault.includes(flag) ||
        (ofPlace.includes(flag) && isAlike) ||
        (flag === '--profile' && isAgents(next) === isAgents(command)));
    const all = source === undefined ? given : [{ flag: '--source', value: source }, ...given];
    return all.flatMap(({ flag, value }) => (takes(flag) ? `${flag} ${shellWord(value)}` : []));
  };
}

/** Those that the host runs by its own key, and ask the database that is backed up. */
function isAgents(command: Command): boolean {
  return (
    command.registeredArguments[0]?.name() === 'command' || /^(basebackup|wal|import)$/.test(command.name())
  );
}

/** @param text - For a person: what it shows of our commands is completed, of an error's text in its hint alone. */
export function retyped(text: string): string {
  const from = Math.max(text.search(/^ {2}hint /m), 0);
  return (
    text.slice(0, from) +
    text
      .slice(from)
      .replaceAll(
        /(?<![\w/-])offsite ([a-z][a-z-]+)(?! --help)([^'`;)\n]*)/g,
        (shown, command: string, rest: string) => {
          // A place that is shown is another than the typed one, and so is each of all sources.
          const isOfAll = shown.startsWith('offsite backup --all');
          const isElsewhere = isOfAll || ofPlace.some((flag) => rest.includes(flag));
          const isSaid = (flag: string) =>
            rest.includes(flag) ||
            (isOfAll && flag === '--source') ||
            (isElsewhere && ofPlace.includes(flag));
          const flags = typed(command).filter((one) => !isSaid(one.split(' ')[0] as string));
          return flags.length === 0 ? shown : `offsite ${[command, ...flags].join(' ')}${rest}`;
        },
      )
  );
}
