// What a message tells people to type must be there to be typed: its commands, their flags, and bare flags at every
// command that can say it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { program } from '../../bin/commands/program.ts';
import { noteTyped, retyped } from '../../bin/commands/retyped.ts';
import { safeWords } from '../../bin/commands/safe-words.ts';
import { readHouse } from '../fixtures/rooms.ts';

const root = join(import.meta.dirname, '../..');
const house = readHouse();
const flagsOf = new Map(
  program.commands.map((command) => [
    command.name(),
    new Set(['--help', ...command.options.flatMap(({ long, short }) => [long, short ?? []].flat())]),
  ]),
);

/** Commands of ours in a text, each with its flags; what stands after ` -- ` is another program's. */
function commandsIn(text: string): { command: string; flags: string[] }[] {
  const found = text.matchAll(/(?<![\w/-])offsite ([a-z][a-z-]+)((?: +(?!--? )[^'"`\n#|;)]*)?)/g);
  return [...found].map(([, command = '', rest = '']) => ({
    command,
    flags: [...(rest.split(' -- ')[0] ?? '').matchAll(/(?<=\s)--?[a-z][a-z-]*/g)].map(([flag]) => flag),
  }));
}

/** Those that do not exist. Where the words only look like a command (`offsite archives of …`), they have no flag. */
function unknownIn(text: string, prose: boolean): string[] {
  return commandsIn(text).flatMap(({ command, flags }) => {
    const known = flagsOf.get(command);
    if (known === undefined) return prose && flags.length === 0 ? [] : [command];
    return flags.filter((flag) => !known.has(flag)).map((flag) => `${command} ${flag}`);
  });
}

/** Every text of a source file that stands between quotation marks. */
function textsOf(source: string): string[] {
  const found = source.matchAll(/(['"])((?:\\.|(?!\1)[^\\\n])*)\1|`((?:\\.|[^`\\])*)`/g);
  return [...found].map(([, , quoted, template]) => (quoted ?? template ?? '').replaceAll("\\'", "'"));
}

/** Texts that are said as a hint. */
function hintsOf(source: string): string[] {
  const places = source.matchAll(/\bhint:\s(?!string\b)([\s\S]*?)(?:,\n|\n\s*\}| \})/g);
  return [...places].flatMap(([, expression = '']) => textsOf(expression));
}

/** Where a call's arguments stand in a source, each as it is written. */
function argumentsOf(source: string, called: string): string[][] {
  return [...source.matchAll(new RegExp(`(?<!function )\\b${called}\\(`, 'g'))].map(({ index }) => {
    const given = [''];
    let depth = 1;
    let quote = '';
    for (const char of source.slice(index + called.length + 1)) {
      if (quote !== '') quote = char === quote ? '' : quote;
      else if (/['"`]/.test(char)) quote = char;
      else if (/[([{]/.test(char)) depth += 1;
      else if (/[)\]}]/.test(char)) depth -= 1;
      if (depth === 0) break;
      if (depth === 1 && char === ',' && quote === '') given.push('');
      else given[given.length - 1] += char;
    }
    return given.map((one) => one.trim()).filter(Boolean);
  });
}

/** The third argument of `usage` is a hint. */
const usageHintsOf = (source: string) =>
  argumentsOf(source, 'usage').flatMap(([, , hint]) => (hint === undefined ? [] : textsOf(hint)));

/** All files that a command loads. */
function filesOf(command: string): ReadonlySet<string> {
  // Of the answers' shapes, commands take only the types.
  const files = new Set(['bin/commands/answers.ts']);
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    for (const one of house.get(file)?.files ?? []) visit(one);
  };
  visit(`bin/commands/${command}.ts`);
  return files;
}

it('reads commands and flags out of words', () => {
  expect(commandsIn("see 'offsite list' or offsite backup --url URL -d x -- ssh db pg_dump --clean")).toEqual(
    [
      { command: 'list', flags: [] },
      { command: 'backup', flags: ['--url', '-d'] },
    ],
  );
  expect(unknownIn('offsite restore latest --force', false)).toEqual(['restore --force']);
  expect(hintsOf("{ code, hint: 'say --any',\n found }")).toEqual(['say --any']);
  expect(usageHintsOf("throw usage('a, b', f(x, 'y'), 'say (it), now');\nusage('a', 'b')")).toEqual([
    'say (it), now',
  ]);
});

describe('names commands and flags that there are:', () => {
  it.each([...house.keys()].filter((file) => /^(lib|bin|lambda)\//.test(file)))('%s', (file) => {
    const { text = '' } = house.get(file) ?? {};
    expect(textsOf(text).flatMap((said) => unknownIn(said, true))).toEqual([]);
  });

  const guides = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  it.each(['README.md', ...guides.map((name) => `docs/${name}`)])('%s', (file) => {
    const text = readFileSync(join(root, file), 'utf8');
    expect(unknownIn(text, true)).toEqual([]);
  });
});

describe('what is shown to be typed next has what was typed of where things are:', () => {
  const all = new Command('offsite');
  for (const one of program.commands) {
    const copy = all.command(one.name());
    for (const argument of one.registeredArguments) copy.addArgument(argument);
    for (const { flags } of one.options) copy.option(flags);
  }
  const typing = (name: string, given: Record<string, string>) => {
    const command = all.commands.find((one) => one.name() === name) as Command;
    for (const option of command.options)
      command.setOptionValueWithSource(option.attributeName(), given[option.long ?? ''], 'cli');
    noteTyped(command);
  };
  afterAll(() => noteTyped(new Command()));

  it.each([
    [
      'recover',
      "'offsite recover --put-aside'",
      "'offsite recover --compose-file 'a b' --source s --profile p --config c --put-aside'",
    ],
    [
      'restore',
      'see (offsite list): offsite backup',
      'see (offsite list --source s --profile p --config c): offsite backup --source s --config c',
    ],
    [
      'backup',
      "'offsite doctor' (offsite list)",
      "'offsite doctor --url u --source s --profile p --config c' (offsite list --source s --config c)",
    ],
    [
      'fetch',
      'offsite list --config other; offsite restore --help',
      'offsite list --source s --profile p --config other; offsite restore --help',
    ],
    ['list', 'no offsite knows; offsite', 'no offsite knows; offsite'],
    ['backup', 'offsite backup --all', 'offsite backup --profile p --config c --all'],
    [
      'restore',
      'offsite restore --container NAME',
      'offsite restore --source s --profile p --config c --container NAME',
    ],
    [
      'list',
      '  found     offsite list\n  hint      offsite list',
      '  found     offsite list\n  hint      offsite list --source s --profile p --config c',
    ],
  ])('%s: %s', (command, shown, said) => {
    typing(command, {
      '--config': 'c',
      '--profile': 'p',
      '--url': 'u',
      '--source': 's',
      '--compose-file': 'a b',
      '--put-aside': '',
    });
    expect(retyped(shown)).toBe(said);
    typing(command, {});
    expect(retyped(shown)).toBe(shown);
  });

  it.each([...flagsOf.keys()])('%s: by flags that there are', (name) => {
    const value: Record<string, string> = {};
    for (const flag of flagsOf.get(name) ?? []) value[String(flag)] = 'value';
    typing(name, value);
    const texts = [...house.values()].flatMap(({ text }) =>
      textsOf(text).filter((said) => /offsite [a-z]/.test(said)),
    );
    expect(texts.flatMap((said) => unknownIn(retyped(said), true))).toEqual([]);
  });
});

/** Of these, nobody's data are in question when they fail; what a back-up says of that has its own tests. */
const withoutArchives =
  'init doctor config backup install nightly uninstall estimate alert-test kit completion';

it('each command on which archives or databases depend says what is safe when it fails', () => {
  const depending = [...flagsOf.keys()].filter((name) => !withoutArchives.split(' ').includes(name));
  expect(Object.keys(safeWords).sort()).toEqual(depending.sort());
});

/** What is read at three in the morning: all but what is only drawn, deployed or played. */
const nightly = /^(lib\/(?!stack|rehearsal|page)|lambda|bin\/commands)/;
/** What takes such a name by hand. */
const asked = /^(lib\/mail\/alert-test|bin\/commands\/vault-commands)\.ts$/;
/** Of the questions of init, a hint says what an answer means. */
const questions = /^bin\/commands\/init-(database|vault)\.ts$/;
/** Something to type, to set, or to read. */
const something =
  /offsite |--[a-z]|run the same command again|docs\/|\$\{(error\.)?hint\b|\b(docker|psql|pg_\w+|systemctl|apt-get|apt-cache|aws|npx|df|free|rm|timedatectl|SELECT|ALTER|CREATE|DROP) |\((chmod|sudo)|OFFSITE_|restoreUrl|smtpUrl|\$\{(?:psqlLine\(|dumpByHand)|postgresMajor|%\d\w|-o FILE|AWS_[A-Z]|NO_PROXY|\$\{(?:options\.)?(flag|way|name|undo|connection|list|again)\b|\b(date -|mv|dmesg|npm ci|bash -o)|unset it|--\$\{|PG[A-Z]+|shellWord\(/;

describe('read by somebody who is tired, and knows neither AWS nor this code:', () => {
  const files = [...house.keys()].filter(
    (file) => nightly.test(file) && file !== 'lib/mail/runbook.ts' && !questions.test(file),
  );

  it.each(files)('%s', (file) => {
    const { text = '' } = house.get(file) ?? {};
    const vague = [...hintsOf(text), ...usageHintsOf(text)].filter(
      (hint) => hint.includes(' ') && !something.test(hint),
    );
    // What the synthesis calls its parts; not what a policy allows.
    const named = textsOf(text).filter((said) =>
      /\b(?<!s3:)(?!NoSuch)[A-Z][a-z]\w*(Function|Queue|Rule|Bucket)\b/.test(said),
    );
    expect([vague, asked.test(file) ? [] : named]).toEqual([[], []]);
  });
});

const textOf = (file: string) => house.get(file)?.text ?? '';

/** Files whose hints only some commands come to, though others load them: it is in the rooms of what they use. */
const heardBy: readonly [RegExp, (command: string) => boolean][] = [
  [
    /^lib\/(store\/part-size|backup\/stall|gzip\/compressor|gzip\/member-stream)\.ts$/,
    (one) => one === 'backup',
  ],
  // A recovery restores where the containers say, and makes the roles; the metrics of a back-up replace their file.
  [/^lib\/restore\//, (one) => one !== 'recover'],
  // The restore test's server is one of its own, never in a container.
  [/^lib\/restore\/psql\.ts$/, (one) => !['restore-test', 'guard'].includes(one)],
  // The window of all points fails at none of them.
  [/^lib\/recovery-point\//, (one) => one === 'restore'],
  // Where Docker does not answer, init asks a person.
  [/^lib\/recover\//, (one) => one !== 'init'],
  // It installs what this host has, without log, and upgrades nothing.
  [/^bin\/commands\/(install|install-log|install-words|before-upgrade)\.ts$/, (one) => one !== 'init'],
  [/^lib\/base\/output-file\.ts$/, (one) => !['backup', 'init'].includes(one)],
];
/** What a command of the operator's own may have been given. */
const ofPgDump = ['--table', '--schema', '--exclude', '--data-only'];

describe('a hint has only flags of the command that says it:', () => {
  it.each([...flagsOf.keys()])('%s', (command) => {
    const known = flagsOf.get(command);
    const strange = [...filesOf(command)].flatMap((file) =>
      [...hintsOf(textOf(file)), ...usageHintsOf(textOf(file))].flatMap((hint) => {
        // Other programs' flags, and those of commands of ours that are named with them.
        const bare = hint
          .replaceAll(
            /(?:'|^|[ (])(?:(?:aws|docker|npm|psql|pg_\w+|apt-get|offsite) |\$\{dumpByHand\})[^']*/g,
            '',
          )
          .matchAll(/(?<![\w-])--[a-z][a-z-]*/g);
        return [...bare]
          .filter(([flag]) => !known?.has(flag) && !ofPgDump.includes(flag))
          .filter(() => heardBy.every(([files, hears]) => !files.test(file) || hears(command)))
          .map(([flag]) => `${file}: ${flag}`);
      }),
    );
    expect(strange).toEqual([]);
  });
});
