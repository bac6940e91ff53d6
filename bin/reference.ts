// Makes docs/reference.md, of commands, settings, exit codes and figures as the source has them, and docs/answers.schema.json.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import * as z from 'zod';
import { errorFamilies, exitCodes } from '../lib/base/errors.ts';
import { optionsOf, script } from '../lib/base/script.ts';
import { metrics } from '../lib/deployment/metrics.ts';
import { settingsFileSchema } from '../lib/settings/config.ts';
import { variableNamed } from '../lib/settings/environment.ts';
import { answers } from './commands/answers.ts';
import { commandTerm, vaultHeading } from './commands/command.ts';
import { examples } from './commands/examples.ts';
import { program } from './commands/program.ts';

const folder = join(import.meta.dirname, '..', 'docs');

/** The text of docs/reference.md as the source has it now. */
export function referenceText(): string {
  const commands = program.commands.filter((command) => command.name() !== 'help');
  return [
    '# Reference',
    '',
    'Made from the source by `npm run reference`.',
    '',
    '## Commands',
    '',
    `${commands.map((command) => `[${command.name()}](#offsite-${command.name()})`).join(' · ')}`,
    ...commands.flatMap(commandLines),
    '',
    '## Settings',
    '',
    'Of the settings file; how they go over each other: [agent.md](agent.md#settings). Of the deployment: [API.md](../API.md).',
    '',
    ...table(['setting', 'variable', ''], settingRows()),
    '',
    '## Answers',
    '',
    'What a command prints with `--json`, on one line: [answers.schema.json](answers.schema.json) has a JSON Schema of each, under `$defs`. Fields are added, and',
    'none is renamed or removed, without a line in the [changelog](../CHANGELOG.md).',
    '',
    '## Exit codes, and the codes of errors',
    '',
    ...table(['exit code', '', 'error codes'], codeRows()),
    '',
    'Interrupted: 129, 130, 131, 143. A reader that went: 141.',
    '',
    '## Figures',
    '',
    "Of `monitoring=full`, in CloudWatch's namespace `Offsite`; [cloud.md](cloud.md) says which alarm reads which.",
    '',
    ...table(
      ['figure', 'unit'],
      Object.values(metrics).map(({ name, unit }) => [`\`${name}\``, unit]),
    ),
    '',
  ].join('\n');
}

/** The text of docs/answers.schema.json: JSON Schemas by command. */
export function answersText(): string {
  const schemas = Object.entries(answers).map(([command, schema]) => {
    const { $schema: _, ...shape } = z.toJSONSchema(schema, { io: 'input' });
    return [command, shape];
  });
  const $schema = 'https://json-schema.org/draft/2020-12/schema';
  const description = 'What offsite COMMAND --json prints, by command. Made by npm run reference.';
  return `${JSON.stringify({ $schema, description, $defs: Object.fromEntries(schemas) }, null, 1)}\n`;
}

/** Without what all share that ask the vault. */
function commandLines(command: Command): string[] {
  const own = command.options.filter(({ helpGroupHeading }) => helpGroupHeading !== vaultHeading);
  const rows = own.map(({ flags, description, defaultValue, argChoices }) => {
    const choices = argChoices === undefined ? '' : ` (${argChoices.join(', ')})`;
    const usual =
      typeof defaultValue === 'string' && defaultValue !== '' && !description.includes('default')
        ? ` (default: ${defaultValue})`
        : '';
    return [`\`${flags}\``, `${description}${choices}${usual}`];
  });
  const asksVault = command.options.length > own.length;
  return [
    '',
    `### offsite ${command.name()}`,
    '',
    `\`offsite ${commandTerm(command)}\`: ${command.description()}${asksVault ? '' : ' (asks no vault)'}`,
    ...(rows.length === 0 ? [] : ['', ...table(['flag', ''], rows)]),
    ...(examples[command.name()]?.replaceAll('\n', '\n  ').split('\n') ?? []),
  ];
}

type Schema = {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly const?: string;
};

function settingRows(): string[][] {
  const { properties = {} } = settingsFileSchema() as Schema;
  return Object.entries(properties).flatMap(([key, schema]) => [
    [`\`${key}\``, variable([key]), schema.description ?? ''],
    ...(key === 'sources' ? [] : (schema.oneOf ?? schema.anyOf ?? [schema])).flatMap((part) =>
      Object.entries(part.properties ?? {})
        .filter(([name]) => name !== 'via')
        .map(([name, { description = '' }]) => {
          const via = part.properties?.via?.const;
          const way = via === undefined ? '' : `with \`via: ${via}\`: `;
          return [`\`${key}.${name}\``, variable([key, name]), `${way}${description}`];
        }),
    ),
  ]);
}

function variable(setting: readonly string[]): string {
  const name = variableNamed(setting);
  return name === undefined ? '' : `\`${name}\``;
}

function codeRows(): string[][] {
  return Object.entries(exitCodes).map(([family, exitCode]) => {
    const codes = Object.entries(errorFamilies).filter(([, one]) => one === family);
    return [String(exitCode), family, codes.map(([code]) => `\`${code}\``).join(' ')];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)];
}

if (import.meta.main) {
  optionsOf(
    script(
      'npm run reference',
      'Makes docs/reference.md of commands, settings, errors and figures, and docs/answers.schema.json.',
    ),
  );
  writeFileSync(join(folder, 'reference.md'), referenceText());
  writeFileSync(join(folder, 'answers.schema.json'), answersText());
}
