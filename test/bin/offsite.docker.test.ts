// Through `docker exec`, with a real engine and a real container: what a terminal would corrupt comes through whole.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../lib/postgres/programs.ts';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { keysIn, offsite } from '../fixtures/cli.ts';
import { canRunDocker, type DockerEngine, startDockerEngine } from '../fixtures/docker-engine.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { corpus, corpusTorrents } from '../fixtures/postgres.ts';

if (!canRunDocker)
  console.warn('SKIPPED: no dockerd that this user may start, so nothing goes through docker exec');

describe.skipIf(!canRunDocker)('docker exec', () => {
  const container = 'bitagent-postgres';
  let docker: DockerEngine;
  let aws: LocalAws;
  let env: Record<string, string>;

  beforeAll(async () => {
    docker = await startDockerEngine();
    process.env.DOCKER_HOST = docker.env.DOCKER_HOST;
    await docker.startPostgres(container);
    await loadCorpus({ via: 'container', container, user: 'bitmagnet', database: 'postgres' }, corpus);
    aws = await startLocalAws();
    env = { ...aws.env, ...docker.env, OFFSITE_BUCKET: aws.bucket };
  });
  afterAll(async () => {
    await aws?.stop();
    await docker?.stop();
  });

  const flags = ['--container', container, '--user', 'bitmagnet'];

  it('dumps inside the container, byte for byte as verify wants it, and restores there', async () => {
    const backup = await offsite(['backup', ...flags, '--dbname', 'bitmagnet', '--json'], env);
    expect(backup.exitCode, backup.stderr).toBe(0);
    const { id } = JSON.parse(backup.stdout);
    const verdict = JSON.parse((await offsite(['verify', id, '--json'], env)).stdout);
    expect(verdict).toMatchObject({ verdict: 'intact' });
    expect(verdict.inventory.rows['public.torrents']).toBe(corpusTorrents);
    const restored = await offsite(['restore', id, ...flags, '--into', 'back', '--json'], env);
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(JSON.parse(restored.stdout).torrents).toBe(corpusTorrents);
    const connection = { via: 'container', container, user: 'bitmagnet' } as const;
    const hostile = `SELECT count(*) FROM torrents WHERE name ~ '[\\r\\n\\t\\x01]' OR name LIKE '%dump complete%'`;
    const [before, after] = await Promise.all(
      ['bitmagnet', 'back'].map((database) => query(connection, hostile, { database })),
    );
    expect(Number(before?.[0]?.[0])).toBeGreaterThan(2);
    expect(after).toEqual(before);
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

  it('a container that is stopped while it dumps leaves no object', async () => {
    // Holds the dump after its rows: pg_dump locks tables when it begins, and asks a sequence when it comes to it.
    const connection = { via: 'container', container, user: 'bitmagnet', database: 'bitmagnet' } as const;
    const until = (condition: string) =>
      query(
        connection,
        `DO $$ BEGIN LOOP EXIT WHEN EXISTS (${condition});
        PERFORM pg_sleep(0.02); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$`,
      );
    await query(connection, 'CREATE SEQUENCE held');
    const holding = query(connection, 'BEGIN; DROP SEQUENCE held; SELECT pg_sleep(600)').catch(
      () => undefined,
    );
    await until(`SELECT FROM pg_locks WHERE relation = 'held'::regclass AND mode = 'AccessExclusiveLock'`);
    const running = offsite(['backup', '--source', 'failing', ...flags, '--dbname', 'bitmagnet'], env);
    await until(
      `SELECT FROM pg_stat_activity WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'`,
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
