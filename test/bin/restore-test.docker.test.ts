// The restore test's image, built from its Dockerfile as it stands and run by a real engine as Fargate would run it.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchiveId, archiveKeys } from '../../lib/core/archive.ts';
import { environmentNames } from '../../lib/core/deployment.ts';
import { parseRestoreReport, type RestoreReport } from '../../lib/core/restore-report.ts';
import type { ArchiveStore } from '../../lib/io/archive-store.ts';
import { createS3Store } from '../../lib/io/s3-store.ts';
import { startThrowawayPostgres } from '../../lib/io/throwaway-postgres.ts';
import { loadCorpus } from '../../lib/rehearsal/load-corpus.ts';
import type { LocalAws } from '../../lib/rehearsal/local-aws.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { buildImage, canMakeDebian, makeDebian, makeNode, makePostgres } from '../fixtures/base-images.ts';
import { canRunDocker, type DockerEngine, startDockerEngine } from '../fixtures/docker-engine.ts';
import { runTask, type Task } from '../fixtures/fargate.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { corpus, corpusTorrents, dumpOf } from '../fixtures/postgres.ts';

const root = join(import.meta.dirname, '..', '..');
const canBuild = canRunDocker && canMakeDebian;
if (!canBuild)
  console.warn(
    'SKIPPED: no dockerd that this user may start, or no debootstrap, so the restore test’s image is not built',
  );

/** The archive's own major version, and a newer one. */
const image = { 15: 'restore-test:15', 17: 'restore-test:17' } as const;
const container = 'postgres-17';

let docker: DockerEngine;
let aws: LocalAws;
let store: ArchiveStore;
let dump: Buffer;
let newerDump: Buffer;
let minute = 0;

/** Two Debians at a time: each waits for the network and for dpkg by turns. */
async function makeImages(engine: Pick<DockerEngine, 'home' | 'env'>): Promise<void> {
  const bookworm = makeDebian(engine, 'bookworm').then(() =>
    Promise.all([makePostgres(engine, 'bookworm', 15), makeNode(engine)]),
  );
  const trixie = makeDebian(engine, 'trixie').then(() => makePostgres(engine, 'trixie', 17));
  await bookworm;
  await buildRestoreTest(engine, 15);
  await trixie;
  await buildRestoreTest(engine, 17);
}

async function buildRestoreTest(engine: Pick<DockerEngine, 'home' | 'env'>, major: 15 | 17): Promise<void> {
  const args = ['--build-arg', `POSTGRES_MAJOR=${major}`];
  const file = join(root, 'bin/restore-test.Dockerfile');
  await buildImage(engine, { tag: image[major], file, context: root, args });
}

describe.skipIf(!canBuild)('the image of the restore test', () => {
  beforeAll(async () => {
    docker = await startDockerEngine(makeImages);
    process.env.DOCKER_HOST = docker.env.DOCKER_HOST;
    aws = await startLocalAws();
    store = createS3Store({ bucket: aws.bucket });
    const origin = await startThrowawayPostgres({ tuned: true });
    try {
      dump = await dumpOf(await loadCorpus(origin.connection, corpus));
    } finally {
      await origin.stop();
    }
    await docker.startPostgres(container, 'postgres:17-bookworm');
    const server = { via: 'container', container, user: 'bitmagnet', database: 'postgres' } as const;
    newerDump = await dumpOf(await loadCorpus(server, corpus));
  }, 600_000);
  afterAll(async () => {
    await aws?.stop();
    await docker?.stop();
  });

  function archived(bytes: Buffer): Promise<ArchiveId> {
    minute += 10;
    return storeArchive(store, { dump: bytes, takenAt: new Date(Date.UTC(2026, 10, 22, 3, minute)) });
  }

  function run(id: ArchiveId, task: Partial<Task> = {}) {
    const env = {
      ...aws.env,
      [environmentNames.bucket]: aws.bucket,
      [environmentNames.topicArn]: aws.topicArn,
      [environmentNames.archiveId]: id.id,
    };
    return runTask(docker, { image: image[15], env, ...task });
  }

  /** Runs a program of the image, as the task would. */
  async function inside(...program: [string, ...string[]]): Promise<string> {
    return (await runTask(docker, { image: image[15], program })).said;
  }

  async function storedOf(id: ArchiveId): Promise<{ report: RestoreReport | undefined; keys: string[] }> {
    const keys: string[] = [];
    for await (const { key } of store.list(archiveKeys(id).reports)) keys.push(key);
    const key = keys.find((one) => one.endsWith('.json')) ?? '';
    return { report: parseRestoreReport((await store.readText(key))?.text ?? ''), keys };
  }

  it('restores on a read-only root without privileges: report, page, mail, and nothing left in its volume', async () => {
    const id = await archived(dump);
    const { exitCode, said, changed } = await run(id, { scratch: ['--volume', 'kept:/scratch'] });
    expect(exitCode, said).toBe(0);
    const { report, keys } = await storedOf(id);
    expect(report).toMatchObject({
      outcome: 'passed',
      torrents: corpusTorrents,
      serverVersion: expect.stringMatching(/^15\./),
    });
    expect(keys.filter((key) => key.endsWith('.html'))).toHaveLength(1);
    expect((await aws.mails()).at(-1)?.subject).toBe(
      `[offsite] Restore test passed: bitagent, ${corpusTorrents.toLocaleString('en')} torrents`,
    );
    expect(changed).toBe('');
    expect(
      await runTask(docker, {
        image: image[15],
        scratch: ['--volume', 'kept:/scratch'],
        program: ['ls', '-A', '/scratch'],
      }),
    ).toMatchObject({ exitCode: 0, said: '' });
  });

  it('is somebody without privileges, who may write to /scratch and to memory, and nowhere else', async () => {
    expect(await inside('id', '-un')).toBe('postgres');
    const look =
      'find / \\( -path /proc -o -path /sys \\) -prune -o -type d -writable -print 2>/dev/null | sort';
    expect((await inside('sh', '-c', look)).split('\n')).toEqual(['/dev/mqueue', '/dev/shm', '/scratch']);
    expect(await inside('sh', '-c', 'echo > /tmp/here')).toContain('Read-only file system');
    expect(await inside('sh', '-c', 'echo > /scratch/here && cat /scratch/here')).toBe('');
    expect(await inside('stat', '--format', '%U:%G %a', '/scratch')).toBe('postgres:postgres 700');
    // What its base image declares would be a second writable place.
    const config = JSON.parse(await docker.docker('inspect', '--format', '{{json .Config}}', image[15]));
    expect(config.Volumes).toEqual({ '/scratch': {} });
    expect(config).toMatchObject({ User: 'postgres', StopSignal: 'SIGTERM' });
  });

  it('holds Node, igzip and the bundle, and no npm, no sources and nothing of the machine that built it', async () => {
    expect(await inside('node', '--version')).toMatch(/^v24\./);
    expect(await inside('igzip', '--version')).toContain('igzip');
    const look = `find / -xdev \\( -name '*.ts' -o -name '*.map' -o -name 'package*.json' -o -name 'npm*' -o -name '*history' -o -path '/var/lib/apt/lists/*' \\)`;
    expect(await inside('sh', '-c', `${look} -type f 2>/dev/null`)).toBe('');
    const { Env } = JSON.parse(await docker.docker('inspect', '--format', '{{json .Config}}', image[15]));
    expect(Env.map((one: string) => one.split('=')[0])).toEqual(['PATH', 'TMPDIR']);
    const history = await docker.docker('history', '--no-trunc', '--format', '{{.CreatedBy}}', image[15]);
    expect(history).toContain('ENTRYPOINT');
    expect(history).not.toMatch(/npm|registry|https?:/);
  });

  it('works on a volume like EBS: of root, for its group, with what ext4 puts there', async () => {
    const disk = join(docker.home, 'ebs');
    mkdirSync(disk);
    await execa('truncate', ['--size=512M', `${disk}.img`]);
    await execa('mkfs.ext4', ['-q', `${disk}.img`]);
    await execa('mount', ['-o', 'loop', `${disk}.img`, disk]);
    try {
      await execa('chown', ['root:999', disk]);
      await execa('chmod', ['2775', disk]);
      const id = await archived(dump);
      const { exitCode, said } = await run(id, { scratch: ['--volume', `${disk}:/scratch`] });
      expect(exitCode, said).toBe(0);
      expect((await storedOf(id)).report).toMatchObject({ outcome: 'passed' });
      expect((await execa('ls', ['-A', disk])).stdout).toBe('lost+found');
    } finally {
      await execa('umount', [disk]);
    }
  });

  it('told to stop, reports that it was interrupted, within the time that Fargate leaves', async () => {
    const id = await archived(ending(dump, 'SELECT pg_sleep(600);'));
    const name = 'interrupted';
    const running = run(id, { name });
    await logged(name, 'start server took');
    await docker.docker('stop', '--time', '30', name);
    expect((await running).exitCode).toBe(1);
    expect((await storedOf(id)).report).toMatchObject({
      outcome: 'failed',
      failure: { code: 'INTERRUPTED', found: 'signal SIGTERM' },
    });
    expect((await aws.mails()).at(-1)?.text).toContain('told to stop');
  });

  it('on a volume that gets full says so', async () => {
    const id = await archived(dump);
    const full = ['--tmpfs', '/scratch:size=72m,uid=999,gid=999,mode=0700'];
    const { exitCode } = await run(id, { scratch: full });
    expect(exitCode).toBe(1);
    expect((await storedOf(id)).report).toMatchObject({
      outcome: 'failed',
      failure: { code: 'RESTORE_DISK_FULL', found: expect.stringContaining('No space left on device') },
    });
  });

  it('whose server takes more memory than the task has says so', async () => {
    const greedy = `SELECT length(string_agg(repeat('x', 1000000), '')) FROM generate_series(1, 900);`;
    const id = await archived(ending(dump, greedy));
    const { exitCode, outOfMemory } = await run(id, { memory: '512m' });
    expect({ exitCode, outOfMemory }).toEqual({ exitCode: 1, outOfMemory: true });
    expect((await storedOf(id)).report).toMatchObject({
      outcome: 'failed',
      failure: { code: 'RESTORE_OUT_OF_MEMORY' },
    });
  });

  it('that is killed itself for memory ends with 137, which the stopped task tells ECS', async () => {
    const id = await archived(dump);
    expect(await run(id, { memory: '32m' })).toMatchObject({ exitCode: 137, outOfMemory: true });
    expect((await storedOf(id)).keys).toEqual([]);
  });

  it('refuses the archive of a newer server before it restores anything, and says what to build', async () => {
    const id = await archived(newerDump);
    const { exitCode, said } = await run(id);
    expect(exitCode, said).toBe(1);
    const { report } = await storedOf(id);
    expect(report).toMatchObject({
      outcome: 'failed',
      failure: {
        code: 'SERVER_TOO_OLD',
        expected: expect.stringMatching(/^PostgreSQL 17 or newer: the archive is of PostgreSQL 17\./),
        found: expect.stringMatching(/^PostgreSQL 15\./),
        hint: expect.stringContaining('POSTGRES_MAJOR=17'),
      },
    });
    expect(report?.stages.map(({ stage }) => stage)).toEqual(['start server']);
    expect(report).not.toHaveProperty('restoration');
    expect((await aws.mails()).at(-1)?.text).toContain('POSTGRES_MAJOR=17');
  });

  it('built for a newer major version, restores the archives of both', async () => {
    for (const bytes of [dump, newerDump]) {
      const id = await archived(bytes);
      const { exitCode, said } = await run(id, { image: image[17] });
      expect(exitCode, said).toBe(0);
      expect((await storedOf(id)).report).toMatchObject({
        outcome: 'passed',
        torrents: corpusTorrents,
        serverVersion: expect.stringMatching(/^17\./),
      });
    }
  });

  /** Waits until a container has said something. */
  async function logged(name: string, words: string): Promise<void> {
    await expect
      .poll(() => docker.docker('logs', name).catch(() => ''), { timeout: 30_000, interval: 100 })
      .toContain(words);
  }
});

/** The dump with one more statement, before its end. */
function ending(dump: Buffer, statement: string): Buffer {
  const end = dump.lastIndexOf('--\n-- PostgreSQL database dump complete');
  return Buffer.concat([dump.subarray(0, end), Buffer.from(`${statement}\n\n`), dump.subarray(end)]);
}
