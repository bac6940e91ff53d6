// Through `docker exec`, with a real engine and a real container: what a terminal would corrupt comes through whole.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recipeOf } from '../../lib/kit/recipe.ts';
import { query } from '../../lib/postgres/programs.ts';
import { ask as askOnce, type ServerConnection } from '../../lib/postgres/session.ts';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { restoreInPlace } from '../../lib/restore/in-place.ts';
import { tidyLeftovers } from '../../lib/restore/leftovers.ts';
import { standBeside } from '../../lib/restore/server.ts';
import { bin } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { keysIn, offsite } from '../fixtures/cli.ts';
import { canRunDocker, type DockerEngine, hasProgram, useDockerEngine } from '../fixtures/docker-engine.ts';
import { asleep, until, untilAsleep } from '../fixtures/events.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { isLong } from '../fixtures/often.ts';
import {
  asked,
  compressed,
  corpusDump,
  dumpOf,
  inPieces,
  smallCorpus,
  smallTorrents,
} from '../fixtures/postgres.ts';
import { restoreEvents, untilSeen } from '../fixtures/restore-events.ts';

if (!canRunDocker)
  console.warn('SKIPPED: no dockerd that this user may start, so nothing goes through docker exec');

describe.skipIf(!canRunDocker)('docker exec', () => {
  const container = 'bitagent-postgres';
  const flags = ['--container', container, '--user', 'bitmagnet'];
  let docker: DockerEngine;
  let aws: LocalAws;
  let env: Record<string, string>;
  /** For the test's own questions. */
  let server: ServerConnection;
  let database: ServerConnection;
  /** An archive of it. */
  let id: string;

  beforeAll(async () => {
    docker = await useDockerEngine('bitagent');
    process.env.DOCKER_HOST = docker.env.DOCKER_HOST;
    await docker.startPostgres(container);
    server = await docker.serverIn(container);
    database = await docker.serverIn(container, 'bitmagnet');
    await loadCorpus(server, smallCorpus);
    aws = await startLocalAws();
    env = { ...aws.env, ...docker.env, OFFSITE_BUCKET: aws.bucket };
    const backup = await offsite(['backup', ...flags, '--dbname', 'bitmagnet', '--json'], env);
    expect(backup.exitCode, backup.stderr).toBe(0);
    id = answerOf('backup', backup.stdout).id;
  });
  afterAll(async () => {
    await aws?.stop();
    await docker?.stop();
  });

  it('dumps inside the container, byte for byte as verify wants it, and restores there', async () => {
    const verdict = answerOf('verify', (await offsite(['verify', id, '--json'], env)).stdout);
    expect(verdict).toMatchObject({ verdict: 'intact' });
    expect(verdict.inventory.rows['public.torrents']).toBe(smallTorrents);
    const restored = await offsite(['restore', id, ...flags, '--into', 'back', '--json'], env);
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(answerOf('restore', restored.stdout).torrents).toBe(smallTorrents);
    const hostile = `SELECT count(*) FROM torrents WHERE name ~ '[\\r\\n\\t\\x01]' OR name LIKE '%dump complete%'`;
    const [before, after] = await Promise.all(
      ['bitmagnet', 'back'].map((name) => asked(server, hostile, { database: name })),
    );
    expect(Number(before?.[0]?.[0])).toBeGreaterThan(2);
    expect(after).toEqual(before);
  });

  it('takes a base backup inside the container, each file as the server lists it, and sees what its log lacks', async () => {
    const own = ['--source', 'whole', ...flags, '--dbname', 'postgres'];
    await docker.put(container, ['mkdir', 'mktemp', 'mkfifo', 'rm', 'ls']);
    await docker.docker('exec', container, 'mkdir', '/tmp/apart');
    await asked(server, "CREATE TABLESPACE apart LOCATION '/tmp/apart'");
    await asked(server, 'CREATE TABLE away TABLESPACE apart AS SELECT generate_series(1, 1000) AS n');
    const taken = await offsite(['basebackup', ...own, '--quiet', '--json'], env);
    expect(taken.exitCode, taken.stderr).toBe(0);
    expect(taken.stderr).toContain('archive_mode is off, and nobody receives the log');
    const { id } = answerOf('basebackup', taken.stdout);
    const keys = ['.backup_manifest', '.manifest.json', '.tar.gz'].map(
      (part) => `basebackups/whole/${id}${part}`,
    );
    expect(await keysIn(aws.endpoint, aws.bucket, 'basebackups/')).toEqual(keys);
    // Its pipes, and who wrote into them or read.
    expect(await docker.docker('exec', container, 'ls', '/tmp')).not.toContain('tmp.');
    expect((await docker.commandLines(container)).join('\n')).not.toMatch(/pg_basebackup|cat\0\/tmp/);
    const looked = await offsite(['doctor', ...own, '--pitr', '--json'], env);
    const { checks } = answerOf('doctor', looked.stdout);
    expect(checks).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'pg_hba.conf', outcome: 'pass' }),
        expect.objectContaining({ name: 'archive_mode', outcome: 'fail' }),
      ]),
    );
  });

  it.each<[string, string[], string]>([
    ['a container that does not exist', ['--container', 'nix'], '[CONTAINER_UNREACHABLE]'],
    ['a database that does not exist', [...flags, '--dbname', 'nix'], '[DATABASE_REFUSED]'],
    ['a user that does not exist', ['--container', container, '--user', 'nix'], '[DATABASE_REFUSED]'],
  ])('%s', async (_, args, said) => {
    const result = await offsite(['backup', '--source', 'failing', ...args], env);
    expect(result.stderr).toContain(said);
    expect(result.exitCode).toBe(3);
    expect(await keysIn(aws.endpoint, aws.bucket, 'archives/failing/')).toEqual([]);
  });

  describe('a dump that waits for a lock', () => {
    const sessions = "FROM pg_stat_activity WHERE application_name LIKE 'pg_dump%'";
    const until = (condition: string) =>
      query(
        database,
        `DO $$ BEGIN LOOP EXIT WHEN ${condition};
        PERFORM pg_sleep(0.02); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$`,
      );
    /** Locks a table until it is told to let go. */
    const lock = async () => {
      const holding = query(database, 'BEGIN; LOCK TABLE torrents; SELECT pg_sleep(600)').catch(
        () => undefined,
      );
      await until(
        `EXISTS (SELECT FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'torrents'::regclass)`,
      );
      return async () => {
        await asked(
          server,
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()",
        );
        await holding;
      };
    };
    const inside = async () =>
      (await docker.commandLines(container)).filter((line) => line.startsWith('pg_dump'));

    it.each([
      ['stalls', ['--stall-timeout', '2s'], undefined, 3, '[DUMP_STALLED]'],
      ['is interrupted', [], 'SIGTERM', 143, '[INTERRUPTED]'],
      ['loses its terminal', [], 'SIGHUP', 129, '[INTERRUPTED]'],
    ] as const)('and %s is ended inside, too, and is no empty dump', async (_, more, signal, code, said) => {
      const letGo = await lock();
      try {
        const args = ['backup', '--source', 'failing', ...flags, '--dbname', 'bitmagnet', ...more];
        const agent = execa(bin, args, {
          env: { ...env, XDG_STATE_HOME: docker.home },
          reject: false,
          forceKillAfterDelay: false,
        });
        await until(`EXISTS (SELECT ${sessions} AND wait_event_type = 'Lock')`);
        if (signal !== undefined) agent.kill(signal);
        const { exitCode, stderr } = await agent;
        expect(stderr).toContain(said);
        expect(stderr).not.toContain('may still run');
        expect(exitCode).toBe(code);
        expect(await asked(server, `SELECT pid ${sessions}`)).toEqual([]);
        expect(await inside()).toEqual([]);
      } finally {
        await letGo();
      }
    });
  });

  it('copies a SQLite database inside the container, by the sqlite3 that is there', async () => {
    const inside = (sql: string) => docker.docker('exec', container, 'sqlite3', '/tmp/ui.db', sql);
    const sidecar = (what: string, ...args: string[]) =>
      offsite(['sidecar', what, '--container', container, '--path', '/tmp/ui.db', '--json', ...args], env);
    expect((await sidecar('backup')).stderr).toMatch(
      /no sqlite3 in container[\s\S]*--path \/var\/lib\/docker/,
    );
    if (!hasProgram('sqlite3')) return console.warn('SKIPPED: no sqlite3 to put into a container');
    await docker.put(container, ['sqlite3', 'rm']);
    const absent = await sidecar('backup');
    expect(absent.stderr).toMatch(/\[SIDECAR_UNREADABLE\][\s\S]*unable to open/);
    await inside('PRAGMA journal_mode = WAL; CREATE TABLE one (a); CREATE TABLE two (a)');
    const write = 'BEGIN IMMEDIATE; INSERT INTO one VALUES (1); INSERT INTO two VALUES (1); COMMIT';
    const loop = `while [ ! -e /tmp/enough ]; do sqlite3 -cmd '.timeout 9000' /tmp/ui.db '${write}'; done`;
    await docker.docker('exec', '-d', container, 'sh', '-c', loop);
    for (let turn = 0; turn < 3; turn += 1) {
      const taken = await sidecar('backup');
      expect(taken.stderr).toBe('');
      const { rows } = answerOf('sidecar backup', taken.stdout);
      expect(rows.one).toBe(rows.two);
    }
    await docker.docker('exec', container, 'sh', '-c', ': > /tmp/enough');
    expect(answerOf('sidecar verify', (await sidecar('verify')).stdout)).toMatchObject({ verdict: 'intact' });
    const refused = await sidecar('restore', '--any', '--to', `${docker.home}/ui.db`);
    expect(refused.stderr).toMatch(/\[SIDECAR_IN_USE\][\s\S]*docker stop bitagent-postgres/);
    expect(await docker.docker('exec', container, 'sh', '-c', 'echo /tmp/offsite-sidecar*')).toBe(
      '/tmp/offsite-sidecar*',
    );
  }, 120_000);

  describe('restore', () => {
    const connection = { via: 'container', container, user: 'bitmagnet', database: 'postgres' } as const;
    const ask = (sql: string, database = 'postgres') => asked(server, sql, { database });
    const names = async () =>
      (await ask('SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1')).map(([name]) => name);

    beforeAll(async () => {
      const args = ['-d', '--name', 'bitagent', '--stop-signal', 'KILL', '--network', 'none'];
      await docker.docker('run', ...args, 'offsite-postgres', 'sleep', '6000');
    });

    /** Those of a restore, and what carries them. */
    const left = async () =>
      (await docker.commandLines(container)).filter((line) => /^(psql|perl|bash|nc|cat)\0/.test(line));

    it('lets the restored database and the one that is there change places, while what uses it is stopped', async () => {
      await ask('DELETE FROM goose_db_version', 'bitmagnet');
      const startedAt = () =>
        docker.docker('inspect', '--format', '{{.State.StartedAt}} {{.State.Running}}', 'bitagent');
      const began = await startedAt();
      const args = ['restore', id, ...flags, '--stop', 'bitagent', '--json'];
      const restored = await offsite(args, env);
      expect(restored.exitCode, restored.stderr).toBe(0);
      const { before, ...answer } = answerOf('restore', restored.stdout);
      expect(answer).toMatchObject({ database: 'bitmagnet', torrents: smallTorrents });
      expect(await ask('SELECT count(*) FROM goose_db_version', before)).toEqual([['0']]);
      expect(await ask('SELECT count(*) > 0 FROM goose_db_version', 'bitmagnet')).toEqual([['t']]);
      expect(await startedAt()).toMatch(/true$/);
      expect(await startedAt()).not.toBe(began);
      const unknown = await offsite(['restore', id, ...flags, '--stop', 'nix'], env);
      expect(unknown.stderr).toContain('[CONTAINER_UNREACHABLE]');
      await ask(`DROP DATABASE ${before}`);
    });

    describe('by several sessions', () => {
      const dumped = async (name: string) =>
        (await dumpOf(await docker.serverIn(container, name)))
          .toString('latin1')
          .replace(/^\\(un)?restrict .*$/gm, '')
          .split('\n')
          .sort()
          .join('\n');
      const restoring = async (into: string) => {
        const told: string[] = [];
        const { way } = await restoreInPlace({
          connection,
          database: into,
          placing: { how: 'beside', name: into },
          dump: () => inPieces(dump),
          compare: {},
          jobs: 2,
          warn: (sentence) => told.push(sentence),
        });
        await until('nothing is left inside', async () => (await left()).length === 0);
        return way;
      };
      let dump: Buffer;
      let byPsql: string;

      beforeAll(async () => {
        dump = await corpusDump(smallCorpus);
      });

      it('not where nothing inside opens a socket: then by one psql, which says why', async () => {
        const way = await restoring('by_psql');
        expect(way).toEqual({ by: 'psql', because: expect.stringMatching(/no perl, bash or nc/) });
        byPsql = await dumped('by_psql');
        await ask('DROP DATABASE by_psql');
      });

      it.each([
        ['nc', 'busybox'],
        ['bash', 'bash'],
        ['perl', 'perl'],
      ])('carried by %s', async (name, program) => {
        if (!hasProgram(program)) return console.warn(`SKIPPED: no ${program} to put into a container`);
        await (name === 'perl' ? docker.putPerl(container) : docker.put(container, [program]));
        if (name === 'nc')
          await docker.docker('exec', container, 'busybox', 'ln', '-s', 'busybox', '/bin/nc');
        expect(await restoring('by_sessions')).toMatchObject({ by: 'sessions', sessions: 2 });
        expect(await dumped('by_sessions')).toBe(byPsql);
        await ask('DROP DATABASE by_sessions');
      });
    });

    it('by the commands of the kit, with nothing of this program', async () => {
      writeFileSync(join(docker.home, 'by-hand.sql.gz'), compressed(await corpusDump(smallCorpus)));
      const kit = { bucket: 'b', source: 'bitagent', roles: ['bitmagnet'], writtenAt: new Date() };
      // vacuumdb is in the official images, and not in this one.
      const steps = recipeOf({ ...kit, container: { name: container, user: 'bitmagnet' } }).filter(
        ({ title }) => /^(How Postgres|Its roles|Restore)/.test(title),
      );
      const input = ['ID=by-hand', ...steps.map(({ commands }) => commands)].join('\n');
      await execa('bash', ['-e', '-o', 'pipefail'], { input, cwd: docker.home, env });
      expect(await ask('SELECT count(*) FROM torrents', 'bitmagnet_new')).toEqual([[String(smallTorrents)]]);
      await ask('DROP DATABASE bitmagnet_new');
    });

    describe('ended at any time', () => {
      const few = [
        'rows come SIGTERM',
        'rows come SIGKILL',
        'they change places SIGKILL',
        'they have SIGTERM',
      ];
      const stateOf = async (name: string) =>
        (await ask('SELECT count(*), (SELECT count(*) FROM pg_indexes) FROM torrents', name)).join();
      const isRunning = async () =>
        (await docker.docker('inspect', '--format', '{{.State.Running}}', 'bitagent')) === 'true';
      let file: string;

      beforeAll(async () => {
        await docker.putPerl(container);
        file = join(docker.home, 'live.sql');
        writeFileSync(file, await corpusDump(smallCorpus));
      });

      it.each(
        restoreEvents
          .flatMap(([name, event]) => [[name, 'SIGTERM', event] as const, [name, 'SIGKILL', event] as const])
          .filter(([name, signal]) => isLong || few.includes(`${name} ${signal}`)),
      )('%s: %s', async (_, signal, event) => {
        await ask('CREATE DATABASE live');
        await ask('CREATE TABLE torrents AS SELECT 1 AS id', 'live');
        const old = await stateOf('live');
        const watching = '/* watching */';
        const seen = query(server, watching + untilSeen(event)).catch(() => undefined);
        const args = ['restore', file, ...flags, '--dbname', 'live', '--jobs', '2', '--stop', 'bitagent'];
        const restoring = execa(bin, args, {
          env: { ...env, XDG_STATE_HOME: docker.home },
          reject: false,
          forceKillAfterDelay: false,
        });
        await Promise.race([seen, restoring]);
        restoring.kill(signal);
        const { exitCode, stderr } = await restoring;
        expect([0, 143, undefined], stderr).toContain(exitCode);
        await ask(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '${watching}%' AND pid <> pg_backend_pid()`,
        );
        await seen;
        if (signal === 'SIGKILL') {
          const beside = await standBeside({ connection });
          const told: string[] = [];
          await tidyLeftovers(beside.run, 'live', (one) => told.push(one));
          await beside.close();
        }
        await until('nothing is left inside', async () => (await left()).length === 0);
        expect(await isRunning()).toBe(true);
        const present = (await names()).filter((name) => name?.startsWith('live'));
        expect(present.filter((name) => name?.includes('restore'))).toEqual([]);
        const before = present.find((name) => name?.startsWith('live_before'));
        expect(await stateOf(before ?? 'live')).toBe(old);
        // What ends inside by a signal, and has nobody, is the postmaster's to bury: it would take that for a crash.
        expect((await execa('docker', ['logs', container], { env, all: true })).all).not.toMatch(
          /terminated by signal|reinitializ/,
        );
        if (before !== undefined) expect(await stateOf('live')).toMatch(new RegExp(`^${smallTorrents},`));
        for (const name of present) await ask(`DROP DATABASE ${name} WITH (FORCE)`);
      });
    });

    it('is not blamed on the dump when the container is killed, and the next one tidies up after it', async () => {
      const killed = 'bitagent-killed';
      await docker.startPostgres(killed);
      await docker.putPerl(killed);
      const inside = await docker.serverIn(killed);
      await asked(inside, "CREATE DATABASE live; COMMENT ON DATABASE live IS 'as it was'");
      await asked(inside, 'CREATE TABLE filled (a int)', { database: 'live' });
      const told: string[] = [];
      const restoring = (dump: Buffer, jobs: number) =>
        restoreInPlace({
          ...{ connection: { ...connection, container: killed }, database: 'live', placing: { how: 'swap' } },
          ...{ dump: () => inPieces(dump), compare: {}, jobs, warn: (sentence) => told.push(sentence) },
        });
      for (const jobs of [2, 1]) {
        const refused = restoring(Buffer.from(`CREATE TABLE one (a int);\n${asleep}`), jobs).catch(
          (error: unknown) => error,
        );
        await untilAsleep(await docker.serverIn(killed));
        await docker.docker('kill', killed);
        expect(await refused).toMatchObject({
          code: 'DATABASE_UNREACHABLE',
          message: 'the server went away while it took the dump',
          safe: expect.stringMatching(/^live is as it was; .* may be left/),
        });
        await docker.docker('start', killed);
        await until('it is back', async () =>
          askOnce(await docker.serverIn(killed), 'SELECT 1').then(Boolean, () => false),
        );
      }
      await restoring(await corpusDump(smallCorpus), 2);
      expect(told.filter((one) => /half-made live_restore_\w+ is dropped/.test(one))).toHaveLength(2);
      const found = await asked(
        await docker.serverIn(killed),
        "SELECT regexp_replace(datname, '_[0-9].*', ''), shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'live%' ORDER BY 1",
      );
      // What the dump does not say of its database, that of the one that it replaces does.
      expect(found).toEqual([
        ['live', 'as it was'],
        ['live_before', 'as it was'],
      ]);
    });

    it('leaves no psql and no database behind when it is interrupted', async () => {
      const file = join(docker.home, 'asleep.sql');
      writeFileSync(file, `CREATE TABLE one (a int);\n${asleep}`);
      const before = await names();
      const running = execa(bin, ['restore', file, ...flags, '--dbname', 'bitmagnet'], {
        env: { ...env, XDG_STATE_HOME: docker.home },
        reject: false,
        forceKillAfterDelay: false,
      });
      await untilAsleep(server);
      running.kill('SIGTERM');
      const { exitCode, stderr } = await running;
      expect(exitCode, stderr).toBe(143);
      expect(await names()).toEqual(before);
      await until('no psql is left', async () => (await left()).length === 0);
    });
  });

  it('a container that is stopped while it dumps leaves no object', async () => {
    // Holds the dump after its rows: pg_dump locks tables when it begins, and asks a sequence when it comes to it.
    const until = (condition: string) =>
      query(
        database,
        `DO $$ BEGIN LOOP EXIT WHEN EXISTS (${condition});
        PERFORM pg_sleep(0.02); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$`,
      );
    await asked(database, 'CREATE SEQUENCE held');
    const holding = query(database, 'BEGIN; DROP SEQUENCE held; SELECT pg_sleep(600)').catch(() => undefined);
    await until(`SELECT FROM pg_locks WHERE relation = 'held'::regclass AND mode = 'AccessExclusiveLock'`);
    const running = offsite(['backup', '--source', 'failing', ...flags, '--dbname', 'bitmagnet'], env);
    await until(
      `SELECT FROM pg_stat_activity WHERE application_name LIKE 'pg_dump%' AND wait_event_type = 'Lock'`,
    );
    await docker.docker('kill', container);
    const result = await running;
    await holding;
    expect(result.exitCode).toBe(3);
    expect(await keysIn(aws.endpoint, aws.bucket, 'archives/failing/')).toEqual([]);
    const again = await offsite(['backup', '--source', 'failing', ...flags], env);
    expect(again.stderr).toContain('[CONTAINER_UNREACHABLE]');
  });
});
