// What the agent remembers, and what becomes of it when it cannot: clocks that are set back, states that are lost,
// disks that are full, and another agent in the same second.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { committed, storeEnvironment } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { smallDump } from '../fixtures/archives.ts';
import { type CliResult, keysIn, offsite } from '../fixtures/cli.ts';
import { hasMoto, startMoto } from '../fixtures/moto.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';
import { canMount, onSmallDisk } from '../fixtures/small-disk.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-agent-'));
let stub: S3Stub;
let env: Record<string, string>;
let state: string;
let count = 0;

beforeEach(async ({ onTestFinished, task }) => {
  stub = await startS3Stub();
  count += 1;
  const XDG_STATE_HOME = join(home, String(count));
  state = join(XDG_STATE_HOME, 'offsite', 'bitagent.json');
  env = { ...storeEnvironment(stub), XDG_STATE_HOME };
  onTestFinished(async () => {
    task.meta.holds ??= stub.holds();
    await stub.stop();
  });
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const dumpFile = (torrents: number): string => {
  const file = join(home, `${torrents}.sql`);
  writeFileSync(file, smallDump(torrents));
  return file;
};
const backup = (torrents = 100, change: Record<string, string> = {}, ...args: string[]): Promise<CliResult> =>
  offsite(['backup', ...args, '--', 'cat', dumpFile(torrents)], { ...env, ...change });
const idsStored = () => committed(stub).map(({ id }) => id);
const secondAfter = (id: string) => {
  const [, day, time] = /(\d{4}-\d\d-\d\d)-(\d{6})Z$/.exec(id) ?? [];
  const iso = `${day}T${time?.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`;
  return new Date(Date.parse(iso) + 1000).toISOString().slice(11, 19).replaceAll(':', '');
};
const remember = (lastId: string) => {
  mkdirSync(join(state, '..'), { recursive: true });
  writeFileSync(state, JSON.stringify({ format: 1, lastId }));
};

describe('the comparison with the previous archive', () => {
  it('follows the closing line, is with the last archive that was stored, and makes a halved dump stand out', async () => {
    const first = await backup(1000);
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout.split('\n')).toHaveLength(1);
    const [id] = idsStored();
    const second = await backup(1021);
    expect(second).toMatchObject({ exitCode: 0, stderr: '' });
    expect(second.stdout.split('\n')[1]).toMatch(
      new RegExp(`^ {2}\\+2\\.\\d % bytes, (same duration as|[\\d.]+ m?s (longer|shorter) than) ${id}$`),
    );
    // A run that failed is not what is compared with.
    expect((await offsite(['backup', '--', 'false'], env)).exitCode).toBe(3);
    const third = answerOf('backup', (await backup(1021, {}, '--json')).stdout);
    expect(third.previous).toMatchObject({ id: idsStored()[1], plainBytes: third.plainBytes });
    const halved = await backup(420);
    expect(halved.exitCode).toBe(0);
    expect(halved.stdout).toMatch(/\n {2}-5\d\.\d % bytes/);
    expect(halved.stderr).toMatch(
      /^offsite: warning: bitagent-\S+ holds only 4\d % of the bytes of bitagent-/,
    );
    expect(idsStored()).toHaveLength(4);
  });

  it('is lost, and nothing else, with the state', async () => {
    // What else is no state is told by settings/agent-state.test.ts.
    const harms: [string, (file: string) => void][] = [
      ['lost', (file) => rmSync(file)],
      ['of zero bytes', (file) => writeFileSync(file, Buffer.alloc(300))],
    ];
    await backup();
    for (const [what, harm] of harms) {
      harm(state);
      // Within the same second only the store would notice.
      await sleep(1001);
      const again = await backup();
      expect(again, what).toMatchObject({ exitCode: 0, stderr: '' });
      expect(again.stdout.split('\n'), what).toHaveLength(1);
      // It remembers again.
      expect(readFileSync(state, 'utf8'), what).toContain(idsStored().sort().at(-1));
    }
    expect((await backup()).stdout).toContain('same bytes');
    expect(idsStored()).toHaveLength(harms.length + 2);
  });

  it('is lost, with a warning, where the state cannot be written', async () => {
    mkdirSync(state, { recursive: true });
    const { exitCode, stdout, stderr } = await backup();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^bitagent-/);
    expect(stderr).toMatch(/^offsite: warning: the agent's state cannot be written/);
    expect(stderr.split('\n')).toHaveLength(1);
    expect(idsStored()).toHaveLength(1);
    expect(readdirSync(join(state, '..'))).toEqual(['bitagent.json']);
  });
});

describe('an id is never used twice', () => {
  it('though runs follow each other within a second', async () => {
    for (let run = 0; run < 2; run += 1) expect(await backup()).toMatchObject({ exitCode: 0, stderr: '' });
    expect(new Set(idsStored()).size).toBe(2);
  });

  it('though the clock was set back: each is dated a second after the last, and that is said', async () => {
    const last = 'bitagent-2099-12-31-235900Z';
    remember(last);
    const { exitCode, stderr } = await backup();
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`the clock went back: it is`);
    expect(stderr).toContain(last);
    expect(stderr).toContain(state);
    expect(idsStored()).toEqual([last.replace('235900', secondAfter(last))]);
    await backup();
    expect(idsStored()[1]).toBe(last.replace('235900', '235902'));
  });

  it('though the run that used it failed', async () => {
    remember('bitagent-2099-12-31-235900Z');
    expect((await offsite(['backup', '--', 'false'], env)).exitCode).toBe(3);
    await backup();
    expect(idsStored()).toEqual(['bitagent-2099-12-31-235902Z']);
  });
});

describe('two agents for the same second', () => {
  /** Both take the second after this one. */
  const last = 'bitagent-2099-12-31-235900Z';
  const next = 'bitagent-2099-12-31-235901Z';
  const both = async (at: Record<string, string>): Promise<CliResult[]> => {
    const runs = ['one', 'other'].map((name) => {
      const XDG_STATE_HOME = join(home, `${count}-${name}`);
      state = join(XDG_STATE_HOME, 'offsite', 'bitagent.json');
      remember(last);
      return backup(name === 'one' ? 3000 : 5000, { ...at, XDG_STATE_HOME });
    });
    return (await Promise.all(runs)).toSorted((one, other) => (one.exitCode ?? 0) - (other.exitCode ?? 0));
  };

  it('one wins, the other says so', async () => {
    const [winner, loser] = await both(env);
    expect([winner?.exitCode, loser?.exitCode]).toEqual([0, 4]);
    expect(loser?.stderr).toContain('[ARCHIVE_EXISTS]');
    expect(loser?.stdout).toBe('');
    expect(winner?.stdout).toContain(next);
    expect(idsStored()).toEqual([next]);
    expect(stub.bucket.uploads.size).toBe(0);
  });

  it.skipIf(!hasMoto)('one wins, the other says so: the same at moto', async ({ task }) => {
    const moto = await startMoto();
    try {
      const client = new S3Client({
        endpoint: moto.endpoint,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
      });
      await client.send(new CreateBucketCommand({ Bucket: 'vault' }));
      const [winner, loser] = await both(moto.env);
      expect([winner?.exitCode, loser?.exitCode], loser?.stderr).toEqual([0, 4]);
      expect(loser?.stderr).toContain('[ARCHIVE_EXISTS]');
      const keys = await keysIn(moto.endpoint, 'vault');
      expect(keys).toEqual([`archives/bitagent/${next}.manifest.json`, `archives/bitagent/${next}.sql.gz`]);
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'vault' }));
      expect(Uploads).toBeUndefined();
      task.meta.holds = 'archive + manifest';
    } finally {
      await moto.stop();
    }
  });
});

describe.skipIf(!canMount)('a disk without room', () => {
  it('stops no back-up: nothing needs it but the state, and that is a warning', async () => {
    await onSmallDisk(async (full) => {
      try {
        writeFileSync(join(full, 'filler'), Buffer.alloc(128 * 1024));
      } catch {}
      expect(() => writeFileSync(join(full, 'more'), Buffer.alloc(8192))).toThrow('ENOSPC');
      const change = { TMPDIR: full, HOME: full, XDG_STATE_HOME: join(full, 'state'), XDG_CACHE_HOME: full };
      const { exitCode, stdout, stderr } = await backup(20_000, change);
      expect(exitCode, stderr).toBe(0);
      expect(stdout).toMatch(/^bitagent-/);
      expect(stderr).toMatch(/^offsite: warning: the agent's state cannot be written.*ENOSPC/);
      expect(idsStored()).toHaveLength(1);
    });
  });
});
