// What the closing line counts, of real runs of small test files.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, expect, it } from 'vitest';
import { projectRoot } from './fixtures/cdk.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-closing-'));
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function closingOf(
  name: string,
  source: string,
): Promise<{ line: string; said: string; exitCode: unknown }> {
  const file = join(folder, `${name}.test.ts`);
  const use = `import { afterAll, beforeAll, describe, expect, it } from 'vitest';\n`;
  writeFileSync(file, use + source);
  const reporter = join(import.meta.dirname, 'closing-line.ts');
  const args = ['run', '--root', folder, `--reporter=${reporter}`, file];
  // By this Node: the PATH's may be too old for it.
  const vitest = join(projectRoot, 'node_modules/vitest/vitest.mjs');
  const { stdout, exitCode } = await execa(process.execPath, [vitest, ...args], {
    cwd: folder,
    reject: false,
  });
  return { line: stdout.trim().split('\n').at(-1) ?? '', said: stdout, exitCode };
}

/** The text of a suite that is run by these tests; that one of its tests is skipped is what has to be counted. */
const tests = `it('one', () => {}); it('two', () => {}); it.skip('three', () => {});`;

it.each([
  ['all pass', tests, '2 passed, 0 failed, 1 skipped'],
  ['one fails', `${tests} it('four', () => expect(1).toBe(2));`, '2 passed, 1 failed, 1 skipped'],
  [
    'one is skipped while it runs',
    `${tests} it('four', ({ skip }) => skip('not here'));`,
    '2 passed, 0 failed, 2 skipped',
  ],
  ['the file cannot be loaded', `import './nowhere.ts';\n${tests}`, '0 passed, 1 failed'],
  [
    'beforeAll fails',
    `beforeAll(() => { throw new Error('x'); }); ${tests}`,
    '0 passed, 2 failed, 1 skipped',
  ],
  [
    'beforeAll of a suite fails',
    `${tests} describe('in', () => { beforeAll(() => { throw new Error('x'); }); describe('deep', () => { ${tests} }); });`,
    '2 passed, 2 failed, 2 skipped',
  ],
  ['afterAll fails', `afterAll(() => { throw new Error('x'); }); ${tests}`, '2 passed, 1 failed, 1 skipped'],
  ['a promise is forgotten', `${tests} Promise.reject(new Error('x'));`, '2 passed, 1 failed, 1 skipped'],
])('counts where %s', async (name, source, line) => {
  const closing = await closingOf(name.replaceAll(' ', '-'), source);
  expect(closing.line, closing.said).toBe(line);
  expect(closing.exitCode).toBe(/ 0 failed/.test(line) ? 0 : 1);
});
