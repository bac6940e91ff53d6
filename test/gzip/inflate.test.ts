import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { crc32, deflateRawSync, gunzipSync, gzipSync, InflateRaw } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { GzipReader, type InflateOptions, type InflateResult } from '../../lib/gzip/inflate.ts';

type Header = {
  flags?: number;
  extra?: Buffer;
  name?: string;
  comment?: string;
  method?: number;
  crc16?: number;
};

/** A member with any header. */
function member(
  plain: Uint8Array,
  { flags = 0, extra, name, comment, method = 8, crc16 }: Header = {},
): Buffer {
  const parts: Buffer[] = [Buffer.of(0x1f, 0x8b, method, flags, 1, 2, 3, 4, 0, 3)];
  if (extra) parts.push(Buffer.of(extra.length % 256, extra.length >> 8), extra);
  if (name !== undefined) parts.push(Buffer.from(`${name}\0`));
  if (comment !== undefined) parts.push(Buffer.from(`${comment}\0`));
  if (flags & 2) {
    const sum = Buffer.alloc(2);
    sum.writeUInt16LE(crc16 ?? crc32(Buffer.concat(parts)) & 0xffff);
    parts.push(sum);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(plain), 0);
  trailer.writeUInt32LE(plain.length, 4);
  return Buffer.concat([...parts, deflateRawSync(plain), trailer]);
}

async function* chunks(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function inflated(
  compressed: AsyncIterable<Uint8Array>,
  options?: InflateOptions,
): Promise<InflateResult & { plain: Buffer }> {
  const reader = new GzipReader(compressed, options);
  const parts: Buffer[] = [];
  for await (const part of reader) parts.push(part);
  return { ...reader.result, plain: Buffer.concat(parts) };
}

/** A member whose CRC-32 (at 0) or length (at 4) is all such bytes. */
function withTrailer(at: 0 | 4, byte: number): Buffer {
  const file = member(text);
  return file.fill(byte, file.length - 8 + at, file.length - 4 + at);
}

const text = Buffer.from('to be restored, or not to be restored; '.repeat(20));

describe('members', () => {
  test('are found, counted and summed, for any chunks', async () => {
    const plains = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(300_000).map((length) => Buffer.alloc(length, 'row\n')),
      ),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(
        plains,
        fc.integer({ min: 1, max: 3000 }),
        fc.nat(20),
        async (parts, chunkBytes, zeros) => {
          const files = parts.map((part) => gzipSync(part));
          const file = Buffer.concat([...files, Buffer.alloc(zeros)]);
          let offset = 0;
          const members = parts.map((part, index) => {
            const compressedBytes = (files[index] as Buffer).length;
            offset += compressedBytes;
            return {
              offset: offset - compressedBytes,
              compressedBytes,
              plainBytes: part.length,
              crc32: crc32(part).toString(16).padStart(8, '0'),
            };
          });
          const plain = Buffer.concat(parts);
          const found = await inflated(chunks(file, chunkBytes));
          expect(found.plain.equals(plain)).toBe(true);
          expect({ ...found, plain: undefined }).toEqual({
            members,
            compressedBytes: file.length,
            plainBytes: plain.length,
            plain: undefined,
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  test('are found byte by byte, with every header field', async () => {
    const header = { flags: 0x1f, extra: Buffer.alloc(300, 7), name: 'a.sql', comment: 'nightly' };
    const file = Buffer.concat([member(text, header), member(Buffer.alloc(0)), gzipSync(text)]);
    const found = await inflated(chunks(file, 1));
    expect(found.error).toBeUndefined();
    expect(found.members.map(({ plainBytes }) => plainBytes)).toEqual([text.length, 0, text.length]);
    expect(found.plain.equals(gunzipSync(file))).toBe(true);
  });

  test('of more than a chunk come whole', async () => {
    const plain = Buffer.alloc(5_000_000, 'a row of a table\n');
    const { members, error, plain: found } = await inflated(chunks(gzipSync(plain), 65_536));
    expect({ members: members.length, error, same: found.equals(plain) }).toEqual({
      members: 1,
      error: undefined,
      same: true,
    });
  });
});

describe('verdict of gunzip -t', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'offsite-inflate-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  /** Which of the files gunzip refuses; one shell for all of them. */
  async function refused(files: readonly Uint8Array[]): Promise<boolean[]> {
    await Promise.all(files.map((file, index) => writeFile(join(directory, `${index}.gz`), file)));
    const script = 'i=0; while [ $i -lt $1 ]; do gunzip -t < $i.gz 2>/dev/null; echo $?; i=$((i+1)); done';
    const shell = spawn('sh', ['-c', script, 'sh', String(files.length)], { cwd: directory, stdio: 'pipe' });
    let output = '';
    shell.stdout.setEncoding('utf8').on('data', (part: string) => {
      output += part;
    });
    await once(shell, 'close');
    return output
      .trim()
      .split('\n')
      .map((code) => code !== '0');
  }

  async function agrees(files: readonly Uint8Array[]): Promise<number> {
    const expected = await refused(files);
    for (const [index, file] of files.entries()) {
      const { error } = await inflated(chunks(file, 1 + (index % 50)));
      expect(error !== undefined, `${index}: ${Buffer.from(file).toString('hex')}: ${error}`).toBe(
        expected[index],
      );
    }
    return expected.filter(Boolean).length;
  }

  test('on headers, trailers and what follows', async () => {
    const plain = gzipSync(text);
    const swapped = (at: number, byte: number) =>
      Buffer.from(plain.map((old, index) => (index === at ? byte : old)));
    const whole = [
      plain,
      Buffer.concat([plain, plain, member(Buffer.alloc(0))]),
      member(Buffer.alloc(0)),
      ...[1, 0x04, 0x08, 0x10, 0x02, 0x1e].map((flags) =>
        member(text, {
          flags,
          ...(flags & 4 && { extra: Buffer.alloc(70) }),
          ...(flags & 8 && { name: 'x'.repeat(5000) }),
          ...(flags & 16 && { comment: 'c' }),
        }),
      ),
      member(text, { flags: 4, extra: Buffer.alloc(0) }),
      swapped(1, 0x9e),
      ...[1, 7, 512, 70_000].map((zeros) => Buffer.concat([plain, Buffer.alloc(zeros)])),
    ];
    const broken = [
      Buffer.alloc(0),
      Buffer.alloc(1),
      Buffer.alloc(600),
      Buffer.from('x'),
      Buffer.from('-- PostgreSQL database dump\n'),
      ...[0x20, 0x40, 0x80, 0xc0].map((flags) => member(text, { flags })),
      member(text, { flags: 2, crc16: 1 }),
      member(text, { method: 7 }),
      swapped(0, 0),
      swapped(plain.length - 1, 9),
      swapped(plain.length - 5, plain.at(-5) === 9 ? 8 : 9),
      swapped(12, 0xff),
      ...['x', '\0x', '\0\0\0\0garbage', '\x1f', '\x1f\x8b', '\x1f\x8bgarbage'].map((garbage) =>
        Buffer.concat([plain, Buffer.from(garbage, 'latin1')]),
      ),
      Buffer.concat([plain, Buffer.alloc(3), plain]),
      Buffer.concat([plain, plain.subarray(0, -1)]),
    ];
    expect(await agrees(whole)).toBe(0);
    expect(await agrees(broken)).toBe(broken.length);
  });

  test('wherever a file is cut', async () => {
    const header = { flags: 0x1e, extra: Buffer.of(1, 2), name: 'n', comment: 'c' };
    const first = member(text, header);
    const file = Buffer.concat([first, member(Buffer.from('second')), Buffer.alloc(2)]);
    const cuts = Array.from({ length: file.length + 1 }, (_, length) => file.subarray(0, length));
    // Whole are only: the first member alone, both, and both with each of the zero bytes.
    expect(await agrees(cuts)).toBe(cuts.length - 4);
  });

  test('wherever a bit is flipped', async () => {
    const file = Buffer.concat([member(text, { flags: 2 }), gzipSync('second')]);
    const flips = Array.from({ length: file.length }, (_, at) => {
      const flipped = Buffer.from(file);
      flipped[at] = (flipped[at] as number) ^ (1 << ((at * 5) % 8));
      return flipped;
    });
    expect(await agrees(flips)).toBeGreaterThan(flips.length / 2);
  });

  test('on random bytes after a magic', async () => {
    const tails = fc.sample(fc.uint8Array({ maxLength: 60 }), { numRuns: 150, seed: 1 });
    await agrees(tails.map((tail) => Buffer.concat([Buffer.of(0x1f, 0x8b, 8), tail])));
  });
});

describe('an error', () => {
  const one = gzipSync(text);

  test.each([
    [
      'that the file is cut',
      one.subarray(0, -12),
      /^member 0 at offset 0: the file ends in the compressed text/,
    ],
    ['that the trailer is cut', one.subarray(0, -3), /^member 0 at offset 0: the file ends in the trailer/],
    [
      'where the second member is',
      Buffer.concat([one, Buffer.of(0x1f, 0x8b)]),
      new RegExp(`offset ${one.length}: .*header`),
    ],
    ['which sums differ', withTrailer(0, 0x00), /CRC-32 [0-9a-f]{8}, the trailer says 00000000/],
    ['which lengths differ', withTrailer(4, 0x01), /has 780 bytes, the trailer says 16843009/],
    [
      'where garbage begins',
      Buffer.concat([one, Buffer.from('\0\0!')]),
      new RegExp(`garbage at offset ${one.length + 2},`),
    ],
  ])('says %s', async (_, file, message) => {
    const { error, members } = await inflated(chunks(file, 7));
    expect(error).toMatch(message);
    expect(members.every(({ offset }) => offset === 0)).toBe(true);
  });

  test('comes before more than maxPlainBytes are yielded', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const { error, plainBytes, plain } = await inflated(chunks(bomb, 1000), { maxPlainBytes: 1_000_000 });
    expect(error).toMatch(/more than 1000000 plain bytes/);
    expect(plainBytes).toBe(plain.length);
    expect(plain.length).toBeLessThanOrEqual(1_000_000);
    expect(await inflated(chunks(one, 9), { maxPlainBytes: text.length })).not.toHaveProperty('error');
  });

  test('ends the reading, or not if readToEnd says so', async () => {
    const file = Buffer.concat([Buffer.from('no gzip'), Buffer.alloc(100_000)]);
    expect((await inflated(chunks(file, 1000))).compressedBytes).toBe(1000);
    expect((await inflated(chunks(file, 1000), { readToEnd: true })).compressedBytes).toBe(file.length);
    const damaged = Buffer.concat([one.subarray(0, 30), Buffer.alloc(100_000, 0xff)]);
    expect((await inflated(chunks(damaged, 1000), { readToEnd: true })).compressedBytes).toBe(damaged.length);
    const bomb = gzipSync(Buffer.alloc(9_000_000));
    const stopped = await inflated(chunks(bomb, 100), { readToEnd: true, maxPlainBytes: 1 });
    expect(stopped.compressedBytes).toBe(bomb.length);
  });
});

describe('the compressed stream', () => {
  const file = gzipSync(Buffer.from(Array.from({ length: 500_000 }, (_, index) => index * index)));

  test.each(['in the header', 'in the text', 'in the trailer'] as const)(
    'that fails %s is thrown',
    async (where) => {
      const at = { 'in the header': 4, 'in the text': 70, 'in the trailer': file.length - 4 }[where];
      const failure = Object.assign(new Error('connection reset'), { code: 'Z_DATA_ERROR' });
      async function* failing() {
        yield* chunks(file.subarray(0, at), 100);
        throw failure;
      }
      await expect(inflated(failing())).rejects.toBe(failure);
      await expect(inflated(Readable.from(failing()))).rejects.toBe(failure);
    },
  );

  test.each([
    ['the reader stops', file, true],
    ['the file is damaged', Buffer.concat([file.subarray(0, 90), Buffer.alloc(100_000, 0xff)]), false],
    ['the file ends in garbage', Buffer.concat([gzipSync('x'), Buffer.from('garbage'.repeat(9999))]), false],
  ])('is let go when %s', async (_, bytes, stops) => {
    let returned = false;
    async function* watched() {
      try {
        yield* chunks(bytes, 100);
      } finally {
        returned = true;
      }
    }
    const stream = Readable.from(chunks(bytes, 100));
    for (const source of [watched(), stream]) {
      for await (const _ of new GzipReader(source)) if (stops) break;
    }
    expect({ returned, destroyed: stream.destroyed }).toEqual({ returned: true, destroyed: true });
  });

  test('that stands still does not hold a reader who stops', async () => {
    async function* stalling() {
      yield file.subarray(0, 1000);
      await new Promise(() => {});
    }
    for (const source of [stalling(), Readable.from(stalling())]) {
      for await (const _ of new GzipReader(source)) break;
    }
  });

  test('is read no faster than its plain text', async () => {
    let given = 0;
    const bomb = gzipSync(Buffer.alloc(100_000_000));
    async function* counted() {
      for await (const chunk of chunks(bomb, 100)) {
        given += chunk.length;
        yield chunk;
      }
    }
    for await (const _ of new GzipReader(counted())) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      break;
    }
    // At a ratio of 1000, some chunks of 256 KiB are some kilobytes.
    expect(given).toBeLessThan(bomb.length / 4);
  });

  test('leaves no inflater open', async () => {
    const used = vi.spyOn(InflateRaw.prototype as Transform, '_transform');
    const closed = vi.spyOn(InflateRaw.prototype as Transform, '_destroy');
    for (const bytes of [
      file,
      file.subarray(0, -20),
      Buffer.concat([file, file.subarray(0, 90), Buffer.alloc(9999, 255)]),
    ]) {
      await inflated(chunks(bytes, 1000));
      for await (const _ of new GzipReader(chunks(bytes, 1000))) break;
    }
    expect(new Set(used.mock.contexts).size).toBe(7);
    expect(new Set(closed.mock.contexts)).toEqual(new Set(used.mock.contexts));
    vi.restoreAllMocks();
  });
});
