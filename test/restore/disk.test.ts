// The disk of the server, as small as it takes: looked at beforehand, to the megabyte; and full in the middle. A real one, of
// memory, which only root can make.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../lib/postgres/connection.ts';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { type InPlaceOptions, restoreInPlace } from '../../lib/restore/in-place.ts';
import { databasesOf, inPieces } from '../fixtures/postgres.ts';

const mib = 1024 ** 2;
const disk = mkdtempSync(join(tmpdir(), 'offsite-disk-'));
const isMounted = mounts();
if (!isMounted) console.warn('SKIPPED: only root makes a small disk, where the kernel lets it');

function mounts(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=110m', 'tmpfs', disk], { stdio: 'ignore' });
    chmodSync(disk, 0o755);
    return true;
  } catch {
    rmSync(disk, { recursive: true });
    return false;
  }
}

describe.skipIf(!isMounted)('a small disk', () => {
  let server: ThrowawayPostgres;
  const small = Buffer.from('CREATE TABLE public.torrents (id int);\n');
  const inLive = { database: 'live' };

  beforeAll(async () => {
    const { TMPDIR } = process.env;
    process.env.TMPDIR = disk;
    server = await startThrowawayPostgres({ tuned: true, settings: { max_wal_size: '32MB' } });
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    await query(server.connection, 'CREATE DATABASE live');
    await query(server.connection, 'CREATE TABLE torrents AS SELECT 7 AS id', inLive);
  });
  afterAll(async () => {
    await server?.stop();
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true, force: true });
  });

  const restoring = (options: Partial<InPlaceOptions>) =>
    restoreInPlace({
      connection: server.connection as Connection,
      database: 'live',
      placing: { how: 'swap' },
      dump: () => inPieces(small),
      jobs: 2,
      warn: () => undefined,
      ...options,
    });
  const freeBytes = async () => {
    const { bavail, bsize } = await statfs(disk);
    return bavail * bsize;
  };
  const untouched = async () => {
    expect(await databasesOf(server.connection)).toEqual(['live', 'postgres']);
    expect(await query(server.connection, 'SELECT id FROM torrents', inLive)).toEqual([['7']]);
  };

  it.each([
    ['swap', {}, /--replace/],
    ['beside', { placing: { how: 'beside' } }, /a server with a larger disk/],
  ] as const)(
    'that is a megabyte too small is refused before anything is made: %s',
    async (_, options, hint) => {
      const plainBytes = ((await freeBytes()) + mib) / 1.2;
      await expect(restoring({ plainBytes, ...options })).rejects.toMatchObject({
        code: 'RESTORE_DISK_FULL',
        hint: expect.stringMatching(hint),
      });
      await untouched();
    },
  );

  it('counts what is dropped first', async () => {
    const [size] = await query(server.connection, "SELECT pg_database_size('live')");
    const room = (await freeBytes()) + Number(size?.[0]);
    const replace = { placing: { how: 'replace' } } as const;
    await expect(restoring({ plainBytes: (room + mib) / 1.2, ...replace })).rejects.toMatchObject({
      code: 'RESTORE_DISK_FULL',
    });
    await untouched();
    await restoring({ plainBytes: (room - mib) / 1.2, ...replace });
    expect(await query(server.connection, 'SELECT count(*) FROM torrents', inLive)).toEqual([['0']]);
    await query(server.connection, 'INSERT INTO torrents VALUES (7)', inLive);
  });

  it('that is a megabyte larger than it must be is tried', async () => {
    const { before = '' } = await restoring({ plainBytes: ((await freeBytes()) - mib) / 1.2 });
    expect(await query(server.connection, 'SELECT id FROM torrents', { database: before })).toEqual([['7']]);
    await query(server.connection, `DROP DATABASE live`);
    await query(server.connection, `ALTER DATABASE ${before} RENAME TO live`);
  });

  it.each([
    ['several sessions', 2],
    ['one psql', undefined],
  ])(
    'that is full in the middle of the rows leaves what was there, and nothing else: by %s',
    async (_, jobs) => {
      // Of a table without a log: a server whose log has no room ends.
      async function* rows() {
        yield Buffer.from('CREATE UNLOGGED TABLE public.big (id text);\nCOPY public.big (id) FROM stdin;\n');
        const row = Buffer.from(`${'x'.repeat(1000)}\n`.repeat(1000));
        for (let sent = 0; sent < 120; sent += 1) yield row;
        yield Buffer.from('\\.\n');
      }
      await expect(restoring({ dump: rows, jobs })).rejects.toMatchObject({
        code: 'RESTORE_DISK_FULL',
        found: expect.stringMatching(/could not extend file/),
        hint: expect.stringMatching(/make room there/),
      });
      await untouched();
      expect(await freeBytes()).toBeGreaterThan(8 * mib);
      // What would have ended all that the server was doing.
      expect(server.log()).not.toMatch(/PANIC/);
    },
  );
});
