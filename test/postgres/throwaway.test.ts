import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { asleep, until, untilAsleep, untilRuns } from '../fixtures/events.ts';
import { commandLines } from '../fixtures/postgres.ts';

describe('startThrowawayPostgres', () => {
  // A temporary directory of our own shows what is left behind.
  let own: string;
  const before = process.env.TMPDIR;
  const path = process.env.PATH;
  // The real initdb, not the suite's quick one.
  beforeAll(() => {
    process.env.PATH = path
      ?.split(delimiter)
      .filter((bin) => !bin.startsWith(tmpdir()))
      .join(delimiter);
  });
  afterAll(() => {
    process.env.PATH = path;
  });
  beforeEach(async () => {
    own = await mkdtemp(join(tmpdir(), 'offsite-test-'));
    await chmod(own, 0o755);
    process.env.TMPDIR = own;
  });
  afterEach(async () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    await rm(own, { recursive: true });
  });

  function serversHere(): string[] {
    return commandLines().filter((line) => line.includes(own));
  }

  it('serves on loopback with a password, byte order and Unicode letters, and is gone without a trace', async () => {
    const server = await startThrowawayPostgres({ tuned: true });
    const locale = 'SELECT datcollate, datctype FROM pg_database WHERE datname = current_database()';
    expect(await query(server.connection, locale)).toEqual([['C', 'C.UTF-8']]);
    const settings = ['server_encoding', 'listen_addresses', 'fsync', 'wal_level'];
    const rows = await query(server.connection, settings.map((name) => `SHOW ${name};`).join(' '));
    expect(rows.flat()).toEqual(['UTF8', '127.0.0.1', 'off', 'minimal']);
    expect(await query(server.connection, `SELECT lower('Ä')`)).toEqual([['ä']]);
    const { PGPASSWORD: _, ...withoutPassword } = server.connection.env;
    await expect(query({ via: 'server', env: withoutPassword }, 'SELECT 1')).rejects.toMatchObject({
      code: 'DATABASE_REFUSED',
    });
    expect(serversHere().length).toBeGreaterThan(0);
    expect(serversHere().filter((line) => line.includes(server.connection.env.PGPASSWORD as string))).toEqual(
      [],
    );

    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(existsSync(server.directory)).toBe(false);
    expect(await readdir(own)).toEqual([]);
    expect(serversHere()).toEqual([]);
    await expect(connect(server.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('stops at once with a query under way', async () => {
    const server = await startThrowawayPostgres();
    const sleeping = query(server.connection, asleep).catch((error) => error);
    await untilAsleep(server.connection);
    await server.stop();
    expect(await sleeping).toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    expect(await readdir(own)).toEqual([]);
  });

  it('starts several at a time', async () => {
    const servers = await Promise.all([startThrowawayPostgres(), startThrowawayPostgres()]);
    expect(servers[0].port).not.toBe(servers[1].port);
    await Promise.all(servers.map((server) => server.stop()));
    expect(await readdir(own)).toEqual([]);
  });

  it('says what the server said when it does not start, and leaves nothing', async () => {
    const error = await startThrowawayPostgres({ settings: { shared_buffers: 'lots' } }).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'SERVER_FAILED',
      found: expect.stringContaining('invalid value for parameter "shared_buffers": "lots"'),
    });
    expect(await readdir(own)).toEqual([]);
    expect(serversHere()).toEqual([]);
  });

  it('leaves nothing when it is interrupted while starting', async () => {
    for (const program of ['initdb', 'postgres']) {
      const controller = new AbortController();
      const starting = startThrowawayPostgres({ signal: controller.signal }).catch((error) => error);
      await untilRuns(new RegExp(`/${program} .*${own}`));
      controller.abort();
      expect(await starting).toBeInstanceOf(Error);
      expect(await readdir(own)).toEqual([]);
      expect(serversHere()).toEqual([]);
    }
  });

  it('goes with its data where whoever started it is killed, as for want of memory', async () => {
    const program = `
      import { startThrowawayPostgres } from ${JSON.stringify(join(import.meta.dirname, '../../lib/postgres/throwaway.ts'))};
      await startThrowawayPostgres({ tuned: true });
      process.kill(process.pid, 'SIGKILL');
    `;
    const { signal } = await execa(process.execPath, ['--input-type=module', '-e', program], {
      reject: false,
    });
    expect(signal).toBe('SIGKILL');
    await until('it is gone', async () => serversHere().length === 0 && (await readdir(own)).length === 0);
  });
});

function connect(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve();
    }).once('error', reject);
  });
}
