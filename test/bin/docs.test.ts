// Every `offsite …` that the documentation shows as a line of code, in a fence or indented, is taken by the program's own
// parser: its commands, options, their values, and as many arguments as it wants. Nothing is run.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { program } from '../../bin/commands/program.ts';

const root = join(import.meta.dirname, '../..');
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
);

/** Lines of code, those that go on joined. */
function codeOf(text: string): string[] {
  let isFenced = false;
  const lines = text.split('\n').flatMap((line) => {
    if (/^\s*```/.test(line)) {
      isFenced = !isFenced;
      return [];
    }
    return isFenced || /^ {4}/.test(line) ? [line] : [];
  });
  const joined = lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n');
  // A drawing names many at once.
  return joined.map((line) => line.replace(/(^|\s)#.*$/, '')).filter((line) => !line.includes(' · '));
}

/** Words as a shell makes them, up to what ends a command. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:"[^"]*"|'[^']*'|<\w+>|[^\s"';|&<>])+|[;|&<>]/g)) {
    if (/^[;|&<>]/.test(word) && !/^<\w+>/.test(word)) break;
    words.push(word.replaceAll(/["']/g, ''));
  }
  return words;
}

/** What follows the program's name, each time that it is called in a line. */
function callsIn(line: string): string[][] {
  const beginnings = line.matchAll(
    /(?:^\s*|[;|&(] *|\$\()(?:sudo (?:-E )?|\w+=\S+ )*(?:\S*\/)?offsite (?=[a-z-])/g,
  );
  return [...beginnings].map((found) => wordsOf(line.slice(found.index + found[0].length)));
}

/** What the parser says against a call. */
function faultOf(command: Command, words: readonly string[]): string | undefined {
  const [name, ...rest] = words;
  const inner = command.commands.find((one) => one.name() === name || one.aliases().includes(name ?? ''));
  if (inner !== undefined) return faultOf(inner, rest);
  if (words.includes('--help') || words.includes('--version')) return undefined;
  if (command.commands.length > 0) return `no command ${name}`;
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  try {
    const { operands, unknown } = command.parseOptions([...words]);
    const given = [...operands, ...unknown];
    const strange = unknown.find((word) => word.startsWith('--') && word !== '--');
    if (strange !== undefined && !words.includes('--')) return `no option ${strange}`;
    const wanted = command.registeredArguments;
    const fewest = wanted.filter(({ required }) => required).length;
    const most = wanted.some(({ variadic }) => variadic) ? Number.POSITIVE_INFINITY : wanted.length;
    if (given.length < fewest || given.length > most) return `${given.length} arguments: ${given.join(' ')}`;
    const other = wanted.find(({ argChoices }, index) => argChoices?.includes(given[index] ?? '') === false);
    return other && `no ${other.name()} ${given.join(' ')}`;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('what is to be typed is taken:', () => {
  it.each(pages)('%s', (page) => {
    const calls = codeOf(readFileSync(join(root, page), 'utf8')).flatMap(callsIn);
    const faults = calls.map((words) => [words.join(' '), faultOf(program, words)]);
    expect(faults.filter(([, fault]) => fault !== undefined)).toEqual([]);
  });

  it('and there is much of it', () => {
    const all = pages.flatMap((page) => codeOf(readFileSync(join(root, page), 'utf8')).flatMap(callsIn));
    expect(all.length).toBeGreaterThan(30);
  });

  it('and what is wrong is found', () => {
    const faults = [
      'backup --contaner x',
      'backup --container',
      'fetch',
      'sidecar nothing',
      'nothing',
      'restore latest another',
    ].map((words) => faultOf(program, words.split(' ')));
    expect(faults.filter((fault) => fault === undefined)).toEqual([]);
  });
});
