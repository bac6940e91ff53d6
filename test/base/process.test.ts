// Rule 1: a stream that ends has succeeded; and what came through is what was written, whatever the pace of either side.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { type ChildFailure, stdoutOf, textOf } from '../../lib/base/process.ts';
import { giveBack } from '../../lib/base/read-blocks.ts';
import { untilRuns } from '../fixtures/events.ts';
import { commandLines } from '../fixtures/postgres.ts';
import { inTemporary } from '../fixtures/temporary.ts';

const writer = join(import.meta.dirname, '..', 'fixtures', 'uneven-writer.mjs');
const errorOf = (failure: ChildFailure) => Object.assign(new Error('it failed'), { failure });
const sh = (line: string, signal?: AbortSignal) =>
  stdoutOf({ program: 'sh', args: ['-c', line] }, { errorOf, signal });

/** Reads to the end and finds the first word that is not its own number. */
async function firstWrongWord(
  chunks: AsyncIterable<Buffer>,
  readerPauseMs: number,
): Promise<[number, number]> {
  let words = 0;
  let wrong = -1;
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    // As the compressor does: the buffer is read into again from now on.
    giveBack(chunk);
    if (readerPauseMs > 0 && words % 7 === 0) await sleep(readerPauseMs);
    const whole = bytes.length - (bytes.length % 4);
    for (let at = 0; at < whole && wrong < 0; at += 4) {
      if (bytes.readUInt32LE(at) !== words + at / 4) wrong = words + at / 4;
    }
    words += whole / 4;
    rest = Buffer.from(bytes.subarray(whole));
  }
  return [words, wrong];
}

describe('what comes through', () => {
  it.each([
    ['a steady writer', 1, 0, 0],
    ['a writer that pauses', 2, 30, 0],
    ['a reader that pauses', 3, 0, 15],
    ['both', 4, 30, 15],
    ['both, otherwise', 5, 15, 25],
  ])('is what was written: %s', async (_, seed, writerPauseMs, readerPauseMs) => {
    const words = 1_500_000;
    const args = [writer, String(seed), String(words), String(writerPauseMs)];
    const chunks = stdoutOf({ program: process.execPath, args }, { errorOf });
    expect(await firstWrongWord(chunks, readerPauseMs)).toEqual([words, -1]);
  });

  it('is nothing, of a program that writes nothing', async () => {
    expect(await Array.fromAsync(sh('true'))).toEqual([]);
  });
});

describe('a child that fails', () => {
  it.each([
    ['before its first byte', 'echo no >&2; exit 3', { exitCode: 3, stderr: 'no' }],
    [
      'after its last byte',
      'head -c 1000000 /dev/zero; echo late >&2; exit 4',
      { exitCode: 4, stderr: 'late' },
    ],
    ['by a signal', 'head -c 1000 /dev/zero; kill -9 $$', { signal: 'SIGKILL' }],
  ])('%s fails the stream, also when the reader is slow', async (_, line, failure) => {
    for (const pauseMs of [0, 50]) {
      const read = async () => {
        for await (const chunk of sh(line)) {
          giveBack(chunk);
          await sleep(pauseMs);
        }
      };
      await expect(read()).rejects.toMatchObject({ failure });
    }
  });

  it('because it does not exist says so', async () => {
    const missing = stdoutOf({ program: 'no-such-program', args: [] }, { errorOf });
    await expect(Array.fromAsync(missing)).rejects.toMatchObject({ failure: { startError: 'ENOENT' } });
  });
});

describe('a child that is left', () => {
  it('is ended with all that it started, when the reader leaves', async () => {
    for await (const _ of sh('head -c 100000 /dev/zero; sleep 71; true')) break;
    expect(commandLines().filter((line) => line.includes('sleep 71 '))).toEqual([]);
  });

  it('is ended when the signal aborts, and the reason is thrown', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const reading = Array.fromAsync(sh('sleep 72; true', abort.signal));
    await untilRuns(/^sleep 72 $/);
    abort.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect(commandLines().filter((line) => line.includes('sleep 72 '))).toEqual([]);
  });
});

describe('the pipe', () => {
  it('leaves nothing in the file system', async () => {
    await inTemporary(async (folder) => {
      expect(Buffer.concat(await Array.fromAsync(sh('echo here'))).toString()).toBe('here\n');
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it('may be opened by name, as a program does that is told to write to /dev/stdout', async () => {
    expect(Buffer.concat(await Array.fromAsync(sh('echo here > /dev/stdout'))).toString()).toBe('here\n');
  });

  it('is used again, and of what was left in it nothing reaches the next', async () => {
    for (let times = 0; times < 20; times += 1) {
      for await (const _ of sh('yes left; sleep 74')) break;
      expect(Buffer.concat(await Array.fromAsync(sh('echo next'))).toString()).toBe('next\n');
    }
    const files = readdirSync('/proc/self/fd').length;
    for (let times = 0; times < 5; times += 1) await Array.fromAsync(sh('echo next'));
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(files);
  });

  it('is one of Node’s where there is no mkfifo, and what comes through is the same', async () => {
    const { PATH } = process.env;
    const words = 200_000;
    process.env.PATH = '/nonexistent';
    vi.resetModules();
    try {
      const fresh = await import('../../lib/base/process.ts');
      const { OutputPipe } = await import('../../lib/base/output-pipe.ts');
      const command = { program: process.execPath, args: [writer, '6', String(words), '0'] };
      expect(OutputPipe.open()).toBeUndefined();
      expect(await firstWrongWord(fresh.stdoutOf(command, { errorOf }), 0)).toEqual([words, -1]);
    } finally {
      process.env.PATH = PATH;
    }
  });
});

describe('a child that was told to stop', () => {
  it('has not succeeded, though it exits with 0', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const chunks = sh('trap "exit 0" TERM; echo ready; sleep 73 & wait', abort.signal);
    await chunks.next();
    abort.abort(reason);
    await expect(chunks.next()).rejects.toBe(reason);
    expect(commandLines().filter((line) => line.includes('sleep 73'))).toEqual([]);
  });
});

describe('a short text', () => {
  it('is read whole, of a program that reads its stdin', async () => {
    const said: string[] = [];
    const command = { program: 'sh', args: ['-c', 'cat; echo words >&2'] };
    const options = { errorOf, onWords: (words: string) => void said.push(words) };
    expect(await textOf(command, options, 'größe')).toBe('größe');
    expect(said).toEqual(['words']);
  });
});
