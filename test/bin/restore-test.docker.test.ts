// The restore test's image, built from its Dockerfile as it stands and run by a real engine as Fargate would run it.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArchiveId } from '../../lib/archive/names.ts';
import { takeBaseBackup } from '../../lib/basebackup/take.ts';
import { query } from '../../lib/postgres/programs.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { restoreTestExitCodes as exitCodes } from '../../lib/restore-task/lost-test.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { shipWal } from '../../lib/wal/ship.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { startArchivingCluster } from '../fixtures/cluster.ts';
import { type DockerEngine, useDockerEngine } from '../fixtures/docker-engine.ts';
import { makeExt4Volume, runTask, type Task } from '../fixtures/fargate.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { ownMajor } from '../fixtures/majors.ts';
import { isLong } from '../fixtures/often.ts';
import { corpusDump, dumpOf, smallCorpus, smallTorrents } from '../fixtures/postgres.ts';
import {
  canMakeRestoreImage,
  environmentOf,
  imageMajor,
  makeRestoreImage,
  postgresImage,
  reportOn,
  restoreImage,
} from '../fixtures/restore-image.ts';
import { restoreProgram } from '../fixtures/restore-program.ts';

if (!canMakeRestoreImage)
  console.warn(
    'SKIPPED: no dockerd that this user may start, or no Debian to make images of, so the restore test’s image is not built',
  );

let docker: DockerEngine;
let aws: LocalAws;
let store: ArchiveStore;
let dump: Buffer;
let newerDump: Buffer;
let minute = 0;

describe.skipIf(!canMakeRestoreImage)('the image of the restore test', () => {
  beforeAll(async () => {
    docker = await useDockerEngine('task-');
    await makeRestoreImage(docker);
    process.env.DOCKER_HOST = docker.env.DOCKER_HOST;
    aws = await startLocalAws();
    store = aws.store;
    dump = await corpusDump(smallCorpus);
    newerDump = isLong ? await dumpInContainer() : claiming(dump, (await ownMajor()) + 1);
  }, 900_000);
  afterAll(async () => {
    await aws?.stop();
    await docker?.stop();
  });

  async function dumpInContainer(): Promise<Buffer> {
    const container = 'task-postgres';
    await docker.startPostgres(container, postgresImage);
    const server = { via: 'container', container, user: 'bitmagnet', database: 'postgres' } as const;
    return dumpOf(await loadCorpus(server, smallCorpus));
  }

  function archived(bytes: Buffer): Promise<ArchiveId> {
    minute += 10;
    return storeArchive(store, { dump: bytes, takenAt: new Date(Date.UTC(2026, 10, 22, 3, minute)) });
  }

  function run(id: ArchiveId, task: Partial<Task> = {}) {
    return runTask(docker, { image: restoreImage, env: environmentOf(aws, id), ...task });
  }

  /** Runs a program of the image, as the task would. */
  async function inside(...program: [string, ...string[]]): Promise<string> {
    return (await runTask(docker, { image: restoreImage, program })).said;
  }

  it('restores on a read-only root without privileges: report, page, mail, and nothing left in its volume', async () => {
    const id = await archived(dump);
    const { exitCode, said, changed } = await run(id, { scratch: ['--volume', 'kept:/scratch'] });
    expect(exitCode, said).toBe(0);
    const { report, keys } = await reportOn(store, id);
    expect(report).toMatchObject({
      outcome: 'passed',
      torrents: smallTorrents,
      serverVersion: expect.stringMatching(new RegExp(`^${imageMajor}\\.`)),
    });
    // The page, and the break-glass kit with its text.
    expect(keys.map((key) => key.slice(key.indexOf('.'))).sort()).toEqual([
      '.html',
      '.json',
      '.kit.html',
      '.kit.txt',
    ]);
    expect((await aws.mails()).at(-1)?.subject).toContain(
      `[offsite] Restore test passed: bitagent, ${smallTorrents.toLocaleString('en')} torrents, `,
    );
    expect(changed).toBe('');
    expect(
      await runTask(docker, {
        image: restoreImage,
        scratch: ['--volume', 'kept:/scratch'],
        program: ['ls', '-A', '/scratch'],
      }),
    ).toMatchObject({ exitCode: 0, said: '' });
  });

  // At length the image is of another major version than this machine's server.
  it.skipIf(isLong)(
    'recovers a source with base backups to a point, too, by its own program as restore_command',
    async () => {
      const source = 'to-the-minute';
      const cluster = await startArchivingCluster();
      const past = await startPast(aws.env.AWS_ENDPOINT_URL);
      try {
        const asOwner = await loadCorpus(cluster.connection, smallCorpus);
        // Nothing of it is of today.
        await query(asOwner, 'UPDATE torrents SET created_at = now()');
        const { connection } = cluster;
        const { id } = await takeBaseBackup({ source, connection, store, now: () => new Date() });
        await cluster.switchWal('CREATE TABLE later AS SELECT 1;');
        const { shipped } = await shipWal({
          store,
          source,
          folder: cluster.walFolder,
          systemIdentifier: undefined,
        });
        expect(shipped).toBeGreaterThan(1);
        const archive = await storeArchive(store, {
          source,
          dump,
          takenAt: new Date(Date.UTC(2026, 10, 22, 4)),
        });
        const env = { ...environmentOf(aws, archive), AWS_ENDPOINT_URL: past.endpoint };
        const { exitCode, said, changed } = await run(archive, { env });
        expect(exitCode, said).toBe(0);
        const { report } = await reportOn(store, archive);
        expect(report?.point).toMatchObject({ outcome: 'passed', baseBackup: id, timeline: 1 });
        expect(report?.point?.checks.map(({ name, outcome }) => [name, outcome])).toEqual(
          expect.arrayContaining([
            ['system_identifier', 'pass'],
            ['point_reached', 'pass'],
            ['amcheck', 'pass'],
          ]),
        );
        expect(changed).toBe('');
      } finally {
        await Promise.all([past.stop(), cluster.stop()]);
      }
    },
  );

  it('is somebody without privileges, who may write to /scratch and to memory, and nowhere else', async () => {
    const look = [
      // One stream: of two, either may arrive first.
      'exec 2>&1',
      'id -un',
      "stat --format '%U:%G %a' /scratch",
      'find / \\( -path /proc -o -path /sys \\) -prune -o -type d -writable -print 2>/dev/null | sort',
      'echo > /scratch/here && rm /scratch/here',
      'echo > /tmp/here',
    ];
    const lines = (await inside('sh', '-c', look.join('; '))).split('\n');
    expect(lines.slice(0, -1)).toEqual([
      'postgres',
      'postgres:postgres 700',
      ...['/dev/mqueue', '/dev/shm', '/scratch'],
    ]);
    expect(lines.at(-1)).toContain('Read-only file system');
    // What its base image declares would be a second writable place.
    expect(await configOf(restoreImage)).toMatchObject({
      User: 'postgres',
      StopSignal: 'SIGTERM',
      Volumes: { '/scratch': {} },
    });
    expect(await configOf(postgresImage)).toMatchObject({
      Volumes: { '/var/lib/postgresql/data': {} },
    });
    expect(Object.keys((await configOf(restoreImage)).Volumes)).toHaveLength(1);
  });

  it('holds Node, igzip and the bundle, and no npm, no sources and nothing of the machine that built it', async () => {
    const names = ['*.ts', '*.map', 'package*.json', 'npm*', '*history'].map((name) => `-name '${name}'`);
    const find = `find / -xdev -type f \\( ${names.join(' -o ')} -o -path '/var/lib/apt/lists/*' \\) 2>/dev/null`;
    const said = await inside('sh', '-c', `node --version; igzip --version; ls /opt/*; ${find}`);
    expect(said).toMatch(/^v24\.[\d.]+\nigzip [^\n]+\nrestore-test\.cjs$/);
    expect((await configOf(restoreImage)).Env.map((one) => one.split('=')[0])).toEqual(['PATH', 'TMPDIR']);
    const history = await docker.docker('history', '--no-trunc', '--format', '{{.CreatedBy}}', restoreImage);
    expect(history).toContain('ENTRYPOINT');
    expect(history).not.toMatch(/npm|registry|https?:/);
  });

  it('works on a volume like EBS: of root, for its group, with what ext4 puts there', async () => {
    const { scratch, remove } = await makeExt4Volume(docker, 512 * 1024 ** 2);
    try {
      const asRoot = { image: restoreImage, scratch, user: 'root' };
      const look = await runTask(docker, {
        ...asRoot,
        program: ['stat', '--format', '%U:%G %a', '/scratch'],
      });
      expect(look.said).toBe('root:postgres 2775');
      const id = await archived(dump);
      const { exitCode, said } = await run(id, { scratch });
      expect(exitCode, said).toBe(0);
      expect((await reportOn(store, id)).report).toMatchObject({ outcome: 'passed' });
      const left = await runTask(docker, { ...asRoot, program: ['ls', '-A', '/scratch'] });
      expect(left.said).toBe('lost+found');
    } finally {
      await remove();
    }
  });

  it('told to stop, reports that it was interrupted, within the time that Fargate leaves', async () => {
    const id = await archived(ending(dump, 'SELECT pg_sleep(600);'));
    const name = 'task-interrupted';
    const running = run(id, { name });
    await logged(name, 'start server took');
    await docker.docker('stop', '--time', '30', name);
    expect((await running).exitCode).toBe(exitCodes.failed);
    expect((await reportOn(store, id)).report).toMatchObject({
      outcome: 'failed',
      failure: { code: 'INTERRUPTED', found: 'signal SIGTERM' },
    });
    expect((await aws.mails()).at(-1)?.text).toContain('told to stop');
  });

  it('on a volume that gets full says so', async () => {
    const rows = `SELECT repeat('x', 2000) FROM generate_series(1, 100000)`;
    const id = await archived(ending(dump, `CREATE TABLE public.too_much AS ${rows};`));
    const full = ['--tmpfs', '/scratch:size=72m,uid=999,gid=999,mode=0700'];
    const { exitCode } = await run(id, { scratch: full });
    expect(exitCode).toBe(exitCodes.failed);
    expect((await reportOn(store, id)).report).toMatchObject({
      outcome: 'failed',
      failure: {
        code: 'RESTORE_DISK_FULL',
        found: expect.stringMatching(/No space left on device|could not extend file/),
      },
    });
  });

  it('on a volume that it may not write to says so', async () => {
    const id = await archived(dump);
    // As Fargate makes one that the image does not declare.
    const { exitCode } = await run(id, { scratch: ['--tmpfs', '/scratch:mode=0755'] });
    expect(exitCode).toBe(exitCodes.failed);
    expect((await reportOn(store, id)).report).toMatchObject({
      failure: {
        code: 'SERVER_FAILED',
        found: expect.stringContaining("permission denied, mkdtemp '/scratch/"),
      },
    });
  });

  it('whose server takes more memory than the task has says so', async () => {
    const greedy = `SELECT length(string_agg(repeat('x', 1000000), '')) FROM generate_series(1, 900);`;
    const id = await archived(ending(dump, greedy));
    const { exitCode, outOfMemory } = await run(id, { memory: '512m' });
    expect({ exitCode, outOfMemory }).toEqual({ exitCode: exitCodes.failed, outOfMemory: true });
    expect((await reportOn(store, id)).report).toMatchObject({
      outcome: 'failed',
      failure: { code: 'RESTORE_OUT_OF_MEMORY' },
    });
  });

  it('that is killed itself for memory ends with 137, which the stopped task tells ECS', async () => {
    const id = await archived(dump);
    expect(await run(id, { memory: '32m' })).toMatchObject({ exitCode: 137, outOfMemory: true });
    expect((await reportOn(store, id)).keys).toEqual([]);
  });

  // As a rule the machine that tests is of the image's major version: then all archives are.
  it.runIf(isLong)('restores the archive of a server of its own major version, too', async () => {
    const id = await archived(newerDump);
    const { exitCode, said } = await run(id);
    expect(exitCode, said).toBe(0);
    expect((await reportOn(store, id)).report).toMatchObject({ outcome: 'passed', torrents: smallTorrents });
  });

  it('with an older server refuses that archive before it restores anything, and says what to do', async () => {
    const id = await archived(newerDump);
    const newer = isLong ? imageMajor : (await ownMajor()) + 1;
    // The image's program beside this machine's own server.
    const { exitCode, all } = await execa(process.execPath, [await restoreProgram()], {
      extendEnv: false,
      env: { PATH: process.env.PATH ?? '', ...environmentOf(aws, id) },
      reject: false,
      all: true,
    });
    expect(exitCode, all).toBe(exitCodes.failed);
    const { report } = await reportOn(store, id);
    expect(report).toMatchObject({
      outcome: 'failed',
      failure: {
        code: 'SERVER_TOO_OLD',
        expected: expect.stringContaining(
          `PostgreSQL ${newer} or newer: the archive is of PostgreSQL ${newer}.`,
        ),
        found: expect.stringContaining(`PostgreSQL ${await ownMajor()}.`),
        hint: expect.stringContaining(`postgresMajor=${newer}`),
      },
    });
    expect(report?.stages.map(({ stage }) => stage)).toEqual(['start server']);
    expect(report).not.toHaveProperty('restoration');
    expect((await aws.mails()).at(-1)?.text.replaceAll(/\s+/g, ' ')).toContain(`postgresMajor=${newer}`);
  });

  async function configOf(name: string): Promise<{ Env: string[]; Volumes: Record<string, unknown> }> {
    return JSON.parse(await docker.docker('inspect', '--format', '{{json .Config}}', name));
  }

  /** Waits until a container has said something. */
  async function logged(name: string, words: string): Promise<void> {
    await expect
      .poll(() => docker.docker('logs', name).catch(() => ''), { timeout: 30_000, interval: 100 })
      .toContain(words);
  }
});

/** The dump as if it were of a server of that major version: its header is all that tells. */
function claiming(dump: Buffer, major: number): Buffer {
  const header = /^-- Dumped from database version \d+/m;
  return Buffer.from(
    dump.toString('latin1').replace(header, `-- Dumped from database version ${major}`),
    'latin1',
  );
}

/** The dump with one more statement, before its end. */
function ending(dump: Buffer, statement: string): Buffer {
  const end = dump.lastIndexOf('--\n-- PostgreSQL database dump complete');
  return Buffer.concat([dump.subarray(0, end), Buffer.from(`${statement}\n\n`), dump.subarray(end)]);
}

/** The store as it will be seen in an hour: what was stored in the last minutes counts for no log that is sure. */
async function startPast(endpoint: string): Promise<{ endpoint: string; stop(): Promise<unknown> }> {
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    const { host, connection, expect, 'content-length': _, ...headers } = request.headers;
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const asked = { method, headers: headers as Record<string, string>, ...(body.length > 0 && { body }) };
    const answer = await fetch(new URL(url, endpoint), asked);
    const bytes = Buffer.from(await answer.arrayBuffer());
    const isList = url.includes('list-type=2');
    const dated = bytes
      .toString('utf8')
      .replaceAll(
        /<LastModified>([^<]+)/g,
        (_, text) => `<LastModified>${new Date(Date.parse(text) - 3_600_000).toISOString()}`,
      );
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(isList ? dated : bytes);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}
