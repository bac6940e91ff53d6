import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { answers } from '../../bin/commands/answers.ts';
import { program } from '../../bin/commands/program.ts';
import { answersText, referenceText } from '../../bin/reference.ts';

const written = (name: string) => readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8');

it('docs/reference.md is what the source has (npm run reference)', () => {
  expect(written('reference.md')).toBe(referenceText());
  // Each flag and each setting, in words.
  expect(written('reference.md')).not.toMatch(/^\| `.*\| {2}\|$|undefined/m);
});

it('docs/answers.schema.json has the answer of each command that takes --json, and of no other', () => {
  expect(written('answers.schema.json')).toBe(answersText());
  const answering = program.commands.filter(({ options }) => options.some(({ long }) => long === '--json'));
  const described = Object.keys(answers).map((name) => name.replace(/ .*/, ''));
  expect([...new Set(described)].sort()).toEqual(answering.map((command) => command.name()).sort());
});
