// The CLI against real servers: what it stores and brings back, and for each failure that an operator can meet, what it
// says, how it exits, and that the store holds nothing of it.

import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { answerOf } from '../fixtures/answer.ts';
import { type CliResult, keysIn, offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
import { holdTable, until, untilRuns } from '../fixtures/events.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { startNewerServer } from '../fixtures/newer-server.ts';
import { commandLines, corpus, corpusTorrents } from '../fixtures/postgres.ts';

let aws: LocalAws;
let postgres: ThrowawayPostgres;
let env: Record<string, string>;
const home = mkdtempSync(join(tmpdir(), 'offsite-cli-'));
const stored = () => keysIn(aws.endpoint, aws.bucket);

beforeAll(async () => {
  aws = await startLocalAws();
  postgres = await startThrowawayPostgres({ tuned: true });
  const owner = await loadCorpus(postgres.connection, corpus);
  if (owner.via !== 'server') throw new Error('unreachable');
  env = { ...aws.env, OFFSITE_BUCKET: aws.bucket, ...owner.env };
});
afterAll(async () => {
  await postgres?.stop();
  await aws?.stop();
  rmSync(home, { recursive: true, force: true });
});

describe('back up and bring back', () => {
  let id: string;

  it('stores an archive and its manifest, and prints one line', async () => {
    const result = await offsite(['backup'], env);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^bitagent-\d{4}-\d\d-\d\d-\d{6}Z {2}[\d.]+ MiB plain, [\d.]+ MiB stored, [\d.]+ m?s, [\d.]+ MiB\/s$/,
    );
    id = result.stdout.split(' ')[0] ?? '';
    expect(await stored()).toEqual([
      `archives/bitagent/${id}.manifest.json`,
      `archives/bitagent/${id}.sql.gz`,
    ]);
  });

  it('prints figures for machines, which the manifest confirms', async () => {
    const json = answerOf('backup', (await offsite(['backup', '--source', 'other', '--json'], env)).stdout);
    const manifest = JSON.parse(
      (await aws.store.readText(`archives/other/${json.id}.manifest.json`))?.text ?? '',
    );
    const archive = (await aws.store.open(`archives/other/${json.id}.sql.gz`))?.body;
    const bytes = Buffer.concat((await archive?.toArray()) ?? []);
    expect(bytes.length).toBe(json.compressedBytes);
    expect(gunzipSync(bytes).length).toBe(json.plainBytes);
    expect(manifest).toMatchObject({
      format: 1,
      id: json.id,
      plainBytes: json.plainBytes,
      compressedBytes: json.compressedBytes,
    });
    expect(manifest.serverVersion).toMatch(/^\d+\.\d+/);
  });

  it('lists it as unverified: nobody has judged it yet', async () => {
    const { stdout } = await offsite(['list'], env);
    expect(stdout).toContain('\nothers    other: offsite list --source other');
    expect(stdout.split('\n')[1]).toMatch(new RegExp(`^${id} .* unverified +-$`));
    const [entry] = answerOf('list', (await offsite(['list', '--json'], env)).stdout);
    expect(entry).toMatchObject({ id, verdict: 'unverified', latest: false, torrents: null });
  });

  it("refuses 'latest' until it is proven, and says what to do", async () => {
    const result = await offsiteHere(['fetch', 'latest', '-o', join(home, 'x.sql.gz')], env);
    expect(result.exitCode).toBe(6);
    expect(result.stderr).toContain('[NOTHING_INTACT]');
    expect(result.stderr).toContain(`${id} is the newest`);
    expect(readdirSync(home)).toEqual([]);
  });

  it('verifies it in the vault and as a file, with the manifest beside it or without', async () => {
    const inVault = answerOf('verify', (await offsite(['verify', 'latest', '--json'], env)).stdout);
    expect(inVault).toMatchObject({ verdict: 'intact', id });
    expect(inVault.inventory.rows['public.torrents']).toBe(corpusTorrents);
    const file = join(home, `${id}.sql.gz`);
    expect((await offsite(['fetch', id, '-o', file], env)).exitCode).toBe(0);
    const alone = await offsite(['verify', file], env);
    expect(alone).toMatchObject({ exitCode: 0 });
    expect(alone.stderr).toContain('no manifest beside the file');
    const manifest = (await aws.store.readText(`archives/bitagent/${id}.manifest.json`))?.text ?? '';
    writeFileSync(join(home, `${id}.manifest.json`), manifest);
    const beside = await offsiteHere(['verify', file], env);
    expect(beside).toMatchObject({ exitCode: 0, stderr: '' });
    expect(beside.stdout).toContain('torrents: 2,012');
    expect(await stored()).not.toContain(expect.stringContaining('verdicts/'));
  });

  it('verifies what comes from stdin, by whatever name, with a manifest or without', async () => {
    const { body } = (await aws.store.open(`archives/bitagent/${id}.sql.gz`)) ?? {};
    const input = Buffer.concat((await body?.toArray()) ?? []);
    const manifest = join(home, 'manifest');
    const { text = '' } = (await aws.store.readText(`archives/bitagent/${id}.manifest.json`)) ?? {};
    writeFileSync(manifest, text);
    const verify = (bytes: Buffer, ...args: string[]) =>
      execa(join(import.meta.dirname, '../../bin/offsite'), ['verify', ...args, '--json'], {
        env,
        input: bytes,
        reject: false,
      });
    for (const name of ['-', '/dev/stdin'])
      expect(answerOf('verify', (await verify(input, name)).stdout)).toMatchObject({
        name,
        verdict: 'intact',
      });
    const told = await verify(input, '-', '--manifest', manifest);
    expect(told).toMatchObject({ exitCode: 0, stderr: '' });
    const cut = await verify(input.subarray(0, -9), '-', '--manifest', manifest);
    expect(cut.exitCode).toBe(5);
    expect(answerOf('verify', cut.stdout)).toMatchObject({ verdict: 'damaged' });
    rmSync(manifest);
  });

  it('is watched on a terminal: drawn anew at another width, without colours where it is dumb, ended by Ctrl-C', async ({
    onTestFinished,
  }) => {
    const tty = join(home, 'tty');
    const bin = join(import.meta.dirname, '../../bin/offsite');
    const line = `tty > ${tty}; stty cols 120; ${bin} list --watch 1h`;
    const watched = execa('script', ['-qec', line, '/dev/null'], {
      env: { ...env, TERM: 'dumb', SHELL: '/bin/sh' },
      reject: false,
    });
    onTestFinished(() => {
      watched.kill();
      rmSync(tty);
    });
    let shown = '';
    let step = 0;
    for await (const chunk of watched.iterable({ binary: true, preserveNewlines: true })) {
      shown += Buffer.from(chunk).toString();
      if (step === 0 && /others +other/.test(shown)) {
        step = 1;
        shown = '';
        await execa('stty', ['-F', readFileSync(tty, 'utf8').trim(), 'cols', '60']);
      }
      if (step === 1 && /others +other/.test(shown)) {
        step = 2;
        watched.stdin.write('\x03');
      }
    }
    expect(shown).toMatch(/^\s*archive +age +bytes +verdict\r?\n/);
    for (const unwanted of ['\x1b', 'INTERRUPTED']) expect(shown).not.toContain(unwanted);
    expect((await watched).exitCode).toBe(130);
  });

  it('shows on a terminal how far an archive is read, and takes that away', async ({ onTestFinished }) => {
    const pipe = join(home, 'pipe');
    await execa('mkfifo', [pipe]);
    onTestFinished(() => rmSync(pipe));
    const bin = join(import.meta.dirname, '../../bin/offsite');
    const onTerminal = async (line: string, TERM: string, onShown: (shown: string) => void = () => {}) => {
      const running = execa('script', ['-qec', `stty cols 60; ${line}`, '/dev/null'], {
        env: { ...env, TERM, SHELL: '/bin/sh' },
      });
      let shown = '';
      for await (const chunk of running.iterable({ binary: true, preserveNewlines: true })) {
        shown += Buffer.from(chunk).toString();
        onShown(shown);
      }
      await running;
      return shown.replaceAll('\r\x1b[K', '|');
    };
    const fetch = `${bin} fetch ${id} -o ${pipe}`;
    // Nobody reads before it is shown that this is waited for.
    let reading: Promise<unknown> | undefined;
    const shown = await onTerminal(fetch, 'xterm', (text) => {
      if (/first byte of the archive| KiB of ~/.test(text))
        reading ??= execa('cat', [pipe], { stdout: 'ignore' });
    });
    await reading;
    expect(shown).toMatch(
      /\|(waiting for the first byte of the archive|\[#*\.*\] +\d+ % +\S+ KiB of ~1\.\d MiB) .*\|/,
    );
    const slowly = `(sleep 3; exec cat ${pipe} > /dev/null) & ${fetch}`;
    expect(await onTerminal(slowly, 'dumb')).not.toContain('\x1b');
    // An error is broken where the terminal ends, below its own words.
    const wrong = await onTerminal(`${bin} fetch ${id} -o ${home} || true`, 'xterm');
    const lines = wrong.trimEnd().split(/\r?\n/);
    expect(lines.filter((one) => one.length > 60 && one.includes(' '))).toEqual([]);
  });

  it('says which bytes of a file are wrong, and exits 5', async () => {
    const file = join(home, `${id}.sql.gz`);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    writeFileSync(file, bytes);
    const result = await offsite(['verify', file], env);
    expect(result.exitCode).toBe(5);
    expect(result.stdout).toContain(': damaged');
    expect(result.stdout).toContain('sha256');
    expect((await offsiteHere(['verify', '--gzip-only', file], env)).exitCode).toBe(5);
    rmSync(file);
    rmSync(join(home, `${id}.manifest.json`));
  });

  it('fetches to stdout, and to a file that was not there', async () => {
    const { stdout } = await execa(join(import.meta.dirname, '../../bin/offsite'), ['fetch', id, '-o', '-'], {
      env,
      encoding: 'buffer',
    });
    expect(gunzipSync(stdout).subarray(0, 32).toString()).toContain('PostgreSQL database dump');
    writeFileSync(join(home, 'mine'), 'precious');
    const refused = await offsiteHere(['fetch', id, '-o', join(home, 'mine')], env);
    expect(refused).toMatchObject({ exitCode: 2 });
    expect(refused.stderr).toContain('[FILE_EXISTS]');
    expect(readFileSync(join(home, 'mine'), 'utf8')).toBe('precious');
    rmSync(join(home, 'mine'));
  });

  it('fetches through a link to what it names, and says as JSON what came; a folder it refuses', async () => {
    symlinkSync('target', join(home, 'link'));
    const fetched = await offsite(['fetch', id, '-o', join(home, 'link'), '--force', '--json'], env);
    expect(fetched.stdout.split('\n')).toHaveLength(1);
    const bytes = readFileSync(join(home, 'target'));
    expect(answerOf('fetch', fetched.stdout)).toMatchObject({ id, compressedBytes: bytes.length });
    expect(readdirSync(home).sort()).toEqual(['link', 'target']);
    const refused = await offsiteHere(['fetch', id, '-o', home, '--force'], {
      ...env,
      OFFSITE_BUCKET: 'no-such',
    });
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('found     a folder') });
    rmSync(join(home, 'link'));
    rmSync(join(home, 'target'));
  });

  it('restores into a fresh database, and never into one that exists', async () => {
    const admin = { ...env, ...postgres.connection.env };
    const restored = await offsite(['restore', id, '--into', 'back', '--json'], admin);
    expect(restored.exitCode, restored.stderr).toBe(0);
    expect(restored.stderr).toContain('warning');
    expect(answerOf('restore', restored.stdout)).toMatchObject({
      id,
      database: 'back',
      torrents: corpusTorrents,
    });
    const count = await query(postgres.connection, 'SELECT count(*) FROM torrents', { database: 'back' });
    expect(count).toEqual([[String(corpusTorrents)]]);
    const again = await offsiteHere(['restore', id, '--into', 'back'], admin);
    expect(again.exitCode).toBe(7);
    expect(again.stderr).toContain('[DATABASE_EXISTS]');
  });
});

describe('failures leave nothing behind', () => {
  afterEach(async () => {
    expect(await keysIn(aws.endpoint, aws.bucket, 'archives/failing/')).toEqual([]);
  });

  const failing = (
    args: readonly string[],
    change: Record<string, string> = {},
    run = offsite,
  ): Promise<CliResult> => run(['backup', '--source', 'failing', ...args], { ...env, ...change });

  it.each<[string, string[], Record<string, string>, number, string]>([
    ['an unknown flag', ['--buket', 'x'], {}, 2, "unknown option '--buket'"],
    ['a misspelt variable', [], { OFFSITE_BUKET: 'x' }, 2, 'OFFSITE_BUKET'],
    ['an unreachable database', [], { PGPORT: '1' }, 3, '[DATABASE_UNREACHABLE]'],
    ['a wrong password', [], { PGPASSWORD: 'wrong' }, 3, '[DATABASE_REFUSED]'],
    ['a database that does not exist', [], { PGDATABASE: 'nix' }, 3, '[DATABASE_REFUSED]'],
    ['a bucket that does not exist', [], { OFFSITE_BUCKET: 'nix' }, 4, '[BUCKET_MISSING]'],
    [
      'a store that does not answer',
      [],
      { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' },
      4,
      '[STORE_UNREACHABLE]',
    ],
    ['no credentials', [], { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }, 4, '[CREDENTIALS_MISSING]'],
    ['a command that does not exist', ['--', 'no-such-program'], {}, 3, '[PROGRAM_MISSING]'],
    ['a command that writes nothing', ['--', 'true'], {}, 3, '[DUMP_EMPTY]'],
    ['a command that fails after all bytes', ['--', 'sh', '-c', 'pg_dump; exit 3'], {}, 3, '[DUMP_FAILED]'],
    [
      'a command whose failure a pipe hides',
      ['--', 'sh', '-c', 'pg_dump | head -c 2000000'],
      {},
      3,
      '[DUMP_INCOMPLETE]',
    ],
    [
      'a command that is killed',
      ['--', 'sh', '-c', 'pg_dump | head -c 2000000; kill -9 $$'],
      {},
      3,
      '[DUMP_FAILED]',
    ],
    ['another format than plain', ['--', 'pg_dump', '-Fc'], {}, 3, '[DUMP_NOT_PLAIN]'],
    [
      hasProgram('docker')
        ? 'a container where there is no Docker'
        : 'a container where docker is not installed',
      ['--container', 'x'],
      { DOCKER_HOST: 'unix:///nonexistent' },
      3,
      hasProgram('docker') ? '[CONTAINER_UNREACHABLE]' : '[PROGRAM_MISSING]',
    ],
    ['a password on the command line', ['--url', 'postgres://u:S3CRET@h/d'], {}, 2, 'OFFSITE_DATABASE_URL'],
    ['two ways at once', ['--url', 'postgres://h/d', '--container', 'x'], {}, 2, 'exclude each other'],
    ['a source that cannot be a name', ['--source', '../x'], {}, 2, 'source'],
  ])('%s', async (_, args, change, exitCode, said) => {
    const result = await failing(args, change, offsiteHere);
    expect(result.stderr).toContain(said);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(/\n {2}expected {2}\S[\s\S]*\n {2}found {5}\S[\s\S]*\n {2}hint {6}\S/);
    expect(result.stderr).not.toContain('S3CRET');
    expect(result.stderr).not.toContain(env.PGPASSWORD);
  });

  it('a pg_dump that is older than the server', async () => {
    const proxy = await startNewerServer(postgres.port);
    try {
      const result = await failing([], {
        PGHOST: '127.0.0.1',
        PGPORT: String(proxy.port),
        PGSSLMODE: 'disable',
      });
      expect(result.exitCode).toBe(3);
      expect(result.stderr).toContain('[PG_DUMP_TOO_OLD]');
      expect(result.stderr).toContain('pg_dump of major version 99 or newer');
    } finally {
      await proxy.stop();
    }
  });

  it('a server that goes away half-way', async () => {
    const dying = query(
      postgres.connection,
      `DO $$ BEGIN LOOP
         PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND query LIKE 'COPY%';
         EXIT WHEN FOUND; PERFORM pg_sleep(0.002); PERFORM pg_stat_clear_snapshot();
       END LOOP; END $$`,
    );
    const result = await failing([]);
    await dying;
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain('[DUMP_FAILED]');
    expect(result.stderr).toMatch(/terminating connection|server closed the connection|Dumping the contents/);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s', async (signal, exitCode) => {
    // Of this run alone: another may be at work on the same machine.
    const nap = `sleep 61.${process.pid}`;
    const child = execa(
      join(import.meta.dirname, '../../bin/offsite'),
      ['backup', '--source', 'failing', '--', 'sh', '-c', `pg_dump | head -c 3000000; ${nap}`],
      {
        env: { ...env, XDG_STATE_HOME: home },
        reject: false,
        forceKillAfterDelay: false,
      },
    );
    await untilRuns(new RegExp(`^${nap} $`), child);
    child.kill(signal);
    const { exitCode: ended, stderr } = await child;
    expect(ended).toBe(exitCode);
    expect(stderr).toContain('[INTERRUPTED]');
    expect(commandLines().filter((line) => line.includes(nap))).toEqual([]);
  });

  it('never shows a password in ps', async () => {
    const url = `postgres://bitmagnet:${env.PGPASSWORD}@127.0.0.1:${env.PGPORT}/bitmagnet`;
    const { PGPASSWORD: _, ...others } = env;
    // Held until it was seen.
    const giveBack = await holdTable({ via: 'server', env: { ...env } }, 'torrents');
    const running = offsite(['backup', '--source', 'secret'], { ...others, OFFSITE_DATABASE_URL: url });
    const seen = await until('pg_dump runs', () => {
      const lines = commandLines();
      return lines.some((line) => line.includes('pg_dump')) && lines;
    });
    expect(seen.filter((line) => line.includes(env.PGPASSWORD ?? '!'))).toEqual([]);
    await giveBack();
    expect((await running).exitCode).toBe(0);
  });
});

describe('bad input of the other commands', () => {
  it.each<[string, string[], number, string]>([
    ['an impossible date', ['fetch', 'bitagent-2026-02-30-031500Z', '-o', '-'], 2, '[ARCHIVE_ID_INVALID]'],
    [
      'an archive that is not there',
      ['fetch', 'bitagent-2020-02-28-031500Z', '-o', '-'],
      6,
      '[ARCHIVE_MISSING]',
    ],
    ['a file that is not there', ['verify', './nix.sql.gz'], 2, '[USAGE]'],
    ['--gzip-only with a manifest', ['verify', 'x', '--gzip-only', '--manifest', 'nix'], 2, '[USAGE]'],
    ['--gzip-only of an archive', ['verify', 'latest', '--gzip-only'], 2, '[USAGE]'],
    ['no output named', ['fetch', 'latest'], 2, '--output'],
    ['nothing after a flag', ['restore', 'latest', '--dbname', ''], 2, 'something after --dbname'],
    ['an unknown command', ['fech'], 2, 'did you mean fetch?'],
    ['the help of an unknown command', ['help', 'fech'], 2, "unknown command 'fech'"],
    ['an unknown command and --help', ['LST', '--help'], 2, 'did you mean list?'],
    ['a flag before its command', ['--json', 'list'], 2, 'offsite list --json'],
    ['an unknown flag', ['list', '--lmit', '3'], 2, "did you mean --limit? 'offsite list --help'"],
  ])('%s', async (_, args, exitCode, said) => {
    const result = await offsiteHere(args, env);
    expect(result.stderr).toContain(said);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stdout).toBe('');
  });

  it('reads settings from a file, and refuses misspelt ones', async () => {
    const file = join(home, 'offsite.json');
    const { OFFSITE_BUCKET: bucket, ...others } = env;
    writeFileSync(file, JSON.stringify({ bucket, source: 'filed' }));
    expect((await offsiteHere(['list', '--config', file], others)).stderr).toContain('no archive of filed');
    writeFileSync(file, JSON.stringify({ bucket, sorce: 'x' }));
    const refused = await offsiteHere(['list', '--config', file], others);
    expect(refused).toMatchObject({ exitCode: 2 });
    expect(refused.stderr).toContain(`sorce (${file}:1:`);
    writeFileSync(file, '{"dump": {"password": "S3CRET"');
    const broken = await offsiteHere(['list', '--config', file], others);
    expect(broken.stderr).toContain('[CONFIG_UNREADABLE]');
    expect(broken.stderr).not.toContain('S3CRET');
    expect((await offsiteHere(['list', '--config', join(home, 'nix')], others)).stderr).toContain(
      '[CONFIG_UNREADABLE]',
    );
  });

  it('stores one of each source of a settings file, whatever becomes of another of them', async () => {
    const file = join(home, 'several.yaml');
    writeFileSync(
      file,
      `sources:
  one: { dump: { via: command, command: [pg_dump, --table=torrents] } }
  two: { dump: { via: command, command: [sh, -c, 'echo no such database >&2; exit 1'] } }
  three: { dump: { via: command, command: [pg_dump, --table=torrents] } }
`,
    );
    const all = await offsite(['backup', '--all', '--config', file], env);
    expect(all.stdout.split('\n').map((line) => line.split('-')[0])).toEqual(['one', 'three']);
    expect(all.stderr).toContain('offsite: two: the dump failed');
    expect(all.stderr).toContain('1 of 3 sources has no new archive');
    expect(all.exitCode).toBe(3);
    const archives = (await stored()).filter((key) => /\/(one|two|three)\/.*manifest/.test(key));
    expect(archives.map((key) => key.split('/')[1])).toEqual(['one', 'three']);
    expect((await offsiteHere(['backup', '--config', file], env)).stderr).toContain('--source one');
    const list = (...flags: string[]) => offsiteHere(['list', '--config', file, ...flags], env);
    const listed = await list();
    const lines = listed.stdout.split('\n').map((line) => line.split(/[ -]/)[0]);
    expect(lines.filter((word) => word === 'one' || word === 'three')).toEqual([
      'one',
      'one',
      'three',
      'three',
    ]);
    expect(listed.stdout.replaceAll(/\n +/g, ' ')).toContain(
      `'offsite verify --source three --config ${file} latest --record'`,
    );
    expect(listed.stderr).toContain(`no archive of two in ${aws.bucket} yet: 'offsite backup --source two`);
    const answer = answerOf('list', (await list('--json')).stdout);
    expect(answer.map(({ source }: { source: string }) => source)).toEqual(['one', 'three']);
    const shown = await offsiteHere(
      ['config', '--config', file, '--source', 'two', '--region', 'us-east-1'],
      env,
    );
    expect(shown.stdout.replaceAll(/ +/g, ' ')).toBe(`${file}

source two --source
bucket ${aws.bucket} OFFSITE_BUCKET
region us-east-1 --region
endpoint ${aws.endpoint} the aws command's settings
dump.via command several.yaml:3:18
dump.command sh -c 'echo no such database >&2; exit 1' several.yaml:3:32`);
    const ofTwoLines = { ...env, OFFSITE_REGION: 'us-east-1\nx' };
    const odd = await offsiteHere(['config', '--config', file, '--source', 'two'], ofTwoLines);
    expect(odd.stdout.replaceAll(/ +/g, ' ')).toContain('\nregion us-east-1\\u000ax OFFSITE_REGION');
  });

  it('takes an archive without manifest for none, and a newer manifest for what it is', async () => {
    const store = aws.store;
    const orphan = 'orphan-2026-01-01-000000Z';
    await store.write(`archives/orphan/${orphan}.sql.gz`, 'x');
    expect((await offsiteHere(['list', '--source', 'orphan'], env)).stdout).toContain('no manifest');
    const fetched = await offsiteHere(['fetch', orphan, '-o', join(home, 'o')], env);
    expect(fetched).toMatchObject({ exitCode: 6 });
    expect(fetched.stderr).toContain('never committed');
    for (const flags of [[], ['--any']]) {
      const newest = ['fetch', 'latest', '--source', 'orphan', ...flags, '-o', join(home, 'o')];
      const { exitCode, stderr } = await offsiteHere(newest, env);
      expect(exitCode).toBe(6);
      expect(stderr).toContain(`found     ${orphan}: no manifest`);
      expect(stderr).toContain("'offsite backup --source orphan'");
    }
    expect((await offsiteHere(['verify', orphan], env)).stderr).toContain('[MANIFEST_MISSING]');
    await store.write(`archives/orphan/${orphan}.manifest.json`, '{"format": 99}');
    for (const args of [
      ['verify', orphan],
      ['fetch', orphan, '-o', join(home, 'o')],
      ['restore', orphan],
    ]) {
      const result = await offsiteHere(args, env);
      expect(result.stderr).toContain('[MANIFEST_TOO_NEW]');
      expect(result.exitCode).toBe(5);
    }
    expect(readdirSync(home)).not.toContain('o');
    expect(readdirSync(home)).not.toContain('o.partial');
  });

  it('leaves no file behind when the bytes are not those of the manifest', async () => {
    const { id } = answerOf(
      'backup',
      (await offsiteHere(['backup', '--source', 'flipped', '--json'], env)).stdout,
    );
    const store = aws.store;
    const key = `archives/flipped/${id}.sql.gz`;
    await store.write(key, 'other bytes');
    const fetched = await offsite(['fetch', id, '-o', join(home, 'f')], env);
    expect(fetched).toMatchObject({ exitCode: 5 });
    expect(fetched.stderr).toContain('[ARCHIVE_DAMAGED]');
    expect(readdirSync(home).filter((name) => name.startsWith('f'))).toEqual([]);
    const admin = { ...env, ...postgres.connection.env };
    const restored = await offsiteHere(['restore', id, '--into', 'never', '--create-roles'], admin);
    expect(restored.exitCode).toBe(5);
    expect(await query(postgres.connection, "SELECT 1 FROM pg_database WHERE datname = 'never'")).toEqual([]);
    await store.delete(key);
    expect((await offsiteHere(['fetch', id, '-o', join(home, 'f')], env)).exitCode).toBe(6);
  });
});
