// Damaged archives, systematically: with a manifest no changed byte goes unnoticed, without one the judgement of gzip is
// gunzip's; and whatever comes, the verifier neither crashes nor grows.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, gzipSync } from 'node:zlib';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { judge } from '../../lib/archive/verdict.ts';
import type { Member } from '../../lib/gzip/gzip-members.ts';
import { observe } from '../../lib/verify/observe.ts';
import { smallDump } from '../fixtures/archives.ts';
import { exampleManifest } from '../fixtures/manifests.ts';

const hex = (sum: number) => sum.toString(16).padStart(8, '0');

/** An archive of three members, as small as it gets, and its manifest. */
const plain = Buffer.from(smallDump(6));
const cuts = [0, 300, 600, plain.length];
const parts = [0, 1, 2].map((index) => plain.subarray(cuts[index], cuts[index + 1]));
const packed = parts.map((part) => gzipSync(part, { level: 1 }));
const archive = Buffer.concat(packed);
const members = packed.map(
  (bytes, index): Member => ({
    offset: packed.slice(0, index).reduce((sum, { length }) => sum + length, 0),
    compressedBytes: bytes.length,
    plainBytes: parts[index]?.length ?? 0,
    crc32: hex(crc32(parts[index] ?? '')),
  }),
);
const manifest: Manifest = {
  ...exampleManifest,
  plainBytes: plain.length,
  compressedBytes: archive.length,
  sha256: createHash('sha256').update(archive).digest('hex'),
  crc32: hex(crc32(archive)),
  members,
};

type Case = { readonly name: string; readonly bytes: Buffer };

const folder = mkdtempSync(join(tmpdir(), 'offsite-fuzz-'));
let gunzipAccepts: boolean[];

const boundaries = members.map(({ offset }) => offset).slice(1);
const cases: Case[] = [
  { name: 'untouched', bytes: archive },
  ...Array.from({ length: archive.length }, (_, length) => ({
    name: `cut at ${length}`,
    bytes: archive.subarray(0, length),
  })),
  ...[0, ...boundaries].flatMap((start) =>
    Array.from({ length: 10 * 8 }, (_, bit) => ({
      name: `header bit ${bit} at ${start}`,
      bytes: flipped(start * 8 + bit),
    })),
  ),
  ...[...boundaries, archive.length].flatMap((end) =>
    Array.from({ length: 8 * 8 }, (_, bit) => ({
      name: `trailer bit ${bit} before ${end}`,
      bytes: flipped((end - 8) * 8 + bit),
    })),
  ),
  ...boundaries.flatMap((at) => [
    {
      name: `byte inserted at ${at}`,
      bytes: Buffer.concat([archive.subarray(0, at), Buffer.of(0x55), archive.subarray(at)]),
    },
    {
      name: `zero inserted at ${at}`,
      bytes: Buffer.concat([archive.subarray(0, at), Buffer.of(0), archive.subarray(at)]),
    },
    {
      name: `byte lost before ${at}`,
      bytes: Buffer.concat([archive.subarray(0, at - 1), archive.subarray(at)]),
    },
    {
      name: `empty member at ${at}`,
      bytes: Buffer.concat([archive.subarray(0, at), gzipSync(''), archive.subarray(at)]),
    },
  ]),
  { name: 'garbage behind', bytes: Buffer.concat([archive, Buffer.from('garbage')]) },
  { name: 'half a magic number behind', bytes: Buffer.concat([archive, Buffer.of(0x1f)]) },
  { name: 'zeros behind', bytes: Buffer.concat([archive, Buffer.alloc(512)]) },
  { name: 'zeros and garbage behind', bytes: Buffer.concat([archive, Buffer.alloc(512), Buffer.of(1)]) },
  { name: 'twice', bytes: Buffer.concat([archive, archive]) },
  { name: 'first member missing', bytes: archive.subarray(boundaries[0]) },
  {
    name: 'members exchanged',
    bytes: Buffer.concat([packed[1], packed[0], packed[2]].filter((one) => one !== undefined)),
  },
  { name: 'packed otherwise', bytes: gzipSync(plain, { level: 9 }) },
];

beforeAll(async () => {
  for (const [index, { bytes }] of cases.entries()) writeFileSync(join(folder, `${index}.gz`), bytes);
  const line = `for i in $(seq 0 ${cases.length - 1}); do gunzip -t $i.gz 2> /dev/null && echo yes || echo no; done`;
  gunzipAccepts = (await execa('bash', ['-c', line], { cwd: folder })).stdout
    .split('\n')
    .map((word) => word === 'yes');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('damage', () => {
  it('is never missed with the manifest, in chunks of any length', async () => {
    for (const [index, { name, bytes }] of cases.entries()) {
      const judgement = judge(manifest, await observeChunks(bytes, 1 + ((index * 37) % 90), manifest));
      expect(judgement.verdict, name).toBe(bytes.equals(archive) ? 'intact' : 'damaged');
    }
  });

  it('is judged as gunzip -t judges it, without one', async () => {
    expect(gunzipAccepts.filter(Boolean).length).toBeGreaterThan(10);
    for (const [index, { name, bytes }] of cases.entries()) {
      const { gzipError } = await observeChunks(bytes, 64);
      expect(gzipError === undefined, name).toBe(gunzipAccepts[index]);
    }
  });

  it('at any place, of any kind, neither passes nor crashes', async () => {
    const edit = fc.record({ at: fc.nat(archive.length - 1), byte: fc.nat(255), lose: fc.nat(20) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(edit, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 500 }),
        async (edits, chunkBytes) => {
          let bytes = Buffer.from(archive);
          for (const { at, byte, lose } of edits) {
            bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at + lose)]);
          }
          const { verdict } = judge(manifest, await observeChunks(bytes, chunkBytes, manifest));
          expect(verdict).toBe(bytes.equals(archive) ? 'intact' : 'damaged');
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a gzip bomb', () => {
  const million = gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 });
  const terabyte = 2 ** 40;
  const count = terabyte / (64 * 1024 * 1024);
  const bomb = async function* () {
    for (let given = 0; given < count; given += 1) yield million;
  };

  it('of 1 TB plain is stopped at the plain length of the manifest, in bounded memory', async () => {
    const before = process.memoryUsage.rss();
    let peak = before;
    const watcher = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 20);
    const found = await observe(bomb, manifest);
    clearInterval(watcher);
    expect(judge(manifest, found).verdict).toBe('damaged');
    expect(found.plainBytes).toBeLessThanOrEqual(manifest.plainBytes);
    expect(found.compressedBytes).toBe(count * million.length);
    expect(peak - before).toBeLessThan(400 * 1024 * 1024);
  });

  it('with a manifest that claims members of a terabyte is no better off', async () => {
    const lying = {
      ...manifest,
      plainBytes: 300,
      members: [
        { offset: 0, compressedBytes: count * million.length, plainBytes: terabyte, crc32: '00000000' },
      ],
    };
    const found = await observe(bomb, lying);
    expect(judge(lying, found).verdict).toBe('damaged');
    expect(found.plainBytes).toBeLessThanOrEqual(lying.plainBytes);
  });
});

function flipped(bit: number): Buffer {
  const bytes = Buffer.from(archive);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  return bytes;
}

function observeChunks(bytes: Buffer, chunkBytes: number, expected?: Manifest) {
  const chunks = async function* () {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  };
  return observe(chunks, expected);
}
