// HOME as cron, containers and service users have it: unset, empty, relative, a file, another user's. The next place is taken,
// and nothing is looked for or written where somebody happens to stand.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, it } from 'vitest';
import { agentStateFile } from '../../lib/settings/agent-state-file.ts';
import { homeFolders, isWritableFolder } from '../../lib/settings/home.ts';
import { bin, storeEnvironment } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-home-'));
const file = join(folder, 'a-file');
writeFileSync(file, '');
const locked = join(folder, 'locked');
afterAll(() => {
  // For who is not root.
  if (existsSync(locked)) chmodSync(locked, 0o700);
  rmSync(folder, { recursive: true, force: true });
});
const { homedir } = userInfo();

describe('home folders', () => {
  it.each([
    ['unset', undefined, [homedir]],
    ['empty', '', [homedir]],
    ['relative', 'here', [homedir]],
    ['a folder', '/srv/ops', ['/srv/ops', homedir]],
    ['that of the password file', homedir, [homedir]],
  ])('HOME %s', (_, HOME, found) => expect(homeFolders({ HOME })).toEqual(found));
});

describe('a folder that may be written', () => {
  it.each([
    ['is there', folder, true],
    ['need not be there yet', join(folder, 'not', 'yet'), true],
    ['is no file', file, false],
    ['is not below a file', join(file, 'below'), false],
    ['is not below a device', '/dev/null/.local/state', false],
  ])('%s', (_, path, writable) => expect(isWritableFolder(path)).toBe(writable));
});

describe('the state', () => {
  it.each(['', 'relative', file, '/dev/null'])('HOME %j: is kept at the next place', (HOME) => {
    const { path } = agentStateFile('bitagent', { HOME });
    expect([join(homedir, '.local/state/offsite/bitagent.json'), '/var/lib/offsite/bitagent.json']).toContain(
      path,
    );
  });
});

describe('a whole back-up', () => {
  it.each<[string, string | undefined]>([
    ['unset', undefined],
    ['empty', ''],
    ['relative', 'here'],
    ['a device', '/dev/null'],
    ['a file', file],
    ['a folder that may not be read', locked],
  ])('HOME %s: is taken, and nothing is written where it stands', async (_, HOME) => {
    const cwd = mkdtempSync(join(folder, 'cwd-'));
    const dump = join(folder, 'dump.sql');
    writeFileSync(dump, smallDump(10));
    mkdirSync(locked, { recursive: true, mode: 0 });
    const stub = await startS3Stub();
    try {
      const { HOME: _HOME, ...env } = storeEnvironment(stub);
      const own = { XDG_STATE_HOME: join(folder, 'state'), ...(HOME !== undefined && { HOME }) };
      const options = { cwd, env: { ...env, ...own }, extendEnv: false, reject: false } as const;
      const { exitCode, stderr } = await execa(bin, ['backup', '--', 'cat', dump], options);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(readdirSync(cwd)).toEqual([]);
      expect(stub.holds()).toBe('archive + manifest');
    } finally {
      await stub.stop();
    }
  });
});
