import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder } from '../../lib/base/make-folder.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-folder-'));
afterAll(() => rmSync(home, { recursive: true }));

test('makes a folder and those above it, for its owner alone where it is told to; and again, without a word', async () => {
  const folder = join(home, 'a', 'b', 'c');
  for (let times = 0; times < 2; times += 1) await makeFolder(folder, 0o700);
  for (const made of [folder, join(home, 'a')]) expect(statSync(made).mode & 0o777).toBe(0o700);
});

test('ends, and says why, where none can be made', async () => {
  const file = join(home, 'file');
  writeFileSync(file, '');
  await expect(makeFolder(file)).rejects.toThrow('EEXIST');
  await expect(makeFolder(join(file, 'below'))).rejects.toThrow('ENOTDIR');
  // Node's own recursive mkdir goes round in circles here.
  await expect(makeFolder('/proc/nope/below')).rejects.toThrow('ENOENT');
});
