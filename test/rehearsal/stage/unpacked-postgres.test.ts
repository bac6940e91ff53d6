// The packages of this machine's distribution, for real, as for a machine that has none of them.

import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { query } from '../../../lib/postgres/programs.ts';
import { startThrowawayPostgres } from '../../../lib/postgres/throwaway.ts';
import {
  unpackedFolder,
  unpackedPrograms,
  unpackPostgres,
  wantedOf,
} from '../../../lib/rehearsal/stage/unpacked-postgres.ts';

test('wanted are programs and their libraries, and nothing that is here already', () => {
  const plan = [
    'Inst libpq5 (15.18-0+deb12u1 Debian:12.11/oldstable [amd64])',
    'Inst libc6 [2.36-9] (2.36-10 Debian:12.11/oldstable [amd64])',
    'Inst libllvm14 (1:14.0.6-12 Debian:12.11/oldstable [amd64])',
    'Inst libjson-perl (4.10000-1 Debian:12.11/oldstable [all])',
    'Inst ssl-cert (1.1.2 Debian:12.11/oldstable [all])',
    'Inst postgresql-client-15 (15.18-0+deb12u1 Debian:12.11/oldstable [amd64])',
    'Inst postgresql-15 (15.18-0+deb12u1 Debian:12.11/oldstable [amd64])',
    'Inst postgresql (15+248 Debian:12.11/oldstable [all])',
    'Conf postgresql-15 (15.18-0+deb12u1 Debian:12.11/oldstable [amd64])',
  ].join('\n');
  expect(wantedOf(plan)).toEqual(['libpq5', 'postgresql-client-15', 'postgresql-15']);
});

const there =
  (await unpackedFolder()) !== undefined &&
  !(await execa('apt-get', ['download', '--print-uris', 'postgresql'], { reject: false })).failed;
if (!there) console.warn('skipped: unpacking PostgreSQL, as apt-get knows no package of it here');

describe.skipIf(!there)('PostgreSQL, unpacked', () => {
  let own: string;
  let folder: string;
  let before: string;
  /** What is installed, and which clusters there are. */
  const installed = async () =>
    JSON.stringify([
      (await execa('dpkg-query', ['--show'])).stdout,
      await readdir('/var/lib/postgresql').catch(() => []),
      await readdir('/etc/postgresql').catch(() => []),
      await readdir('/var/lib/apt/lists'),
      await readdir('/var/cache/apt/archives'),
    ]);

  beforeAll(async () => {
    own = await mkdtemp(join(tmpdir(), 'offsite-unpacked-'));
    await chmod(own, 0o755);
    folder = join(own, 'postgresql');
    const status = join(own, 'status');
    const stanzas = (await readFile('/var/lib/dpkg/status', 'utf8')).split('\n\n');
    const others = /^Package: (postgresql|libpq5)|^(Pre-)?Depends:.*(postgresql|libpq5)/m;
    await writeFile(status, stanzas.filter((stanza) => !others.test(stanza)).join('\n\n'));
    before = await installed();
    await unpackPostgres(folder, { status });
  });
  afterAll(async () => {
    await rm(own, { recursive: true, force: true });
  });

  it('serves and is spoken to by its own programs', async () => {
    const binDir = await unpackedPrograms(folder);
    expect(binDir).toBe(join(folder, 'bin'));
    const server = await startThrowawayPostgres({ binDir, tuned: true });
    try {
      const [[programs, version]] = (await query(
        server.connection,
        "SELECT setting, version() FROM pg_config WHERE name = 'BINDIR'",
        { binDir },
      )) as [[string, string]];
      expect(programs).toContain(join(folder, 'root'));
      expect(version).toMatch(/^PostgreSQL \d+/);
      const dumped = await execa(join(folder, 'bin/pg_dump'), ['--version']);
      expect(dumped.stdout).toMatch(/^pg_dump/);
    } finally {
      await server.stop();
    }
  });

  it('changed nothing outside of its folder, and holds nothing but what runs', async () => {
    expect(await installed()).toBe(before);
    expect((await readdir(folder)).sort()).toEqual(['bin', 'root']);
    expect((await readdir(own)).sort()).toEqual(['postgresql', 'status']);
  });

  it('leaves nothing behind when apt fails, nor when it is interrupted', async () => {
    const other = join(own, 'other');
    const broken = join(own, 'status');
    await writeFile(broken, 'no stanza at all\n');
    await expect(unpackPostgres(other, { status: broken })).rejects.toThrow(/status|package/);
    await expect(unpackPostgres(other, { signal: AbortSignal.abort() })).rejects.toThrow();
    expect(existsSync(other)).toBe(false);
    expect((await readdir(own)).filter((name) => name.startsWith('other'))).toEqual([]);
  });
});
