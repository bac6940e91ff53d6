// A restore test that runs out of something says what it was.

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertDiskHolds, restoreTimeLimitMs } from '../../lib/cost/task-size.ts';
import { ask } from '../../lib/postgres/session.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { tryRestore } from '../../lib/restore-test/restore-test.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { neverEnding, untilAsleep } from '../fixtures/events.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { corpusDump } from '../fixtures/postgres.ts';

let aws: LocalAws;
let store: ArchiveStore;
let dump: Buffer;
let minute = 15;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  dump = await corpusDump();
});
afterAll(() => aws.stop());

async function tried(bytes: Buffer, startServer: () => Promise<ThrowawayPostgres>) {
  minute += 1;
  const { id } = await storeArchive(store, {
    dump: bytes,
    takenAt: new Date(Date.UTC(2026, 10, 22, 3, minute)),
  });
  return tryRestore({ store, archiveId: id, startServer, now: () => new Date() });
}

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('SKIPPED: only root may mount the small disk that a restore test fills');

describe('a restore test', () => {
  it.skipIf(!isRoot)('on a disk that gets full says so', async () => {
    const small = await mkdtemp(join(tmpdir(), 'offsite-small-'));
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=72m', 'tmpfs', small]);
    const before = process.env.TMPDIR;
    try {
      await chmod(small, 0o755);
      process.env.TMPDIR = small;
      const report = await tried(dump, () => startThrowawayPostgres({ tuned: true }));
      expect(report).toMatchObject({
        outcome: 'failed',
        failure: {
          code: 'RESTORE_DISK_FULL',
          found: expect.stringMatching(/No space left on device|could not extend file/),
        },
      });
      expect(report.resources?.peakDiskBytes).toBeGreaterThan(5e6);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      // A pipe of this process that was made there is used again: its inode lives as long as we do.
      await execa('umount', ['--lazy', small]);
      await rm(small, { recursive: true });
    }
  });

  it('whose server is killed as Linux kills for memory says so', async () => {
    const report = await tried(neverEnding(dump), async () => {
      const server = await startThrowawayPostgres({ tuned: true });
      void killSleeper(server);
      return server;
    });
    expect(report).toMatchObject({
      outcome: 'failed',
      failure: { code: 'RESTORE_OUT_OF_MEMORY', found: expect.stringContaining('signal 9') },
    });
  });

  it('knows beforehand what is too small for certain, and how long is too long', () => {
    const gib = 1024 ** 3;
    expect(() => assertDiskHolds(10 * gib, 11 * gib)).toThrow(
      expect.objectContaining({ code: 'RESTORE_DISK_FULL' }),
    );
    expect(() => assertDiskHolds(10 * gib, 12 * gib)).not.toThrow();
    expect(restoreTimeLimitMs(0)).toBe(3_600_000);
    expect(restoreTimeLimitMs(40 * gib)).toBe(3_600_000 + 10_240_000);
  });
});

async function killSleeper({ connection }: ThrowawayPostgres): Promise<void> {
  await untilAsleep(connection);
  const [row] = await ask(connection, `SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'`);
  process.kill(Number(row?.[0]), 'SIGKILL');
}
