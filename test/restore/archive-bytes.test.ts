// Whoever inflates, the dump ends only if all its bytes are those of the manifest, and nothing is left running.

import { createCipheriv, createHash } from 'node:crypto';
import { mkdtempSync, symlinkSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { OffsiteError } from '../../lib/base/errors.ts';
import { findProgram } from '../../lib/base/find-program.ts';
import { inflateArchive } from '../../lib/restore/archive-bytes.ts';
import { commandLines, compressed } from '../fixtures/postgres.ts';

/** 4 MB of the same text each time, that compresses to 3: igzip reads a MiB before it gives anything. */
const plain = Buffer.from(
  createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
    .update(Buffer.alloc(3_000_000))
    .toString('base64'),
);
const half = Math.floor(plain.length / 2);
/** Two members, as every archive has several. */
const members = [compressed(plain.subarray(0, half)), compressed(plain.subarray(half))] as const;
const bytes = Buffer.concat(members);
const manifest = {
  id: 'bitagent-2026-11-23-031500Z',
  sha256: createHash('sha256').update(bytes).digest('hex'),
  compressedBytes: bytes.length,
  plainBytes: plain.length,
};

const igzip = findProgram('igzip');
if (igzip === undefined) console.warn('SKIPPED: igzip is not installed, so only zlib inflates here');

function pieces(of: Buffer, pieceBytes = 65_536): Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0; at < of.length; at += pieceBytes) all.push(of.subarray(at, at + pieceBytes));
  return all;
}

async function inflated(body: Readable, by: string, signal?: AbortSignal): Promise<Buffer | OffsiteError> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of inflateArchive(body, manifest, { by, signal }).dump) chunks.push(chunk);
  } catch (error) {
    if (!(error instanceof OffsiteError)) throw error;
    return error;
  }
  return Buffer.concat(chunks);
}

/** In a folder of our own, so that our igzips are told from those of other tests. */
const folder = mkdtempSync(join(tmpdir(), 'offsite-igzip-'));
afterAll(() => rm(folder, { recursive: true }));
if (igzip !== undefined) symlinkSync(igzip, join(folder, 'igzip'));
const inflaters = [...(igzip === undefined ? [] : [join(folder, 'igzip')]), 'zlib'];
const running = () => commandLines().filter((line) => line.includes(folder));

describe.each(inflaters)('by %s', (by) => {
  it('gives the dump, and sees the last byte', async () => {
    const body = Readable.from(pieces(bytes));
    let downloaded = false;
    const { dump, progress } = inflateArchive(body, manifest, {
      by,
      onDownloaded: () => {
        downloaded = true;
      },
    });
    const chunks: Buffer[] = [];
    for await (const chunk of dump) chunks.push(Buffer.from(chunk));
    expect(Buffer.concat(chunks).equals(plain)).toBe(true);
    expect(progress).toEqual({ compressedBytes: bytes.length, plainBytes: plain.length });
    expect(downloaded).toBe(true);
  });

  const flipped = Buffer.from(bytes);
  flipped.writeUInt8((bytes[1_000_000] as number) ^ 4, 1_000_000);
  it.each<[string, Buffer]>([
    ['cut inside of a member', bytes.subarray(0, -9)],
    ['cut between two members', members[0]],
    ['with a member twice', Buffer.concat([...members, members[1]])],
    ['with garbage behind it', Buffer.concat([bytes, Buffer.from('garbage')])],
    ['with zeros behind it', Buffer.concat([bytes, Buffer.alloc(512)])],
    ['with a flipped bit', flipped],
    ['that is no gzip', plain.subarray(0, 100_000)],
    ['of no bytes', Buffer.alloc(0)],
  ])('an archive %s is damaged', async (_, damaged) => {
    expect(await inflated(Readable.from(pieces(damaged)), by)).toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    expect(running()).toEqual([]);
  });

  it('a bomb of 1.1 GB goes no further than the manifest says', async () => {
    const bomb = Buffer.concat(new Array(17).fill(gzipSync(Buffer.alloc(64 * 1024 * 1024))));
    const told = { ...manifest, compressedBytes: bomb.length, plainBytes: 5000 };
    const body = Readable.from(pieces(bomb));
    const { dump, progress } = inflateArchive(body, told, { by });
    let passed = 0;
    const reading = (async () => {
      for await (const chunk of dump) passed += chunk.length;
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
      found: 'plain bytes more than 5000',
    });
    expect(passed).toBeLessThanOrEqual(5000);
    expect(progress.plainBytes).toBeLessThan(1_000_000);
    expect({ isClosed: body.destroyed, running: running() }).toEqual({ isClosed: true, running: [] });
  });

  it('a store that gives more than the manifest says is read no further', async () => {
    let given = 0;
    const endless = Readable.from(
      (async function* () {
        for (; given < 1e9; given += 65_536) yield Buffer.alloc(65_536, bytes);
      })(),
    );
    expect(await inflated(endless, by)).toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    expect(given).toBeLessThan(2 * bytes.length);
    expect(running()).toEqual([]);
  });

  it('a download that breaks off is the store’s fault', async () => {
    const body = Readable.from(
      (async function* () {
        yield* pieces(bytes).slice(0, 32);
        throw new Error('socket hang up');
      })(),
    );
    expect(await inflated(body, by)).toMatchObject({
      code: 'STORE_UNREACHABLE',
      found: expect.stringContaining('socket hang up'),
    });
    expect(running()).toEqual([]);
  });

  it('left early, or told to stop while nothing comes, it lets go of everything', async () => {
    const hanging = (whenItHangs?: () => void) => {
      const some = pieces(bytes).slice(0, 32);
      return new Readable({
        read() {
          const piece = some.shift();
          if (piece !== undefined) this.push(piece);
          else whenItHangs?.();
        },
      });
    };
    const body = hanging();
    for await (const chunk of inflateArchive(body, manifest, { by }).dump) if (chunk.length > 0) break;
    expect(body.destroyed).toBe(true);

    const stop = new AbortController();
    const stalled = hanging(() => stop.abort(new OffsiteError('INTERRUPTED', 'told to stop', words)));
    expect(await inflated(stalled, by, stop.signal)).toMatchObject({ code: 'INTERRUPTED' });
    expect(running()).toEqual([]);
  });
});

const words = { expected: 'an end', found: 'a signal', hint: 'start again' };

describe('an igzip that fails', () => {
  it.each([
    ['is killed', 'kill -9 $$', 'ended by SIGKILL'],
    ['crashes', 'exit 139', 'exit code 139'],
  ])('that %s says nothing of the archive', async (name, line, found) => {
    const program = join(folder, name);
    await writeFile(program, `#!/bin/sh\nhead -c 1000 > /dev/null\n${line}\n`);
    await chmod(program, 0o755);
    expect(await inflated(Readable.from(pieces(bytes)), program)).toMatchObject({
      code: 'RESTORE_FAILED',
      found: expect.stringContaining(found),
    });
  });

  it('that is not there, neither', async () => {
    const error = await inflated(Readable.from(pieces(bytes)), join(folder, 'nowhere'));
    expect(error).toMatchObject({ code: 'RESTORE_FAILED', found: expect.stringContaining('ENOENT') });
  });

  it('that ends well before it has read all is not believed', async () => {
    const program = join(folder, 'early');
    await writeFile(program, '#!/bin/sh\nexec head -c 1000\n');
    await chmod(program, 0o755);
    expect(await inflated(Readable.from(pieces(bytes)), program)).toMatchObject({ code: 'ARCHIVE_DAMAGED' });
  });
});
