import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Member } from '../../lib/gzip/gzip-members.ts';
import { GzipReader, type InflateOptions, type InflateResult } from '../../lib/gzip/inflate.ts';
import { MemberReader } from '../../lib/gzip/inflate-members.ts';
import { archiveOf, damaged, damages, lies, mistold } from '../fixtures/damaged-archives.ts';

type Found = InflateResult & { plain: Buffer };

async function* chunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function read(reader: GzipReader | MemberReader): Promise<Found> {
  const parts: Buffer[] = [];
  for await (const part of reader) parts.push(Buffer.from(part));
  return { ...reader.result, plain: Buffer.concat(parts) };
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
  test('finds what reading without one finds, whatever the bytes and whatever the list', async () => {
    let differentFromWhole = 0;
    await fc.assert(
      fc.asyncProperty(
        plains,
        damages,
        lies,
        fc.integer({ min: 1, max: 5000 }),
        fc.option(fc.nat(250_000), { nil: undefined, freq: 3 }),
        fc.boolean(),
        async (parts, harm, told, chunkBytes, maxPlainBytes, readToEnd) => {
          const whole = archiveOf(parts);
          const file = harm.reduce(damaged, whole.file);
          const members = told.reduce(mistold, whole.members);
          const options: InflateOptions = { maxPlainBytes, readToEnd };
          const expected = await read(new GzipReader(chunks(file, chunkBytes), options));
          const found = await read(new MemberReader(chunks(file, chunkBytes), members, options));
          if (expected.error !== undefined) differentFromWhole += 1;
          expect(found.plain.equals(expected.plain)).toBe(true);
          // Without readToEnd, how far beyond the damage was read is nobody's question.
          const compared = readToEnd ? {} : { compressedBytes: 0 };
          expect({ ...found, plain: 0, ...compared }).toEqual({ ...expected, plain: 0, ...compared });
        },
      ),
      { numRuns: 600 },
    );
    expect(differentFromWhole).toBeGreaterThan(100);
  });

  test('takes no two members for one, though lengths and trailer agree', async () => {
    const { file, members } = archiveOf([Buffer.alloc(0), Buffer.from('row\n')]);
    const compressedBytes = file.length;
    const merged = [{ ...(members[1] as Member), offset: 0, compressedBytes }];
    expect((await read(new MemberReader(chunks(file, 9), merged))).members).toEqual(members);
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
    for (const plainBytes of [15, 30]) {
      const listed = [{ ...one, plainBytes, compressedBytes: file.length }];
      const found = await read(new MemberReader(chunks(file, 9), listed));
      expect(found).toEqual(await read(new GzipReader(chunks(file, 9))));
      expect(found.members[0]).toEqual(one);
    }
  });

  test('stops a bomb where the list says that the member ends', async () => {
    const bomb = gzipSync(Buffer.alloc(200_000_000));
    const listed = [{ offset: 0, compressedBytes: bomb.length, plainBytes: 1000, crc32: '00000000' }];
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const reader = new MemberReader(chunks(bomb, 65_536), listed, { maxPlainBytes: 1000, readToEnd: true });
    for await (const _ of reader) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    expect(reader.result.error).toMatch(/more than 1000 plain bytes/);
    expect(most).toBeLessThan(10_000_000);
    expect(reader.result.compressedBytes).toBe(bomb.length);
  });

  test('takes no memory for members that a list says are huge', async () => {
    const { file, members } = archiveOf([Buffer.from('a\n'), Buffer.from('b\n')]);
    const huge = members.map((member) => ({ ...member, plainBytes: 2 ** 40 }));
    const found = await read(new MemberReader(chunks(file, 10), huge));
    expect(found).toMatchObject({ members, plainBytes: 4 });
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
    await expect(read(new MemberReader(failing(), members))).rejects.toBe(failure);
    await expect(read(new MemberReader(Readable.from(failing()), members))).rejects.toBe(failure);
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
      for await (const _ of new MemberReader(source, members)) break;
    }
    expect({ returned, destroyed: stream.destroyed }).toEqual({ returned: true, destroyed: true });
  });
});
