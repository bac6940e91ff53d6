// A server whose clock was wrong for a while: what its log has twice is no point, and is told as that.

import { existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampled } from '../../lib/recovery-point/set-back.ts';
import { storeEnvironment } from '../fixtures/agent.ts';
import { offsite } from '../fixtures/cli.ts';
import { type ArchivingCluster, startArchivingCluster } from '../fixtures/cluster.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

it('is looked for closely behind the point, more seldom further on, and at the end of the log', () => {
  const places = (count: number) => sampled(Array.from({ length: count }, (_, at) => at));
  expect([0, 1, 2, 3].map(places)).toEqual([[], [0], [0, 1], [0, 1, 2]]);
  expect(places(30)).toEqual([0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 29]);
  expect(places(100_000).length).toBeLessThan(40);
});

const [library = ''] = globSync('/usr/lib/*/faketime/libfaketime.so.1');

describe.skipIf(!existsSync(library))('a recovery to a time', () => {
  let folder: string;
  let stub: S3Stub;
  let cluster: ArchivingCluster;
  let env: Record<string, string>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'offsite-clock-'));
    await chmod(folder, 0o755);
    setClock('+0');
    const faked = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: clock(),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    Object.assign(process.env, faked);
    [stub, cluster] = await Promise.all([startS3Stub(), startArchivingCluster()]).finally(() => {
      for (const name of Object.keys(faked)) delete process.env[name];
    });
    env = { ...storeEnvironment(stub), ...cluster.connection.env };
  });
  afterAll(async () => {
    await Promise.all([stub?.stop(), cluster?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const clock = () => join(folder, 'clock');
  const setClock = (offset: string) => writeFileSync(clock(), offset, { mode: 0o644 });
  const commit = async (n: number) => {
    const [[at = ''] = []] = await cluster.sql(
      `INSERT INTO ledger VALUES (${n}); SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
    );
    return at;
  };

  it('that the clock has shown twice fails, and says where the other is', async () => {
    await cluster.sql('CREATE TABLE ledger (n int)');
    expect(await offsite(['basebackup', '--quiet'], env)).toMatchObject({ exitCode: 0, stderr: '' });
    const before = await commit(1);
    await cluster.switchWal();
    setClock('+1h');
    await commit(2);
    await cluster.switchWal();
    setClock('+0');
    const behind = await commit(3);
    await cluster.switchWal();
    // What is later than all of it has to be there.
    setClock('+2h');
    await commit(4);
    await cluster.switchWal();
    expect(await offsite(['wal', 'ship', '--dir', cluster.walFolder], env)).toMatchObject({ exitCode: 0 });
    const restore = (name: string, time: string) =>
      offsite(['restore', '--quiet', '--to-time', time, '--data-directory', join(folder, name)], env);
    const twice = await restore('twice', behind);
    expect(twice).toMatchObject({ exitCode: 7, stdout: '' });
    expect(twice.stderr).toMatch(/clock was set back.*--to-lsn/s);
    expect(await restore('once', before)).toMatchObject({ exitCode: 0 });
  });
});
