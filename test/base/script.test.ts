// The scripts that package.json names say what they do, and take no option that they do not know.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const root = join(import.meta.dirname, '..', '..');
/** What they run by Node, but for what is vitest's. */
const programs = Object.entries(manifest.scripts).flatMap(([name, script]) => {
  const [, program] = /^bin\/run (\S+\.ts)$/.exec(script) ?? [];
  return program === undefined ? [] : [[name, program] as const];
});
const run = (program: string, ...args: string[]) =>
  execa(process.execPath, [program, ...args], { cwd: root, reject: false });

it.each(programs)('npm run %s reads its options as all do', (name, program) => {
  const source = readFileSync(join(root, program), 'utf8');
  expect(source).toMatch(new RegExp(`\\bscript\\(\\s*'npm run ${name}',`));
  expect(source).toContain('optionsOf');
});

it('says what it does', async () => {
  const help = await run('bin/build.ts', '--help');
  expect(help).toMatchObject({ exitCode: 0, stderr: '' });
  expect(help.stdout).toMatch(/^Usage: npm run build -- \[options\]\n\nMakes /);
});

it('says what it does not know, and what it knows', async () => {
  const wrong = await run('test/bench/bench.ts', '--bogus', '5');
  expect(wrong).toMatchObject({ exitCode: 2, stdout: '' });
  expect(wrong.stderr).toMatch(/^offsite: .* \[USAGE\]\n {2}expected {2}--torrents <n>, .*, --help\n/);
  expect(wrong.stderr).toMatch(
    /\n {2}found {5}unknown option '--bogus'\n {2}hint {6}npm run bench -- --help$/,
  );
});
