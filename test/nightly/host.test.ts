// Where an installation goes on hosts that this one is not: folders in the place of their roots.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { choosePlace, nightsOfOthers } from '../../lib/nightly/host.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-host-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const path = process.env.PATH;
afterEach(() => {
  process.env.PATH = path;
});

let count = 0;
/** A root with these folders. */
function rootWith(...folders: string[]): string {
  count += 1;
  const root = join(home, String(count));
  for (const folder of ['', ...folders]) mkdirSync(join(root, folder), { recursive: true });
  return root;
}
/** A PATH on which there is a systemctl, or none. */
function withSystemctl(isThere: boolean): void {
  const folder = rootWith();
  if (isThere) writeFileSync(join(folder, 'systemctl'), '#!/bin/sh\n', { mode: 0o755 });
  process.env.PATH = folder;
}
const isRoot = process.getuid?.() === 0;
const chosen = (root: string) => choosePlace({ source: 'bitagent', forUser: false, root }).way;

describe('a host without systemd', () => {
  it.skipIf(!isRoot)('gets a script of cron’s where there is cron, else a Compose service', () => {
    withSystemctl(false);
    expect(chosen(rootWith('etc/systemd/system', 'etc/cron.daily'))).toBe('cron');
    withSystemctl(true);
    expect(chosen(rootWith('etc/cron.daily'))).toBe('cron');
    expect(chosen(rootWith())).toBe('compose');
    expect(chosen(rootWith('etc/systemd/system', 'etc/cron.daily'))).toBe('systemd');
  });

  it.each([false, true])('is told so where systemd is asked for (for a user: %s)', (forUser) => {
    withSystemctl(false);
    const asked = () =>
      choosePlace({
        source: 'bitagent',
        ...(forUser ? {} : { way: 'systemd' as const }),
        forUser,
        root: rootWith(),
      });
    const expected = isRoot || forUser ? { found: 'no systemctl on the PATH' } : { code: 'USAGE' };
    expect(asked).toThrow(expect.objectContaining(expected));
  });
});

it.skipIf(!isRoot)('another user’s timer of the same source is found by who installs for the host', () => {
  withSystemctl(true);
  const units = 'home/anna/.config/systemd/user';
  const root = rootWith(units, 'etc/systemd/system');
  const place = choosePlace({ source: 'bitagent', forUser: false, root });
  expect(nightsOfOthers(root, 'bitagent', place)).toEqual([]);
  const timer = join(root, units, 'offsite.timer');
  writeFileSync(timer, '');
  expect(nightsOfOthers(root, 'bitagent', place)).toEqual([timer]);
  expect(nightsOfOthers(root, 'attic', place)).toEqual([]);
});
