// Completions as the shells themselves offer them, held against the commands' own declarations; and the manual page, as man
// reads it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shells } from '../../bin/commands/completion.ts';
import { program } from '../../bin/commands/program.ts';
import { manualText } from '../../bin/manual.ts';
import { offsite } from '../fixtures/cli.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-shell-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fixtures = join(import.meta.dirname, '..', 'fixtures');

/** Where its answers come from: a program that reads lines and says what it offers for each. */
const askers: Record<keyof typeof shells, (script: string) => [string, ...string[]]> = {
  bash: (script) => ['bash', '--norc', join(fixtures, 'shells.bash'), script],
  zsh: () => ['zsh', '-f', join(fixtures, 'shells.zsh'), folder],
  fish: (script) => [
    'fish',
    '--no-config',
    '-c',
    `source ${script}; while read -l query; echo "? $query"; complete -C $query; end`,
  ],
};

async function ask(shell: keyof typeof shells, queries: readonly string[]): Promise<Map<string, string[]>> {
  const script = join(folder, shell === 'zsh' ? '_offsite' : `offsite.${shell}`);
  writeFileSync(script, shells[shell](program));
  const [file, ...args] = askers[shell](script);
  const cwd = join(folder, 'here');
  const input = `${queries.join('\n')}\n`;
  const { stdout, stderr } = await execa(file, args, { cwd, input, env: { HOME: folder } });
  expect(stderr).toBe('');
  const answers = stdout.replaceAll('\r', '').split(/^\? /m).slice(1);
  return new Map(
    answers.map((answer) => {
      const [query = '', ...offers] = answer.trimEnd().split('\n');
      // What they are for stands behind a tab.
      return [query.trimEnd(), [...new Set(offers.map((one) => one.replace(/\/?(\t.*)?$/, '')))].sort()];
    }),
  );
}

const commands = program.createHelp().visibleCommands(program);
const flagsOf = (command: (typeof commands)[number]) => command.createHelp().visibleOptions(command);

/** What is to be offered for a line, by the declarations. */
const declared = new Map<string, readonly (string | undefined)[]>([
  ['offsite', commands.map((command) => command.name())],
  ...commands.flatMap((command) => [
    [`offsite ${command.name()} --`, flagsOf(command).map(({ long }) => long)] as const,
    ...flagsOf(command).flatMap(({ long, argChoices }) =>
      argChoices ? [[`offsite ${command.name()} ${long}`, argChoices] as const] : [],
    ),
  ]),
]);

/** What is beyond the declarations. */
const sensible: [string, string[]][] = [
  ['offsite back', ['backup']],
  ['offsite list --provider c', ['ceph']],
  ['offsite list --config', ['a folder', 'lists.json']],
  ['offsite kit -o', ['a folder']],
  ['offsite verify', ['a folder', 'latest', 'lists.json']],
  ['offsite fetch', ['latest']],
  ['offsite backup --url', []],
  ['offsite sidecar ver', ['verify']],
  ['offsite help un', ['undo', 'uninstall']],
];

describe.each(['bash', 'zsh', 'fish'] as const)('%s', (shell) => {
  if (!hasProgram(shell)) console.warn(`SKIPPED: there is no ${shell}, so nobody reads its completions`);
  beforeAll(() => {
    mkdirSync(join(folder, 'here/a folder'), { recursive: true });
    writeFileSync(join(folder, 'here/lists.json'), '');
  });

  it.skipIf(!hasProgram(shell))(
    'offers every command, flag and choice, and files where one is meant',
    async () => {
      const wanted = [...declared, ...sensible];
      const queries = wanted.map(([query]) => (/ (--|back|c|ver|un)$/.test(query) ? query : `${query} `));
      const answers = await ask(shell, queries);
      for (const [query, offers] of wanted) {
        const found = answers.get(query)?.map((one) => one.replaceAll('\\', ''));
        // Bash alone offers the program's own flags among the commands.
        expect([query, found?.filter((one) => query !== 'offsite' || !one.startsWith('-'))]).toEqual([
          query,
          [...offers].sort(),
        ]);
      }
    },
  );
});

it('the command prints them, and says which shells there are', async () => {
  expect((await offsite(['completion', 'fish'], {})).stdout).toBe(shells.fish(program).trimEnd());
  const { exitCode, stderr } = await offsite(['completion', 'csh'], {});
  expect(exitCode).toBe(2);
  expect(stderr).toContain('bash, zsh, fish');
});

describe('offsite(1)', () => {
  const page = join(folder, 'offsite.1');
  beforeAll(() => writeFileSync(page, manualText(program, '2026-11-30')));

  it.skipIf(!hasProgram('man'))('has each command and flag, and of the shared ones one', async () => {
    const { stdout } = await execa('man', ['-l', page], { env: { MANWIDTH: '200', LC_ALL: 'C.UTF-8' } });
    for (const command of commands.filter((one) => one.name() !== 'help')) {
      expect(stdout).toMatch(new RegExp(`^ +offsite ${command.name()}\\b`, 'm'));
      for (const { flags, long } of flagsOf(command))
        if (long !== '--help')
          expect(stdout).toMatch(new RegExp(`^ +${flags.replace(/[[\].]/g, '\\$&')}`, 'm'));
    }
    expect(stdout.match(/^ +--bucket <name>/gm)).toHaveLength(1);
    expect(stdout).toContain('offsite wal archive-command --dir /wal');
    expect(stdout).toContain('Exit codes: 0 done;');
  });

  it.each([
    ['groff', ['-man', '-ww', '-z', '-Tutf8']],
    ['mandoc', ['-Tlint', '-Wwarning']],
  ])('%s finds nothing amiss', async (program, flags) => {
    if (!hasProgram(program)) return console.warn(`SKIPPED: there is no ${program}`);
    const { all } = await execa(program, [...flags, page], { all: true, reject: false });
    expect(all).toBe('');
  });
});
