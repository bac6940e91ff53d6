// The agent's image, built from its Dockerfile as it stands, and run as compose.offsite.yml runs it.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { buildImage, makeNode } from '../fixtures/base-images.ts';
import { canCompose, writeStack } from '../fixtures/compose-stack.ts';
import { canRunDocker, type DockerEngine, useDockerEngine } from '../fixtures/docker-engine.ts';
import { until } from '../fixtures/events.ts';
import { copyDebianImage, copyPostgresImage, isDebian } from '../fixtures/machine-images.ts';
import { ownMajor } from '../fixtures/majors.ts';
import { isLong } from '../fixtures/often.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const root = join(import.meta.dirname, '..', '..');
// Half a minute of the processor, most of it of npm.
const canMake = isLong && canRunDocker && isDebian;
if (!canMake)
  console.warn('SKIPPED: no dockerd, or no Debian to make images of, so the agent’s image is not built');

describe.skipIf(!canMake)('the image of the agent', () => {
  let docker: DockerEngine;
  let stub: S3Stub;
  const { services } = parse(readFileSync(join(root, 'compose.offsite.yml'), 'utf8'));
  const { command, read_only, tmpfs, cap_drop, build } = services.offsite;

  beforeAll(async () => {
    const major = await ownMajor();
    docker = await useDockerEngine('agent-');
    await copyPostgresImage(docker, major);
    await makeNode(docker, await copyDebianImage(docker));
    const context = join(docker.home, 'context');
    mkdirSync(context);
    for (const name of ['bin', 'lib', 'package.json', 'package-lock.json'])
      cpSync(join(root, name), join(context, name), { recursive: true });
    const args = ['--build-arg', `POSTGRES_MAJOR=${major}`];
    await buildImage(docker, { tag: 'offsite', file: join(root, build.dockerfile), context, args });
    stub = await startS3Stub();
  }, 900_000);
  afterAll(async () => {
    await stub?.stop();
    await docker?.stop();
  });

  const confined = [
    '--init',
    '--read-only',
    '--tmpfs',
    tmpfs,
    '--cap-drop',
    cap_drop[0],
    '--network',
    'host',
  ];
  const variables = () => {
    const { PATH: _, HOME: __, ...env } = storeEnvironment(stub);
    return Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  };
  const line = (file: string) =>
    `printf -- '--\\n-- PostgreSQL database dump\\n--\\n\\n--\\n-- PostgreSQL database dump complete\\n--\\n\\n'; ls ${file} >&2`;

  it('is small, unprivileged, and has all that a back-up asks for', async () => {
    expect(read_only).toBe(true);
    expect(Number(await docker.docker('image', 'inspect', '-f', '{{.Size}}', 'offsite'))).toBeLessThan(250e6);
    const run = (...words: string[]) =>
      docker.docker(
        'run',
        '--rm',
        ...confined,
        '--entrypoint',
        words[0] as string,
        'offsite',
        ...words.slice(1),
      );
    expect(await run('id', '-un')).toBe('offsite');
    expect(await run('offsite', '--version')).toBe(manifest.version);
    expect(await run('pg_dump', '--version')).toContain(` ${await ownMajor()}.`);
    expect(await run('sh', '-c', 'command -v igzip; command -v psql')).toBe(
      '/usr/local/bin/igzip\n/usr/local/bin/psql',
    );
  });

  it('takes one now, waits for its night, and ends when it is told', async () => {
    const volume = ['-v', 'state:/var/lib/offsite'];
    const script = line('/var/lib/offsite');
    await docker.docker(
      'run',
      '--rm',
      ...confined,
      ...volume,
      ...variables(),
      'offsite',
      'backup',
      '--quiet',
      '--',
      'sh',
      '-c',
      script,
    );
    expect(committed(stub)).toHaveLength(1);
    const wait = command.map((word: string) => word.replace(/^\$\{.*:-(.*)\}$/, '$1'));
    await docker.docker(
      'run',
      '-d',
      '--name',
      'agent-waits',
      ...confined,
      ...volume,
      ...variables(),
      'offsite',
      ...wait,
    );
    await until('it waits', async () =>
      /the next archive of bitagent/.test(
        (await docker.docker('logs', 'agent-waits')) || (await logs('agent-waits')),
      ),
    );
    await docker.docker('stop', '--time', '30', 'agent-waits');
    expect(await docker.docker('inspect', '-f', '{{.State.ExitCode}}', 'agent-waits')).toBe('143');
  });

  it.skipIf(!canCompose)(
    'beside Postgres, by compose.offsite.yml as it stands, takes its archive at its hour',
    async () => {
      await docker.docker('tag', 'offsite-postgres', 'postgres:16');
      const { folder, file } = await writeStack(docker, 'beside');
      const { version: _, ...stack } = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify(stack));
      const { PATH: __, HOME: ___, ...store } = storeEnvironment(stub);
      const lines = Object.entries(store).map(([name, value]) => `${name}=${value}\n`);
      writeFileSync(join(folder, 'offsite.env'), lines.join(''));
      cpSync(join(root, 'compose.offsite.yml'), join(folder, 'compose.offsite.yml'));
      // The engine has no network but the host's.
      const offsite = { network_mode: 'host', volumes: ['sockets:/var/run/postgresql'] };
      writeFileSync(join(folder, 'here.yml'), JSON.stringify({ services: { offsite } }));
      await docker.docker('tag', 'offsite', 'bitagent-offsite:16');
      const before = committed(stub).length;
      const env = {
        ...docker.env,
        SETUPTOOLS_USE_DISTUTILS: 'stdlib',
        COMPOSE_FILE: 'docker-compose.yml:compose.offsite.yml:here.yml',
        AGENT_FOLDER: join(docker.home, 'context'),
        AGENT_AT: new Date(Date.now() + 70_000).toISOString().slice(11, 16),
        POSTGRES_HOST: '/var/run/postgresql',
      };
      const compose = (...args: string[]) => execa('docker-compose', args, { cwd: folder, env });
      await compose('up', '-d', 'postgres', 'offsite');
      await until('its hour has come, and an archive', () => committed(stub).length > before);
      await compose('down', '--volumes', '--timeout', '20');
    },
  );

  it.skipIf(!canCompose)(
    'as install --with compose writes it, with the program of this host mounted, takes its archive at its hour',
    async () => {
      const major = await ownMajor();
      await docker.docker('tag', `postgres:${major}-bookworm`, 'postgres:16');
      const { folder, file } = await writeStack(docker, 'mounted');
      const { version: _, ...stack } = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify(stack));
      const at = new Date(Date.now() + 70_000).toISOString().slice(11, 16);
      const database = { PGHOST: '/var/run/postgresql', PGUSER: 'bitmagnet', PGDATABASE: 'bitmagnet' };
      await execa(bin, ['install', '--with', 'compose', '--at', `${at} UTC`], {
        cwd: folder,
        env: { ...storeEnvironment(stub), ...database, HOME: folder },
        extendEnv: false,
      });
      // The engine has no network but the host's, and its Postgres is another image.
      const here = {
        postgres: { image: 'offsite-postgres' },
        offsite: { volumes: ['sockets:/var/run/postgresql'] },
      };
      writeFileSync(join(folder, 'here.yml'), JSON.stringify({ services: here }));
      const COMPOSE_FILE = 'docker-compose.yml:compose.offsite.yaml:here.yml';
      const env = { ...docker.env, SETUPTOOLS_USE_DISTUTILS: 'stdlib', COMPOSE_FILE };
      const compose = (...args: string[]) => execa('docker-compose', args, { cwd: folder, env });
      const before = committed(stub).length;
      await compose('up', '-d', 'postgres', 'offsite');
      await until('its hour has come, and an archive', () => committed(stub).length > before);
      await compose('down', '--volumes', '--timeout', '20');
    },
  );

  /** What it said on stderr. */
  async function logs(name: string): Promise<string> {
    return (await execa('docker', ['logs', name], { env: docker.env, all: true })).all;
  }
});
