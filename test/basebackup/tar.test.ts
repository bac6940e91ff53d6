// The tar reader held against GNU tar, and a base backup's contents against what the server would say of them.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execaSync } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContentsReader } from '../../lib/basebackup/contents.ts';
import { MovedTar, tarEnd, tarFile } from '../../lib/basebackup/join-tars.ts';
import { missingFrom, parseServerManifest } from '../../lib/basebackup/server-manifest.ts';
import { TarReader } from '../../lib/basebackup/tar.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'offsite-tar-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const control = Buffer.alloc(8192);
control.writeBigUInt64LE(42n);
const files: Readonly<Record<string, Buffer>> = {
  backup_label: Buffer.from('START WAL LOCATION: 0/2000028\n'),
  'base/1/1259': Buffer.alloc(1024, 7),
  'base/1/empty': Buffer.alloc(0),
  'base/1/odd': Buffer.alloc(700, 1),
  'global/pg_control': control,
};

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** As the server writes it. */
function serverManifestOf(of: Readonly<Record<string, Buffer>>): string {
  const entries = Object.entries(of).map(
    ([path, bytes]) =>
      `{ "Path": "${path}", "Size": ${bytes.length}, "Last-Modified": "2026-11-29 00:00:00 GMT", "Checksum-Algorithm": "SHA256", "Checksum": "${sha256(bytes)}" }`,
  );
  const text = `{ "PostgreSQL-Backup-Manifest-Version": 1,\n"Files": [\n${entries.join(',\n')}\n],\n"WAL-Ranges": [\n{ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100" }\n],\n`;
  return `${text}"Manifest-Checksum": "${sha256(Buffer.from(text))}"}\n`;
}

/** By the tar of the system. */
function tarOf(of: Readonly<Record<string, Buffer>>): Buffer {
  const root = mkdtempSync(join(folder, 'tar-'));
  for (const [path, bytes] of Object.entries(of)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes, { mode: 0o600 });
  }
  const names = Object.keys(of);
  const args = ['--format=ustar', '-c', '-f', '-', '-C', root, ...names];
  return Buffer.from(execaSync('tar', args, { encoding: 'buffer', stripFinalNewline: false }).stdout);
}

function read(tar: Buffer, pieceBytes: number): Map<string, Buffer> {
  const reader = new TarReader();
  const found = new Map<string, Buffer>();
  let name = '';
  for (let at = 0; at < tar.length; at += pieceBytes) {
    for (const event of reader.push(tar.subarray(at, at + pieceBytes))) {
      if (event.at === 'entry') {
        name = event.entry.name;
        found.set(name, Buffer.alloc(0));
      }
      if (event.at === 'bytes') found.set(name, Buffer.concat([found.get(name) as Buffer, event.bytes]));
    }
  }
  reader.finish();
  return found;
}

function contentsOf(tar: Buffer) {
  const reader = new ContentsReader();
  reader.push(tar);
  return reader.finish();
}

const backup_manifest = Buffer.from(serverManifestOf(files));

describe('the tar reader', () => {
  it('reads what tar writes, in pieces of any length', () => {
    const tar = tarOf(files);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), (pieceBytes) => {
        expect(Object.fromEntries(read(tar, pieceBytes))).toEqual(files);
      }),
      { numRuns: 25 },
    );
  });

  it('goes into another below a folder, in pieces of any length', () => {
    const tar = tarOf(files);
    const list = Buffer.from(serverManifestOf(files));
    const expected = Object.entries(files).map(
      ([name, bytes]) => [`pg_tblspc/16384/${name}`, bytes] as const,
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), (pieceBytes) => {
        const moved = new MovedTar('pg_tblspc/16384');
        const pieces: Buffer[] = [];
        for (let at = 0; at < tar.length; at += pieceBytes)
          pieces.push(moved.push(tar.subarray(at, at + pieceBytes)));
        moved.finish();
        const joined = Buffer.concat([...pieces, tarFile('backup_manifest', list), tarEnd]);
        expect(Object.fromEntries(read(joined, 4096))).toEqual({
          ...Object.fromEntries(expected),
          backup_manifest: list,
        });
      }),
      { numRuns: 25 },
    );
  });

  it('takes no tar that was cut, at any byte', () => {
    const tar = tarOf(files);
    // Two blocks of zeros end it; what fills tar's record up is not needed.
    const end = tar.findLastIndex((byte) => byte !== 0) + 1;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: end + 511 }), (bytes) => {
        expect(() => read(tar.subarray(0, bytes), 4096)).toThrow();
      }),
      { numRuns: 50 },
    );
  });

  it.each(['../outside', 'base/../../outside'])('lets nothing out of its folder: %s', (name) => {
    const tar = tarOf({ x: Buffer.from('x') });
    tar.fill(0, 0, 100);
    tar.write(name, 0);
    tar.fill(' ', 148, 156);
    const sum = tar.subarray(0, 512).reduce((all, byte) => all + byte, 0);
    tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    expect(() => read(tar, 512)).toThrow('no whole tar');
  });
});

describe('what a base backup holds', () => {
  it('is what the server says', () => {
    const contents = contentsOf(tarOf({ ...files, backup_manifest }));
    expect(contents).toMatchObject({ files: 5, systemIdentifier: '42' });
    expect(contents.serverManifest.walRange).toEqual({ timeline: 1, start: '0/2000028', end: '0/2000100' });
    expect(contents.serverManifestText).toBe(backup_manifest.toString());
  });

  it.each([
    ['a file is missing', { ...files, 'base/1/1259': undefined }],
    ['a file is shorter', { ...files, 'base/1/1259': Buffer.alloc(512) }],
    ['a file is one too many', { ...files, 'base/1/other': Buffer.alloc(512) }],
    ['there is no manifest', { ...files, backup_manifest: undefined }],
    [
      'its manifest was changed',
      { ...files, backup_manifest: Buffer.from(backup_manifest.toString().replace('1024', '1025')) },
    ],
  ])('is refused where %s', (_, changed) => {
    const all = Object.entries({ backup_manifest, ...changed }).filter(([, bytes]) => bytes !== undefined);
    expect(() => contentsOf(tarOf(Object.fromEntries(all) as Record<string, Buffer>))).toThrow(
      'not what the server says',
    );
  });

  it('is compared by its sums, where they were made', () => {
    const manifest = parseServerManifest(backup_manifest.toString());
    const found = new Map(
      Object.entries(files).map(([path, bytes]) => [path, { bytes: bytes.length, sha256: sha256(bytes) }]),
    );
    expect(missingFrom(manifest, found)).toEqual([]);
    found.set('base/1/odd', { bytes: 700, sha256: sha256(Buffer.alloc(700, 2)) });
    expect(missingFrom(manifest, found)).toEqual([expect.stringContaining('base/1/odd has SHA-256')]);
  });
});
