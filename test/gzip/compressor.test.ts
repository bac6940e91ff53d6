import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { backup } from '../../lib/backup/backup.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { childCompressor } from '../../lib/gzip/child-compressor.ts';
import {
  type CompressOptions,
  type CompressorChoice,
  chooseCompressor,
  compressMembers,
} from '../../lib/gzip/compressor.ts';
import type { Member } from '../../lib/gzip/gzip-members.ts';
import { crcText } from '../../lib/gzip/gzip-members.ts';
import { GzipReader } from '../../lib/gzip/inflate.ts';
import type { Compressor } from '../../lib/gzip/member-stream.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { brokenCompressors, writeProgram } from '../fixtures/compressors.ts';
import { until } from '../fixtures/events.ts';
import { commandLines } from '../fixtures/postgres.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

/** No other test sleeps for so long. */
const nap = `1000.${process.pid}`;
const choices: Exclude<CompressorChoice, 'auto'>[] = ['igzip', 'pigz', 'node', 'small'];

function isInstalled(choice: CompressorChoice): boolean {
  try {
    chooseCompressor(choice);
    return true;
  } catch {
    console.warn(`NOT TESTED: ${choice} is not installed (apt-get install isal pigz)`);
    return false;
  }
}

/** Rows that look like BitAgent's: hashes that hardly compress, words that do. */
function rows(bytes: number): Buffer {
  let state = 1;
  const lines: string[] = [];
  for (let length = 0; length < bytes; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const line = `${state.toString(16)}${(state * 7919).toString(16)}\tSome Torrent ${state % 97}\t\\N\n`;
    lines.push(line);
    length += line.length;
  }
  return Buffer.from(lines.join('')).subarray(0, bytes);
}

async function* inChunks(bytes: Buffer, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function compressed(
  plain: AsyncIterable<Uint8Array>,
  compressor: Compressor,
  options: CompressOptions = {},
): Promise<{ file: Buffer; members: Member[] }> {
  const pieces: Buffer[] = [];
  const members: Member[] = [];
  for await (const one of compressMembers(plain, compressor, options)) {
    pieces.push(...one.pieces);
    members.push(one.member);
  }
  return { file: Buffer.concat(pieces), members };
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'offsite-compressor-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(choices)('%s', (choice) => {
  const installed = isInstalled(choice);

  test.skipIf(!installed)(
    'gives members of the fixed length, listed rightly, that gunzip reads to the same bytes',
    async () => {
      const compressor = chooseCompressor(choice);
      const plain = rows(400_000);
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1000, max: 90_000 }),
          fc.integer({ min: 0, max: 4 }),
          fc.integer({ min: -3, max: 3 }),
          fc.integer({ min: 1, max: 40_000 }),
          async (plainBytesEach, count, beside, chunkBytes) => {
            const text = plain.subarray(0, Math.max(0, plainBytesEach * count + beside));
            const { file, members } = await compressed(inChunks(text, chunkBytes), compressor, {
              plainBytesEach,
            });
            expect(text.length === 0 ? file.length === 0 : gunzipSync(file).equals(text)).toBe(true);
            expect(members.map(({ plainBytes }) => plainBytes)).toEqual(slices(text.length, plainBytesEach));
            const reader = new GzipReader(inChunks(file, 7000));
            for await (const _ of reader);
            if (text.length > 0) expect(reader.result.error).toBeUndefined();
            if (text.length > 0) expect(reader.result.members).toEqual(members);
          },
        ),
        { numRuns: 25 },
      );
    },
  );

  test.skipIf(!installed)('cuts at its own member length', async () => {
    const compressor = chooseCompressor(choice);
    const { memberPlainBytes } = compressor;
    const plain = rows(2 * memberPlainBytes + 1_500_000);
    const { file, members } = await compressed(inChunks(plain, 65_536), compressor);
    expect(members.map(({ plainBytes }) => plainBytes)).toEqual([
      memberPlainBytes,
      memberPlainBytes,
      1_500_000,
    ]);
    const own = members.map(({ offset, compressedBytes }) =>
      gunzipSync(file.subarray(offset, offset + compressedBytes)),
    );
    expect(own.map((text) => crcText(crc32(text)))).toEqual(members.map((member) => member.crc32));
    expect(execFileSync('gunzip', ['-c'], { input: file, maxBuffer: 2 ** 27 }).equals(plain)).toBe(true);
  });

  test.skipIf(!installed)('passes the dump’s failure on', async () => {
    const failure = new Error('pg_dump died');
    async function* failing() {
      yield rows(50_000);
      throw failure;
    }
    const options = { plainBytesEach: 20_000 };
    await expect(compressed(failing(), chooseCompressor(choice), options)).rejects.toBe(failure);
  });

  test.skipIf(!installed)('stops when its reader stops', async () => {
    const members = compressMembers(inChunks(rows(300_000), 1000), chooseCompressor(choice), {
      plainBytesEach: 10_000,
    });
    for await (const _ of members) break;
  });
});

function slices(length: number, each: number): number[] {
  return Array.from({ length: Math.ceil(length / each) }, (_, index) =>
    Math.min(each, length - index * each),
  );
}

describe('the choice', () => {
  test('is the fastest that is installed', () => {
    const [both, pigz, none] = ['both', 'pigz', 'none'].map((name) => join(folder, name));
    for (const name of ['igzip', 'pigz']) writeProgram(both as string, name, 'exit 1');
    writeProgram(pigz as string, 'pigz', 'exit 1');
    expect(chooseCompressor('auto', both).name).toBe('igzip-2');
    expect(chooseCompressor('auto', `${none}:${pigz}`).name).toMatch(/^pigz-\d$/);
    expect(chooseCompressor('auto', none).name).toBe('node-zlib-3');
    expect(chooseCompressor('auto', '').name).toBe('node-zlib-3');
    expect(chooseCompressor('small', both).name).toBe('node-zlib-6');
    expect(chooseCompressor('node', both).name).toBe('node-zlib-3');
  });

  test('of what is not installed says what to install', () => {
    const missing = expect.objectContaining({ code: 'PROGRAM_MISSING', hint: expect.stringMatching(/isal/) });
    expect(() => chooseCompressor('igzip', join(folder, 'none'))).toThrow(missing);
  });

  test('takes no folder for a program', () => {
    writeProgram(join(folder, 'odd', 'igzip'), 'x', '');
    expect(chooseCompressor('auto', join(folder, 'odd')).name).toBe('node-zlib-3');
  });
});

describe('a compressor that', () => {
  const stubs: S3Stub[] = [];
  afterEach(async () => {
    for (const stub of stubs.splice(0)) await stub.stop();
  });

  /** Backs up with it, to a store that can be looked into. */
  async function backUp(compressor: Compressor, signal?: AbortSignal) {
    const stub = await startS3Stub();
    stubs.push(stub);
    process.env.AWS_ACCESS_KEY_ID = 'testing';
    process.env.AWS_SECRET_ACCESS_KEY = 'testing';
    const store = createS3Store({ bucket: 'vault', endpoint: stub.endpoint, region: 'us-east-1' });
    const copied = `COPY public.t (a, b, c) FROM stdin;\n${rows(200_000)}\n\\.\n`;
    const text = `--\n-- PostgreSQL database dump\n--\n${copied}-- PostgreSQL database dump complete\n`;
    const outcome = await backup({
      source: 'bitagent',
      dump: () => inChunks(Buffer.from(text), 3000),
      store,
      now: () => new Date('2026-11-22T03:15:00Z'),
      compressor,
      ...(signal && { signal }),
    }).catch((error: unknown) => error);
    return { outcome, keys: [...stub.bucket.objects.keys()] };
  }

  test('works leaves an archive and its manifest', async () => {
    const program = writeProgram(join(folder, 'good'), 'igzip', 'gzip -1 -c');
    const { keys } = await backUp(childCompressor('igzip', program));
    expect(keys).toHaveLength(2);
  });

  test.each(Object.entries(brokenCompressors))(
    '%s fails the back-up, and the store is empty',
    async (name, script) => {
      const program = writeProgram(join(folder, name), 'igzip', script);
      const { outcome, keys } = await backUp(childCompressor('igzip', program));
      expect(outcome).toBeInstanceOf(OffsiteError);
      expect(outcome).toMatchObject({ message: expect.stringMatching(/compressor igzip.* failed/) });
      expect(keys).toEqual([]);
    },
  );

  test('is gone when it is started fails the back-up, and the store is empty', async () => {
    const { outcome, keys } = await backUp(childCompressor('igzip', join(folder, 'nowhere', 'igzip')));
    expect(outcome).toMatchObject({ found: 'ENOENT' });
    expect(keys).toEqual([]);
  });

  test.each([
    ['reads nothing', `exec sleep ${nap}`],
    ['reads all and does not end', `cat > /dev/null; exec sleep ${nap}`],
    ['leaves a child of its own behind', `sleep ${nap} & wait`],
  ])('%s is ended after a while', async (name, script) => {
    const program = writeProgram(join(folder, name), 'igzip', script);
    const { outcome, keys } = await backUp(childCompressor('igzip', program, 300));
    expect(outcome).toMatchObject({ found: 'it took nothing and gave nothing for 0.3 s' });
    expect(keys).toEqual([]);
    expect(running()).toEqual([]);
  });

  test('hangs does not hold an interruption up', async () => {
    const program = writeProgram(join(folder, 'hanging'), 'igzip', `exec sleep ${nap}`);
    const interruption = new AbortController();
    const backingUp = backUp(childCompressor('igzip', program), interruption.signal);
    await until('the compressor runs', () => running().length > 0);
    interruption.abort(new Error('interrupted'));
    const { outcome, keys } = await backingUp;
    expect(outcome).toMatchObject({ message: 'interrupted' });
    expect(keys).toEqual([]);
    await until('it has ended', () => running().length === 0);
  });
});

/** Processes that were started by this file's programs. */
const running = () => commandLines().filter((line) => line.includes(nap));
