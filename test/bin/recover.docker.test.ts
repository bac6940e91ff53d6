// The documentation's page of disaster recovery, played with a real engine and a real Compose: an archive of the night, a
// host that is lost, and `offsite recover` on a fresh one.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { ask } from '../../lib/postgres/session.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { verify } from '../../lib/verify/verify.ts';
import { bin } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { offsite } from '../fixtures/cli.ts';
import { type ComposeStack, canCompose, writeStack } from '../fixtures/compose-stack.ts';
import { canRunDocker, type DockerEngine, hasProgram, useDockerEngine } from '../fixtures/docker-engine.ts';
import { until } from '../fixtures/events.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { databasesOf, smallCorpus, smallTorrents } from '../fixtures/postgres.ts';

const canRecover = canRunDocker && canCompose;
if (!canRecover)
  console.warn('SKIPPED: no dockerd or no docker-compose here, so no host is lost and recovered');

/** All programs of this machine but Docker's. */
function pathWithoutDocker(home: string): string {
  const folder = join(home, 'programs');
  mkdirSync(folder);
  for (const place of ['/usr/bin', '/bin']) {
    for (const name of readdirSync(place).filter((one) => !one.startsWith('docker')))
      if (!existsSync(join(folder, name))) symlinkSync(join(place, name), join(folder, name));
  }
  return folder;
}

describe.skipIf(!canRecover)('offsite recover', () => {
  let docker: DockerEngine;
  let aws: LocalAws;
  let env: Record<string, string>;
  let id: string;
  let home: ComposeStack;

  beforeAll(async () => {
    docker = await useDockerEngine('recover-');
    process.env.DOCKER_HOST = docker.env.DOCKER_HOST;
    await docker.docker('tag', 'offsite-postgres', 'bitagent:3');
    await docker.docker(
      'run',
      '-d',
      '--name',
      'recover-image',
      '--network',
      'none',
      'offsite-postgres',
      'sleep',
      '600',
    );
    if (hasProgram('perl')) await docker.putPerl('recover-image');
    await docker.docker('commit', 'recover-image', 'postgres:16');
    await docker.docker('rm', '-f', 'recover-image');
    aws = await startLocalAws();
    env = {
      ...aws.env,
      ...docker.env,
      // Compose's first version looks at all of setuptools else, for half of its time.
      SETUPTOOLS_USE_DISTUTILS: 'stdlib',
      OFFSITE_BUCKET: aws.bucket,
      XDG_STATE_HOME: join(docker.home, 'state'),
    };
    home = await writeStack(docker, 'recover-home');
  }, 120_000);
  afterAll(async () => {
    await aws?.stop();
    await docker?.stop();
  });

  /** For the test's own questions. */
  const askIn = async ({ container }: ComposeStack, sql: string, database = 'bitmagnet') =>
    ask(await docker.serverIn(container), sql, { database });
  const argsFor = ({ file, url }: ComposeStack, ...more: string[]) => [
    'recover',
    ...['--compose-file', file, '--app-url', url, '--dashboard-url', `${url}/webui`],
    ...more,
  ];
  const recover = (stack: ComposeStack, ...more: string[]) => offsite(argsFor(stack, ...more), env);
  const count = async (stack: ComposeStack) =>
    Number((await askIn(stack, 'SELECT count(*) FROM torrents'))[0]?.[0]);

  /** Runs it until it says a line, and ends it there: as a power cut would, or as whoever sits before it. */
  async function endedAt(stack: ComposeStack, line: RegExp, by: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const running = execa(bin, argsFor(stack, '--yes'), {
      env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
      extendEnv: false,
      reject: false,
    });
    running.stderr.on('data', (said) => line.test(String(said)) && running.kill(by));
    const { signal, exitCode, stderr } = await running;
    expect(by === 'SIGKILL' ? signal : exitCode, stderr).toBe(by === 'SIGKILL' ? by : 143);
  }

  it('plays the whole page: a night, a lost host, and back', async () => {
    // The night.
    await home.compose('up', '-d', 'postgres');
    await until('a server', () => askIn(home, 'SELECT 1', 'postgres').then(Boolean, () => false));
    await askIn(home, 'DROP DATABASE IF EXISTS bitmagnet', 'postgres');
    await loadCorpus(await docker.serverIn(home.container), smallCorpus);
    const flags = ['--container', home.container, '--user', 'bitmagnet', '--dbname', 'bitmagnet'];
    const installed = await offsite(['install', '--root', docker.home, '--with', 'cron', ...flags], env);
    expect(installed.exitCode, installed.stderr).toBe(0);
    const script = readFileSync(join(docker.home, 'etc/cron.daily/bitagent-backup'), 'utf8');
    const [, commandLine] = /^run (\S+ backup)$/m.exec(script) ?? [];
    const night = `set -a; . ${docker.home}/etc/offsite/offsite.env; exec ${commandLine} --json`;
    const backup = await execa('sh', ['-c', night], {
      env: { XDG_STATE_HOME: docker.home },
      extendEnv: false,
    });
    id = answerOf('backup', backup.stdout).id;
    const store = aws.store;
    // As the cloud does.
    const verdict = await verify({ store, id: parseArchiveId(id), now: () => new Date() });
    await store.write(archiveKeys(parseArchiveId(id)).verdict, JSON.stringify(verdict));

    // The host is lost.
    await home.compose('down', '--volumes');
    expect(await docker.docker('ps', '-aq', '--filter', 'name=^recover-')).toBe('');

    // Asked by nobody, it changes nothing.
    const refused = await recover(home);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--yes') });
    expect(refused.stderr).toContain(`restore ${id} into the database bitmagnet`);
    expect(await docker.docker('ps', '-aq', '--filter', 'name=^recover-')).toBe('');

    // Ended on its way, twice, it goes on.
    await endedAt(home, /2\/4 restore: /, 'SIGKILL');
    await endedAt(home, /3\/4 app: /, 'SIGTERM');
    const done = await recover(home, '--yes', '--json');
    expect(done.exitCode, done.stderr).toBe(0);
    expect(done.stderr).toContain('2/4 restore: done already: ');
    const { well, archive, checks, byHand } = answerOf('recover', done.stdout);
    expect({ well, archive }).toEqual({ well: true, archive: id });
    expect(
      checks.map(({ name, outcome }: { name: string; outcome: string }) => `${name} ${outcome}`),
    ).toEqual(['healthz pass', 'torznab pass', 'dashboard pass', 'count pass', 'dht warn']);
    expect(byHand.join()).toMatch(/Indexers.*Webhook/);
    expect(await count(home)).toBe(smallTorrents);
    const page = await (await fetch(`${home.url}/webui`)).text();
    expect(page).toContain(`${smallTorrents} torrents`);
    expect(done.stdout + done.stderr).not.toMatch(/key-of-the-api|pass-word-of-it/);
  });

  it('has nothing to do where all is proven', async () => {
    const again = await recover(home);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stdout).toContain('5 checks, none failed, 1 warning: BitAgent is back.');
    expect(again.stderr.match(/done already/g)).toHaveLength(8);
  });

  it('says what is missing: rows, the app, the key', async () => {
    await askIn(
      home,
      'CREATE TABLE kept AS SELECT * FROM torrents; DELETE FROM torrent_contents; DELETE FROM torrents',
    );
    const fewer = await recover(home, '--check');
    expect(fewer.exitCode, fewer.stdout).toBe(7);
    expect(fewer.stdout).toContain(`0 torrents; the archive holds ${smallTorrents} torrents`);
    // What a note says does not count: the proof does not hold any more, and nothing is overwritten.
    const refused = await recover(home, '--yes');
    expect(refused, refused.stderr).toMatchObject({
      exitCode: 7,
      stderr: expect.stringContaining('[DATABASE_EXISTS]'),
    });
    expect(Number((await askIn(home, 'SELECT count(*) FROM kept'))[0]?.[0])).toBe(smallTorrents);
  });

  it('puts aside what is in the way with the word, and keeps it', async () => {
    const done = await recover(home, '--yes', '--put-aside');
    expect(done.exitCode, done.stderr).toBe(0);
    expect(await count(home)).toBe(smallTorrents);
    const aside = (await databasesOf(await docker.serverIn(home.container))).filter((name) =>
      name.startsWith('bitmagnet_before_'),
    );
    expect(aside).toHaveLength(1);
    const kept = await askIn(home, 'SELECT count(*) FROM kept', aside[0]);
    expect(Number(kept[0]?.[0])).toBe(smallTorrents);
  });

  it('works without Compose, by containers that were made by hand', async () => {
    await home.compose('stop');
    const [postgres, app] = [home.container, home.container.replace('postgres', 'bitagent')];
    const args = ['recover', '--postgres-container', postgres, '--app-container', app, '--app-url', home.url];
    const more = ['--dashboard-url', `${home.url}/webui`, '--yes', '--json'];
    const done = await offsite([...args, ...more], env);
    expect(done.exitCode, done.stderr).toBe(0);
    expect(answerOf('recover', done.stdout).steps.map(({ name }: { name: string }) => name)).toEqual([
      'postgres',
      'restore',
      'app',
      'dht',
    ]);
  });

  it('comes back by the commands of docs/recover.md alone', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/recover.md'), 'utf8');
    const commands = text
      .slice(text.indexOf('## Without this program'))
      .split('\n')
      .filter((line) => /^ {4}(?!aws |docker compose |curl )/.test(line));
    expect(commands).toHaveLength(8);
    await home.compose('stop', 'bitagent');
    const store = aws.store;
    const archive = await store.open(archiveKeys(parseArchiveId(id)).archive);
    await writeFile(join(docker.home, `${id}.sql.gz`), archive?.body ?? '');
    const script = commands.join('\n').replaceAll('bitagent-postgres', home.container).replaceAll('ID', id);
    const options = { cwd: docker.home, env: docker.env };
    const { stdout } = await execa('bash', ['-e', '-o', 'pipefail', '-c', script], options);
    expect(stdout).toContain(` ${smallTorrents}\n`);
    expect(await count(home)).toBe(smallTorrents);
  });

  describe('refuses, in words and before anything is changed:', () => {
    it.each<[string, number, RegExp, (stack: ComposeStack) => void]>([
      ['no file', 2, /not there/, ({ file }) => rmSync(file)],
      [
        'a file of something else',
        2,
        /which service is which/,
        ({ file }) => writeFileSync(file, '{"version":"2.4","services":{"web":{"image":"nginx"}}}'),
      ],
      [
        'a variable that is missing',
        2,
        /Compose cannot read/,
        ({ file }) =>
          writeFileSync(
            file,
            '{"version":"2.4","services":{"db":{"image":"postgres:16","environment":{"A":"$' + '{NIX:?}"}}}}',
          ),
      ],
    ])('%s', async (_, exitCode, said, spoil) => {
      const stack = await writeStack(docker, 'recover-spoiled');
      spoil(stack);
      const result = await recover(stack, '--yes');
      expect(result.exitCode, result.stdout + result.stderr).toBe(exitCode);
      expect(result.stdout).toMatch(said);
    });

    it('an engine that is down, and none at all', async () => {
      const down = await offsite(argsFor(home, '--yes'), {
        ...env,
        DOCKER_HOST: 'unix:///nonexistent/docker.sock',
      });
      expect(down).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('engine does not answer') });
      const without = await offsite(argsFor(home, '--yes'), { ...env, PATH: pathWithoutDocker(docker.home) });
      expect(without).toMatchObject({
        exitCode: 3,
        stdout: expect.stringContaining('docker cannot be started'),
      });
    });

    it('a vault that is not there', async () => {
      const bucket = await recover(home, '--dry-run', '--bucket', 'nix');
      expect(bucket.exitCode, bucket.stdout).toBe(4);
    });
  });

  it('finds the files that an .env names, as Compose does', async () => {
    const { folder, file } = await writeStack(docker, 'recover-named');
    renameSync(file, join(folder, 'prod.yml'));
    const plan = () => offsite(['recover', '--dry-run'], env, folder);
    expect(await plan()).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('not there') });
    writeFileSync(join(folder, '.env'), 'KEY=k\nCOMPOSE_FILE=prod.yml\n');
    const named = await plan();
    expect(named.exitCode, named.stdout).toBe(0);
    expect(named.stdout).toContain('the Compose file: postgres is the database');
  });

  it('tells of a database that does not come up', async () => {
    const broken = await writeStack(docker, 'recover-broken', {
      // Compose names it.
      postgres: { command: ['sh', '-c', 'echo the disk is sad >&2; exit 1'], container_name: undefined },
    });
    const ended = await recover(broken, '--yes');
    expect(ended.exitCode, ended.stderr).toBe(8);
    expect(ended.stderr).toContain('the disk is sad');
  });
});
