import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Member } from '../../lib/gzip/gzip-members.ts';
import { GzipReader } from '../../lib/gzip/inflate.ts';
import { inflateMembers, OtherMembersFound } from '../../lib/gzip/inflate-members.ts';
import { archiveOf, damaged, damages, lies, mistold } from '../fixtures/damaged-archives.ts';

async function* chunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

/** The plain text, or that the members are others. */
async function read(
  compressed: AsyncIterable<Uint8Array>,
  told: readonly Member[],
): Promise<Buffer | 'others'> {
  const parts: Buffer[] = [];
  try {
    for await (const part of inflateMembers(compressed, told)) parts.push(Buffer.from(part));
  } catch (error) {
    if (error instanceof OtherMembersFound) return 'others';
    throw error;
  }
  return Buffer.concat(parts);
}

/** What there is, and what of it is the members that were told, from the first byte to the last. */
async function readInTurn(file: Buffer, told: readonly Member[]): Promise<Buffer | 'others'> {
  const parts: Buffer[] = [];
  const reader = new GzipReader(chunks(file, 5000));
  for await (const part of reader) parts.push(part);
  const { error, members } = reader.result;
  const toldBytes = told.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0);
  const [found, expected] = [members, told].map((list) => list.map((one) => ({ ...one, offset: 0 })));
  const isAsTold = error === undefined && toldBytes === file.length && isDeepStrictEqual(found, expected);
  return isAsTold ? Buffer.concat(parts) : 'others';
}

const plains = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 1, max: 200_000 }).map((length) => Buffer.alloc(length, 'row of a table\n')),
    fc.constant(new Uint8Array()),
  ),
  { minLength: 1, maxLength: 6 },
);

describe('reading by a list of members', () => {
  test('gives the text of exactly those, whatever the bytes and whatever the list', async () => {
    let others = 0;
    await fc.assert(
      fc.asyncProperty(
        plains,
        damages,
        lies,
        fc.integer({ min: 1, max: 5000 }),
        async (parts, harm, told, chunkBytes) => {
          const whole = archiveOf(parts);
          const file = harm.reduce(damaged, whole.file);
          const members = told.reduce(mistold, whole.members);
          const expected = await readInTurn(file, members);
          if (expected === 'others') others += 1;
          expect(await read(chunks(file, chunkBytes), members)).toEqual(expected);
        },
      ),
      { numRuns: 600 },
    );
    expect(others).toBeGreaterThan(100);
    expect(others).toBeLessThan(550);
  });

  test('takes no two members for one, though lengths and trailer agree', async () => {
    const { file, members } = archiveOf([Buffer.alloc(0), Buffer.from('row\n')]);
    const merged = [{ ...(members[1] as Member), offset: 0, compressedBytes: file.length }];
    expect(await read(chunks(file, 9), merged)).toBe('others');
  });

  test.each([
    ['a zero byte and the trailer again', (one: Buffer) => [one, Buffer.of(0), one.subarray(-8)]],
    ['zero bytes', (one: Buffer) => [one, Buffer.alloc(8)]],
    ['the trailer again', (one: Buffer) => [one, one.subarray(-8)]],
    ['an empty member', (one: Buffer) => [one, gzipSync('')]],
    ['itself', (one: Buffer) => [one, one]],
  ])('takes no member for whole that is followed by %s', async (_, made) => {
    const [one] = archiveOf([Buffer.from('row of a table\n')]).members as [Member];
    const file = Buffer.concat(made(gzipSync('row of a table\n')));
    for (const compressedBytes of [one.compressedBytes, file.length]) {
      for (const plainBytes of [15, 30]) {
        expect(await read(chunks(file, 9), [{ ...one, plainBytes, compressedBytes }])).toBe('others');
      }
    }
  });

  test('stops a bomb where the list says that the member ends', async () => {
    const bomb = gzipSync(Buffer.alloc(200_000_000));
    const listed = [{ offset: 0, compressedBytes: bomb.length, plainBytes: 1000, crc32: '00000000' }];
    const before = process.memoryUsage().rss;
    expect(await read(chunks(bomb, 65_536), listed)).toBe('others');
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
  });

  test('takes no memory for members that a list says are huge', async () => {
    const { file, members } = archiveOf([Buffer.from('a\n'), Buffer.from('b\n')]);
    for (const what of ['plainBytes', 'compressedBytes']) {
      const huge = members.map((member) => ({ ...member, [what]: 2 ** 40 }));
      expect(await read(chunks(file, 10), huge)).toBe('others');
    }
  });

  test.each([1, 30, 200_000])('throws what the compressed stream throws, after %i bytes', async (at) => {
    const { file, members } = archiveOf([
      Buffer.from('a'),
      Buffer.from(Array.from({ length: 500_000 }, (_, i) => i * i)),
    ]);
    const failure = Object.assign(new Error('connection reset'), { code: 'Z_DATA_ERROR' });
    async function* failing() {
      yield* chunks(file.subarray(0, at), 5000);
      throw failure;
    }
    await expect(read(failing(), members)).rejects.toBe(failure);
    await expect(read(Readable.from(failing()), members)).rejects.toBe(failure);
  });

  test('lets go of the compressed stream when the reader stops', async () => {
    const { file, members } = archiveOf(
      Array.from({ length: 9 }, (_, index) => Buffer.alloc(100_000, `row ${index}\n`)),
    );
    let returned = false;
    async function* watched() {
      try {
        yield* chunks(file, 50);
      } finally {
        returned = true;
      }
    }
    const stream = Readable.from(chunks(file, 50));
    for (const source of [watched(), stream]) {
      for await (const _ of inflateMembers(source, members)) break;
    }
    expect({ returned, destroyed: stream.destroyed }).toEqual({ returned: true, destroyed: true });
  });
});
