// What the closing line counts, of real runs of small test files.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectRoot } from './fixtures/cdk.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-closing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The text of a suite that is run by these tests; that one of its tests is skipped is what has to be counted. */
const tests = `it('one', () => {}); it('two', () => {}); it.skip('three', () => {});`;

const suites: [string, string, string][] = [
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
];

/** Run one after the other in one process: the start of vitest takes longer than any of them. */
const runs = `import { startVitest } from 'vitest/node';
const reporters = [${JSON.stringify(join(import.meta.dirname, 'closing-line.ts'))}];
for (let index = 0; index < ${suites.length}; index += 1) {
  process.exitCode = 0;
  const vitest = await startVitest('test', [index + '.test.ts'], { root: '.', watch: false, reporters });
  await vitest.close();
  console.log('exit code ' + process.exitCode);
}
process.exit(0);
`;
let said: string;

beforeAll(async () => {
  const use = `import { afterAll, beforeAll, describe, expect, it } from 'vitest';\n`;
  for (const [index, [, source]] of suites.entries())
    writeFileSync(join(folder, `${index}.test.ts`), use + source);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'runs.js'), runs);
  symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'));
  // By this Node: the PATH's may be too old for it.
  ({ stdout: said } = await execa(process.execPath, ['runs.js'], { cwd: folder, reject: false }));
});

it.each(suites.map(([name, , line], index) => [name, line, index] as const))(
  'counts where %s',
  (_, line, index) => {
    const [closing, exit] = (said.split(/(?<=^exit code .)\n/m)[index] ?? '').split('\n').slice(-2);
    expect(closing, said).toBe(line);
    expect(exit).toBe(`exit code ${/ 0 failed/.test(line) ? 0 : 1}`);
  },
);
