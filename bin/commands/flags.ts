// Flags that several commands share.

import { OffsiteError } from '../../lib/base/errors.ts';
import type { RawSettings } from '../../lib/settings/layers.ts';
import { runningCommand } from './safe-words.ts';

/**
 * Reads which database is meant.
 *
 * @throws {@link OffsiteError} `USAGE` for flags that exclude each other, or show a password to everybody.
 */
export function dumpFlags(
  command: readonly string[],
  { url, container, user, dbname }: { url?: string; container?: string; user?: string; dbname?: string },
): RawSettings | undefined {
  if ([command.length > 0, url !== undefined, container !== undefined].filter(Boolean).length > 1) {
    throw usage('--url, --container and a command exclude each other', 'more than one of them');
  }
  if (/^[a-z]+:\/\/[^/@]*:[^/@]*@/.test(url ?? '') || /[?&]password=/.test(url ?? '')) {
    throw usage(
      'a URL without a password on the command line, where ps shows it',
      'one with a password',
      'put it into OFFSITE_DATABASE_URL, the settings file (dump.url), PGPASSWORD or ~/.pgpass',
    );
  }
  if (command.length > 0) return { via: 'command', command };
  if (url !== undefined) return { via: 'server', url };
  const inside = Object.fromEntries(
    Object.entries({ user, database: dbname }).filter(([, value]) => value !== undefined),
  );
  if (container !== undefined) return { via: 'container', container, ...inside };
  return Object.keys(inside).length > 0 ? { via: 'container', ...inside } : undefined;
}

/**
 * Flags of `--all`, which are for every source.
 *
 * @throws {@link OffsiteError} `USAGE` for one that is for a single source.
 */
export function notOfOne<Flags extends { source?: string; beforeUpgrade?: unknown }>(
  flags: Flags,
  dump: RawSettings | undefined,
): Flags {
  const one = Object.entries({ '--source': flags.source, '--before-upgrade': flags.beforeUpgrade });
  const [name] = one.find(([, value]) => value !== undefined) ?? (dump && ['a database']) ?? [];
  if (name !== undefined)
    throw usage('--all alone: the settings file says what each source dumps', `${name}, too`);
  return flags;
}

/** @throws {@link OffsiteError} `USAGE` for a flag with nothing in it: `--dbname "$DB"` of a variable that is not set. */
export function assertSaid(flags: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(flags))
    if (value === '')
      throw usage(
        `something after --${dashed(name)}`,
        'an empty text',
        `leave --${dashed(name)} out, or give it something: a variable of the shell that is not set is empty`,
      );
}

export function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** @param example - What is likely meant. @throws {@link OffsiteError} `USAGE` for what is no whole number, or too small or too large. */
export function wholeNumber(
  flag: string,
  text: string,
  { least = 1, most, example }: { least?: number; most: number; example: number },
): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw usage(
    `${flag} with a whole number, ${least} to ${most}`,
    `'${text}'`,
    `for example ${flag} ${example}`,
  );
}

/** The error of arguments that cannot be used. */
export function usage(
  expected: string,
  found: string,
  hint = `'${['offsite', runningCommand()].join(' ').trim()} --help' shows what there is`,
): OffsiteError {
  return new OffsiteError('USAGE', 'these arguments cannot be used', { expected, found, hint });
}
