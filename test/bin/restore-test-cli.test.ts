// offsite restore-test on the operator's machine: with a server of this machine's programs, and in a real container.

import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRestoreReport } from '../../lib/core/restore-report.ts';
import { createS3Store } from '../../lib/io/s3-store.ts';
import { startThrowawayPostgres } from '../../lib/io/throwaway-postgres.ts';
import { loadCorpus } from '../../lib/rehearsal/load-corpus.ts';
import type { LocalAws } from '../../lib/rehearsal/local-aws.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { keysIn, offsite } from '../fixtures/cli.ts';
import { canRunDocker, type DockerEngine, startDockerEngine } from '../fixtures/docker-engine.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { commandLines, corpus, dumpOf } from '../fixtures/postgres.ts';

let aws: LocalAws;
let env: Record<string, string>;
let folder: string;
let temporary: string;
let id: string;

beforeAll(async () => {
  aws = await startLocalAws();
  folder = await mkdtemp(join(tmpdir(), 'offsite-cli-'));
  temporary = await mkdtemp(join(tmpdir(), 'offsite-own-'));
  // Where the server is not root but somebody else, it must get in.
  await chmod(temporary, 0o755);
  env = { ...aws.env, OFFSITE_BUCKET: aws.bucket, TMPDIR: temporary };
  const origin = await startThrowawayPostgres({ tuned: true });
  try {
    const dump = await dumpOf(await loadCorpus(origin.connection, corpus));
    ({ id } = await storeArchive(createS3Store({ bucket: aws.bucket }), { dump }));
  } finally {
    await origin.stop();
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rm(temporary, { recursive: true });
  await aws.stop();
});

async function written(output: string) {
  const names = await readdir(output);
  expect(names).toEqual([`${id}.restore-test.json`]);
  return parseRestoreReport(await readFile(join(output, names[0] as string), 'utf8'));
}

describe('offsite restore-test', () => {
  it('restores, compares, checks, and writes the report where it was told to, and nowhere else', async () => {
    const output = join(folder, 'passed');
    const before = await keysIn(aws.endpoint, aws.bucket, '');
    const { exitCode, stdout, stderr } = await offsite(['restore-test', '-o', output], env);
    expect(exitCode, stderr).toBe(0);
    expect(await written(output)).toMatchObject({ outcome: 'passed', torrents: 2012 });
    expect(stdout).toContain(`${id} can be restored, 2,012 torrents\n`);
    expect(stdout).toMatch(/26 tables compared, 0 differences/);
    expect(stdout).toMatch(/pass {2}search_through_gin: by torrent_contents_/);
    expect(stdout.split('\n').filter((line) => line.length > 80 && !line.includes(folder))).toEqual([]);
    expect(await keysIn(aws.endpoint, aws.bucket, '')).toEqual(before);
    expect(await aws.mails()).toEqual([]);
    expect(commandLines().filter((line) => line.includes(temporary))).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('asks the operator’s own questions, in place of shipped ones of the same name', async () => {
    const output = join(folder, 'own');
    const checks = join(folder, 'own.sql');
    await writeFile(
      checks,
      `-- check: freshness\nSELECT true, 'never mind';\n-- check: a_million, warns\nSELECT count(*) > 1e6, count(*)::text FROM torrents;\n-- check: no_such\nSELECT nothing FROM nowhere;\n`,
    );
    const { exitCode, stdout } = await offsite(['restore-test', id, '-o', output, '--checks', checks], env);
    expect(exitCode).toBe(7);
    const report = await written(output);
    expect(report).toMatchObject({ outcome: 'failed', failure: { code: 'RESTORE_CHECK_FAILED' } });
    expect(report?.checks.filter(({ origin }) => origin === 'own')).toMatchObject([
      { name: 'freshness', outcome: 'pass', detail: 'never mind' },
      { name: 'a_million', outcome: 'warn', detail: '2012' },
      {
        name: 'no_such',
        outcome: 'fail',
        detail: expect.stringContaining('relation "nowhere" does not exist'),
      },
    ]);
    expect(report?.checks.filter(({ name }) => name === 'freshness')).toHaveLength(1);
    expect(stdout).toContain('the restored database fails no_such [RESTORE_CHECK_FAILED]');
  });

  it('prints the shipped checks, which it reads again', async () => {
    const { stdout, exitCode } = await offsite(['restore-test', '--print-checks'], {});
    expect(exitCode).toBe(0);
    expect(stdout).toContain('-- check: torrents_count\n');
  });

  it('says what it cannot use', async () => {
    const missing = await offsite(['restore-test', id, '--checks', '/nowhere'], env);
    expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('/nowhere')]);
    const none = await offsite(['restore-test', 'bitagent-2020-01-01-000000Z'], env);
    expect([none.exitCode, none.stderr]).toEqual([6, expect.stringContaining('ARCHIVE_MISSING')]);
  });
});

if (!canRunDocker)
  console.warn('SKIPPED: no dockerd that this user may start, so restore-test --docker is not tried');

describe.skipIf(!canRunDocker)('offsite restore-test --docker', () => {
  let docker: DockerEngine;
  beforeAll(async () => {
    docker = await startDockerEngine();
  });
  afterAll(() => docker?.stop());

  it('restores in a container without network, and leaves none', async () => {
    const output = join(folder, 'docker');
    const args = ['restore-test', id, '-o', output, '--docker', 'offsite-postgres'];
    const { exitCode, stdout, stderr } = await offsite(args, { ...env, ...docker.env });
    expect(exitCode, stderr + stdout).toBe(0);
    expect(await written(output)).toMatchObject({ outcome: 'passed', torrents: 2012 });
    expect(await docker.docker('ps', '-aq')).toBe('');
  });

  it('says when there is no such image', async () => {
    const args = ['restore-test', id, '-o', join(folder, 'none'), '--docker', 'no-such-image:1'];
    const { exitCode, stdout } = await offsite(args, { ...env, ...docker.env });
    expect(exitCode).toBe(7);
    expect(stdout).toContain('CONTAINER_UNREACHABLE');
  });
});
