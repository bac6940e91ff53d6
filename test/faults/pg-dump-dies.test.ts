// pg_dump that ends too early, at many places, or badly, or because of its server: nothing of it is ever stored.

import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readSourceDatabase } from '../../lib/backup/ask-server.ts';
import { backup as takeArchive } from '../../lib/backup/backup.ts';
import { dump } from '../../lib/backup/dump.ts';
import { endWhenStalled } from '../../lib/backup/stall.ts';
import { describeError, exitCodeOf } from '../../lib/base/errors.ts';
import { findPostgresPrograms } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { unprivilegedUser } from '../../lib/postgres/unprivileged-user.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { committed, standBefore, storeEnvironment, storeOf, whereIs } from '../fixtures/agent.ts';
import { offsite } from '../fixtures/cli.ts';
import { corpus, dumpOf } from '../fixtures/postgres.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

let stub: S3Stub;
let postgres: ThrowawayPostgres;
let env: Record<string, string>;
let database: Readonly<Record<string, string>>;
const ofServer = { via: 'server' } as const;
let plain: Buffer;
const folder = mkdtempSync(join(tmpdir(), 'offsite-faults-'));

beforeAll(async () => {
  postgres = await startThrowawayPostgres({ tuned: true });
  const owner = await loadCorpus(postgres.connection, corpus);
  if (owner.via !== 'server') throw new Error('unreachable');
  database = owner.env;
  plain = await dumpOf(owner);
  stub = await startS3Stub();
  env = { ...storeEnvironment(stub), ...owner.env, GATE: join(folder, 'gate') };
  env.PATH = `${folder}:${env.PATH}`;
});
afterEach(({ task }) => {
  task.meta.holds = stub.holds();
  expect(stub.bucket.objects.size).toBe(0);
  expect(stub.bucket.uploads.size).toBe(0);
});
afterAll(async () => {
  await stub?.stop();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** pg_dump gives so many bytes and waits with the next; what then happens to it is another script. */
const passing = (bytes: number, then: string) => `case "$*" in *--version*) exec "$REAL" "$@" ;; esac
fifo=$(mktemp -u "$(dirname "$0")/fifo.XXXXXX"); mkfifo "$fifo"
"$REAL" "$@" > "$fifo" & pid=$!
exec 3< "$fifo"; rm "$fifo"
head -c ${bytes} <&3
${then}`;

const backup = (change: Record<string, string> = {}, ...args: string[]) =>
  offsite(['backup', ...args], { ...env, ...change });

/** As the command does it, in this process: half a second for each place is the start of the program. */
const takeHere = () =>
  takeArchive({
    source: 'bitagent',
    dump: (signal) => endWhenStalled((either) => dump(ofServer, { signal: either }), 60_000, signal),
    askDatabase: (signal) => readSourceDatabase(ofServer, signal),
    store: storeOf(stub),
    now: () => new Date(),
  });

describe('pg_dump is killed (SIGKILL)', () => {
  const { PATH } = process.env;
  beforeAll(() => void Object.assign(process.env, { ...database, PATH: env.PATH }));
  afterAll(() => {
    for (const name of Object.keys(database)) delete process.env[name];
    process.env.PATH = PATH;
  });
  const killAfter = (bytes: number) =>
    standBefore('pg_dump', folder, passing(bytes, 'kill -9 $pid; wait $pid; kill -9 $$'));
  const at = (text: string, from = 0) => plain.indexOf(text, from) - from;
  const lastRow = () => plain.lastIndexOf('\n\\.\n');
  const marker = () => plain.lastIndexOf('-- PostgreSQL database dump complete');
  it.each<[string, () => number]>([
    ['before its first byte', () => 0],
    ['after 1 byte', () => 1],
    ['within its header', () => 200],
    ['a byte before its first page is full', () => 4095],
    ['at its first page', () => 4096],
    ['a byte after its first page', () => 4097],
    ['a byte before a pipe is full', () => 65_535],
    ['at a full pipe', () => 65_536],
    ['a byte after a full pipe', () => 65_537],
    ['before the first row', () => at('FROM stdin;\n') + 12],
    ['within the first row', () => at('FROM stdin;\n') + 20],
    ['at a quarter', () => plain.length >> 2],
    ['at half', () => plain.length >> 1],
    ['within torrents', () => at('COPY public.torrents ') + 5000],
    ['at the end of a member (4 MiB)', () => 4 * 1024 ** 2],
    ['before the last \\.', () => lastRow() + 1],
    ['after all rows', () => lastRow() + 4],
    ['within the keys and indexes', () => (lastRow() + plain.length) >> 1],
    ['before the end marker', marker],
    ['within the end marker', () => marker() + 20],
    ['right after the end marker', () => marker() + 37],
    ['a byte before its last', () => plain.length - 1],
    ['after its last byte', () => plain.length],
  ])('%s', async (_, bytes) => {
    expect(bytes()).toBeGreaterThanOrEqual(0);
    killAfter(bytes());
    const error = await takeHere().catch((reason: unknown) => reason);
    expect(describeError(error)).toContain('[DUMP_FAILED]');
    expect(describeError(error)).toContain('ended by SIGKILL');
    expect(exitCodeOf(error)).toBe(3);
  });

  it('and the command says so', async () => {
    killAfter(plain.length - 1);
    const { exitCode, stderr, stdout } = await backup();
    expect(stderr).toContain('[DUMP_FAILED]');
    expect(stderr).toContain('ended by SIGKILL');
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
  });
});

describe('pg_dump fails', () => {
  it('is missing', async () => {
    const empty = mkdtempSync(join(folder, 'bin-'));
    for (const program of ['sh', 'readlink', 'dirname', 'find', 'psql'])
      symlinkSync(whereIs(program), join(empty, program));
    const { exitCode, stderr } = await backup({ PATH: empty });
    expect(stderr).toContain('[PROGRAM_MISSING]');
    expect(stderr).toContain('postgresql-client');
    expect(exitCode).toBe(3);
  });

  it('has a wrong password', async () => {
    standBefore('pg_dump', folder, 'exec "$REAL" "$@"');
    const { exitCode, stderr } = await backup({ PGPASSWORD: 'wrong' });
    expect(stderr).toContain('[DATABASE_REFUSED]');
    expect(exitCode).toBe(3);
  });

  it.each([1, 3, 255])('exits with %i after all bytes', async (code) => {
    standBefore('pg_dump', folder, `"$REAL" "$@"; exit ${code}`);
    const { exitCode, stderr } = await backup();
    expect(stderr).toContain(`exit code ${code}`);
    expect(exitCode).toBe(3);
  });

  it('exits with 0 after half of its bytes', async () => {
    standBefore('pg_dump', folder, passing(plain.length >> 1, 'kill -9 $pid; exit 0'));
    const { exitCode, stderr } = await backup();
    expect(stderr).toContain('[DUMP_INCOMPLETE]');
    expect(exitCode).toBe(3);
  });

  it('loses its server, which restarts at once', async () => {
    standBefore(
      'pg_dump',
      folder,
      passing(
        plain.length >> 1,
        `touch "$GATE"; while [ -e "$GATE" ]; do sleep 0.05; done; cat <&3; wait $pid`,
      ),
    );
    const running = backup();
    while (!existsSync(env.GATE ?? '')) await sleep(20);
    const pgCtl = async (...args: string[]) => {
      const options = { ...(await unprivilegedUser()), cwd: postgres.directory, stdio: 'ignore' } as const;
      const data = join(postgres.directory, 'data');
      await execa(
        join(findPostgresPrograms() ?? '', 'pg_ctl'),
        ['-D', data, '-m', 'immediate', ...args],
        options,
      );
    };
    await pgCtl('-w', '-l', '/dev/null', 'restart');
    try {
      rmSync(env.GATE ?? '');
      const { exitCode, stderr } = await running;
      expect(stderr).toContain('[DUMP_FAILED]');
      expect(stderr).toMatch(/terminating connection|server closed the connection|Dumping the contents/);
      expect(exitCode).toBe(3);
      // It is back: the next run comes through, and is taken away again for the next test.
      standBefore('pg_dump', folder, 'exec "$REAL" "$@"');
      const again = await backup();
      expect(again.exitCode, again.stderr).toBe(0);
      expect(committed(stub)).toHaveLength(1);
      stub.bucket.objects.clear();
    } finally {
      await pgCtl('stop');
    }
  });
});
