// offsite restore-test on the operator's machine: with a server of this machine's programs, and in a real container.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRestoreReport } from '../../lib/report/report.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { keysIn, offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { canRunDocker, type DockerEngine, useDockerEngine } from '../fixtures/docker-engine.ts';
import { until } from '../fixtures/events.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { commandLines, corpusDump, smallCorpus, smallTorrents } from '../fixtures/postgres.ts';

/** Programs that stand before those of this machine: the browser's opener among them. */
async function withOpener(script: string): Promise<string> {
  const bin = await mkdtemp(join(folder, 'bin-'));
  await writeFile(join(bin, 'xdg-open'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `${bin}:${process.env.PATH}`;
}

const withoutBrowser = () => withOpener('exit 3');

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
  const dump = await corpusDump(smallCorpus);
  ({ id } = await storeArchive(aws.store, { dump }));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rm(temporary, { recursive: true });
  await aws.stop();
});

describe('an archive that has no verdict yet', () => {
  it('is not started: exit code 6, no file, no word against it', async () => {
    const dump = Buffer.from('-- small\n');
    const takenAt = new Date('2026-11-23T03:15:00Z');
    const store = aws.store;
    const young = await storeArchive(store, { dump, takenAt, verdict: false });
    const output = join(folder, 'young');
    const run = await offsiteHere(['restore-test', young.id, '--output', output], env);
    expect(run).toMatchObject({ exitCode: 6, stdout: '' });
    expect(run.stderr).toContain('[NOTHING_INTACT]');
    expect(run.stderr).not.toMatch(/did NOT pass/i);
    expect(existsSync(output)).toBe(false);
  });
});

async function written(output: string) {
  const [page = '', report = ''] = await readdir(output);
  expect([page, report]).toEqual([`${id}.restore-test.html`, `${id}.restore-test.json`]);
  expect(await pageIn(output)).toContain(`${report}, beside this page`);
  return parseRestoreReport(await readFile(join(output, report), 'utf8'));
}

/** A whole page, and one that invents no price: nothing was paid for this test. */
async function pageIn(output: string): Promise<string> {
  const page = await readFile(join(output, `${id}.restore-test.html`), 'utf8');
  expect(page).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
  expect(page.replace(/<style>[\s\S]*?<\/style>/, '')).not.toMatch(/\$\d|<dt>cost/);
  return page;
}

/** The CLI against a store in which some keys may not be read; all else is handed on to the real one. */
async function startDenyingStore(deniedNow: (path: string) => boolean): Promise<Server> {
  const server = createServer((request, response) => {
    if (deniedNow(decodeURIComponent(request.url ?? ''))) {
      response.writeHead(403, { 'content-type': 'application/xml' });
      response.end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
      return;
    }
    const { method, headers, url } = request;
    const onward = forward(new URL(url ?? '/', aws.endpoint), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

describe('offsite restore-test', () => {
  it('restores, compares, checks, and writes the report where it was told to, and nowhere else', async () => {
    const output = join(folder, 'passed');
    const before = await keysIn(aws.endpoint, aws.bucket, '');
    const { exitCode, stdout, stderr } = await offsite(['restore-test', '-o', output], env);
    expect(exitCode, stderr).toBe(0);
    expect(await written(output)).toMatchObject({ outcome: 'passed', torrents: smallTorrents });
    expect(stdout).toMatch(new RegExp(`^PASSED {2}${id}\n`));
    expect(stdout).toContain(`ok  SELECT count(*) FROM torrents;  ${smallTorrents}, as dumped`);
    expect(stdout).toMatch(/ok {2}23 checks +23 pass/);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(stderr).toContain(join(output, `${id}.restore-test.html`));
    expect(await pageIn(output)).toContain('1 night intact');
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
      { name: 'a_million', outcome: 'warn', detail: String(smallTorrents) },
      {
        name: 'no_such',
        outcome: 'fail',
        detail: expect.stringContaining('relation "nowhere" does not exist'),
      },
    ]);
    expect(report?.checks.filter(({ name }) => name === 'freshness')).toHaveLength(1);
    expect(stdout).toContain('The restored database fails no_such.');
    expect(await pageIn(output)).toContain('The restored database fails no_such.');
  });

  it('refuses a folder that cannot be one, and files that are there, before it restores anything', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const output = join(folder, 'there');
    await mkdir(output);
    const page = join(output, `${id}.restore-test.html`);
    await writeFile(page, 'mine');
    for (const [where, code] of [
      [file, 'USAGE'],
      ['/proc/nope', 'USAGE'],
      [output, 'FILE_EXISTS'],
    ] as const) {
      const { exitCode, stdout, stderr } = await offsiteHere(['restore-test', id, '-o', where], env);
      expect([exitCode, stdout]).toEqual([2, '']);
      expect(stderr).toContain(`[${code}]`);
      expect(stderr).not.toContain('start server');
    }
    expect(await readFile(page, 'utf8')).toBe('mine');
  });

  it('loses nothing if its folder is gone when it ends, and if there is no browser', async () => {
    const output = join(folder, 'going');
    const slow = join(folder, 'slow.sql');
    await writeFile(slow, '-- check: slow\nSELECT true, pg_sleep(3)::text;\n');
    const args = ['restore-test', id, '-o', output, '--checks', slow, '--open'];
    const running = offsite(args, { ...env, PATH: await withoutBrowser() });
    // Its server's folder: what it was to look at before that, it has looked at.
    await until('its server', async () => (await readdir(temporary)).length > 0, running);
    await rm(output, { recursive: true });
    await writeFile(output, 'in the way');
    const { exitCode, stdout, stderr } = await running;
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/^PASSED/);
    expect(stderr).toContain(`${output}/${id}.restore-test.json cannot be written`);
    expect(stderr).toContain('warning: no browser could be opened');
    const [, report = ''] = /^report +(.*)$/m.exec(stderr) ?? [];
    expect(report.startsWith(temporary)).toBe(true);
    expect(parseRestoreReport(await readFile(report, 'utf8'))).toMatchObject({ outcome: 'passed' });
    for (const name of await readdir(temporary)) await rm(join(temporary, name), { recursive: true });
  });

  it('opens its page, replaces files by --force, and prints the report alone with --json', async () => {
    const output = join(folder, 'opened');
    await mkdir(output);
    await writeFile(join(output, `${id}.restore-test.json`), 'old');
    const seen = join(folder, 'seen');
    const PATH = await withOpener(`printf %s "$1" > ${seen}`);
    const args = ['restore-test', id, '-o', output, '--force', '--open', '--json'];
    const { exitCode, stdout, stderr } = await offsite(args, { ...env, PATH });
    expect(exitCode, stderr).toBe(0);
    expect(await written(output)).toEqual(parseRestoreReport(stdout));
    expect(await readFile(seen, 'utf8')).toBe(join(output, `${id}.restore-test.html`));
  });

  it('draws the page without what may not be read of the past, and says so', async () => {
    const night = 'bitagent-2026-11-21-031500Z';
    await aws.store.create(`verdicts/bitagent/${night}.json`, '{}');
    // The catalogue has to be read; it is the page's turn afterwards.
    let readings = 0;
    const denying = await startDenyingStore((path) => {
      if (!path.includes(`verdicts/bitagent/${night}`)) return path.includes('prefix=reports/');
      readings += 1;
      return readings > 1;
    });
    try {
      const { port } = denying.address() as AddressInfo;
      const output = join(folder, 'denied');
      const args = ['restore-test', id, '-o', output, '--open', '--endpoint', `http://127.0.0.1:${port}`];
      const { exitCode, stderr } = await offsite(args, { ...env, PATH: await withoutBrowser() });
      // The test passed; that nobody can be shown its page here is no fault of it.
      expect(exitCode, stderr).toBe(0);
      expect(stderr).toContain('warning: no browser could be opened');
      for (const what of ['restore tests', 'archives']) {
        const sentence = `${what} could not be read, and are not shown`;
        expect(stderr).toContain(`offsite: warning: The vault's ${sentence}`);
        expect(await pageIn(output)).toContain(sentence);
      }
    } finally {
      denying.close();
    }
  });

  it('prints the shipped checks, which it reads again', async () => {
    const { stdout, exitCode } = await offsiteHere(['restore-test', '--print-checks'], {});
    expect(exitCode).toBe(0);
    expect(stdout).toContain('-- check: torrents_count\n');
  });

  it('says what it cannot use', async () => {
    const missing = await offsiteHere(['restore-test', id, '--checks', '/nowhere'], env);
    expect([missing.exitCode, missing.stderr]).toEqual([2, expect.stringContaining('/nowhere')]);
    const none = await offsiteHere(['restore-test', 'bitagent-2020-01-01-000000Z'], env);
    expect([none.exitCode, none.stderr]).toEqual([6, expect.stringContaining('ARCHIVE_MISSING')]);
  });
});

if (!canRunDocker)
  console.warn('SKIPPED: no dockerd that this user may start, so restore-test --docker is not tried');

describe.skipIf(!canRunDocker)('offsite restore-test --docker', () => {
  let docker: DockerEngine;
  beforeAll(async () => {
    docker = await useDockerEngine('offsite-restore-test-');
  });
  afterAll(() => docker?.stop());

  it('restores in a container without network, and leaves none', async () => {
    const output = join(folder, 'docker');
    const args = ['restore-test', id, '-o', output, '--docker', 'offsite-postgres'];
    const { exitCode, stdout, stderr } = await offsite(args, { ...env, ...docker.env });
    expect(exitCode, stderr + stdout).toBe(0);
    expect(await written(output)).toMatchObject({ outcome: 'passed', torrents: smallTorrents });
    expect(await docker.docker('ps', '-aq', '--filter', 'name=^offsite-restore-test-')).toBe('');
  });

  it('says when there is no such image', async () => {
    const args = ['restore-test', id, '-o', join(folder, 'none'), '--docker', 'no-such-image:1'];
    const { exitCode, stdout } = await offsite(args, { ...env, ...docker.env });
    expect(exitCode).toBe(7);
    expect(stdout).toContain('CONTAINER_UNREACHABLE');
  });
});
