// A dump that gives no byte: it is ended, with all that it started. A slow store is another thing, and is waited for.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endWhenStalled } from '../../lib/backup/stall.ts';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { committed, storeEnvironment } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { offsite } from '../fixtures/cli.ts';
import { holdTable, until } from '../fixtures/events.ts';
import { commandLines, corpus } from '../fixtures/postgres.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-stalls-'));
/** No other test sleeps for so long. */
const nap = `700.${process.pid}`;
let stub: S3Stub;
let env: Record<string, string>;

beforeEach(async ({ onTestFinished, task }) => {
  stub = await startS3Stub();
  env = { ...storeEnvironment(stub), PATH: `${folder}:${process.env.PATH}` };
  onTestFinished(async () => {
    task.meta.holds = stub.holds();
    await stub.stop();
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const running = (word: string) => commandLines().filter((line) => line.includes(word));

async function expectStall(args: readonly string[], change: Record<string, string> = {}): Promise<string> {
  const result = await offsite(['backup', '--stall-timeout', '2s', ...args], { ...env, ...change });
  expect(result.stderr).toContain('[DUMP_STALLED]');
  expect({ exitCode: result.exitCode, stdout: result.stdout }).toEqual({ exitCode: 3, stdout: '' });
  expect(stub.holds()).toBe('nothing');
  return result.stderr;
}

describe('a dump that gives no byte', () => {
  const half = join(folder, 'half.sql');
  beforeAll(() => writeFileSync(half, smallDump(50_000).slice(0, 700_000)));

  it('is ended before its first byte, with what it started', async () => {
    const stderr = await expectStall(['--', 'sh', '-c', `sleep ${nap} & sleep ${nap}`]);
    expect(stderr).toContain('not one byte for 2.0 s');
    expect(stderr).toContain('--stall-timeout');
    expect(running(nap)).toEqual([]);
  });

  it('is ended in the middle', async () => {
    const stderr = await expectStall(['--', 'sh', '-c', `cat ${half}; sleep ${nap}`]);
    expect(stderr).toContain('no byte after the first 700000');
    expect(running(nap)).toEqual([]);
  });

  it('is ended after all of its bytes, if it does not exit', async () => {
    const whole = join(folder, 'whole.sql');
    writeFileSync(whole, smallDump(10));
    await expectStall(['--', 'sh', '-c', `cat ${whole}; sleep ${nap}`]);
    expect(running(nap)).toEqual([]);
  });

  it('is ended though it does not listen to SIGTERM', async () => {
    await expectStall([
      '--',
      'sh',
      '-c',
      `trap "" TERM; cat ${half}; sleep ${nap}; sleep ${nap}; sleep ${nap}`,
    ]);
    expect(running(nap)).toEqual([]);
  });

  it('is ended though it was stopped (SIGSTOP)', async () => {
    await expectStall(['--', 'sh', '-c', `cat ${half}; kill -STOP $$; : ${nap}`]);
    expect(running(nap)).toEqual([]);
  });

  it('is waited for with --stall-timeout 0', async () => {
    const whole = join(folder, 'late.sql');
    writeFileSync(whole, smallDump(10));
    const args = ['backup', '--stall-timeout', '0', '--', 'sh', '-c', `sleep 1; cat ${whole}`];
    expect(await offsite(args, env)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(committed(stub)).toHaveLength(1);
  });

  it('refuses a limit that is none', async () => {
    const { exitCode, stderr } = await offsite(['backup', '--stall-timeout', '15'], env);
    expect(stderr).toContain('--stall-timeout 15m');
    expect(exitCode).toBe(2);
  });
});

describe('pg_dump itself', () => {
  let postgres: ThrowawayPostgres;
  beforeAll(async () => {
    postgres = await startThrowawayPostgres({ tuned: true });
    await loadCorpus(postgres.connection, corpus);
  });
  afterAll(() => postgres?.stop());

  it('waits for a lock, is ended, and the server is rid of it', async () => {
    const database = { ...postgres.connection.env, PGDATABASE: 'bitmagnet' };
    const giveBack = await holdTable({ via: 'server', env: database }, 'torrents');
    try {
      const stderr = await expectStall([], database);
      expect(stderr).toContain('pg_stat_activity');
    } finally {
      await giveBack();
    }
    const dumping = `SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump'`;
    await until('the server is rid of pg_dump', async () => {
      return (await query(postgres.connection, dumping)).length === 0;
    });
  });
});

describe('a store that is slow', () => {
  it('is no stall of the dump: what counts is time spent waiting for the dump', async () => {
    const file = join(folder, 'large.sql');
    const rows = randomBytes(30 * 1024 ** 2).toString('base64');
    writeFileSync(file, smallDump(1).replace('name 0', `${rows}`));
    stub.fail('part', [1, 4], { delayMs: 3000 });
    const result = await offsite(['backup', '--stall-timeout', '2s', '--', 'cat', file], env);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(committed(stub)).toMatchObject([{ plainBytes: readFileSync(file).length }]);
    expect(stub.count('part')).toBeGreaterThan(2);
  });

  it('is waited for by the step, however long the reader takes', async () => {
    const chunks: string[] = [];
    const quick = () =>
      (async function* () {
        yield Buffer.from('a');
        yield Buffer.from('b');
      })();
    for await (const chunk of endWhenStalled(quick, 50)) {
      await sleep(150);
      chunks.push(chunk.toString());
    }
    expect(chunks).toEqual(['a', 'b']);
  });
});

describe('the step', () => {
  const never = (signal: AbortSignal, whenItWaits?: () => void) =>
    (async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        whenItWaits?.();
      });
    })();
  const readAll = async (chunks: AsyncIterable<Uint8Array>) => {
    for await (const _ of chunks);
  };

  it('passes on who interrupted: a stall, or the caller', async () => {
    await expect(readAll(endWhenStalled((signal) => never(signal), 50))).rejects.toMatchObject({
      code: 'DUMP_STALLED',
    });
    const caller = new AbortController();
    const interrupted = (signal: AbortSignal) => never(signal, () => caller.abort(new Error('SIGTERM')));
    const reading = readAll(endWhenStalled(interrupted, 600_000, caller.signal));
    await expect(reading).rejects.toThrow('SIGTERM');
  });

  it('leaves no timer behind, and ends the dump when it is left early', async () => {
    let ended = false;
    const endless = () =>
      (async function* () {
        try {
          for (;;) yield Buffer.from('x');
        } finally {
          ended = true;
        }
      })();
    for await (const _ of endWhenStalled(endless, 60_000)) break;
    expect(ended).toBe(true);
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).toBeLessThan(3);
  });
});
