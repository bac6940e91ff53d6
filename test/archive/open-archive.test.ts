import { createHash } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { checked } from '../../lib/archive/open-archive.ts';
import { exampleManifest } from '../fixtures/manifests.ts';

const bytes = Buffer.from('the bytes of an archive');
const manifest = {
  ...exampleManifest,
  compressedBytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
};

async function passed(
  given: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<{ bytes: number; error?: unknown }> {
  let passedBytes = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      passedBytes += chunk.length;
      done();
    },
  });
  try {
    await pipeline(Readable.from(given), checked(manifest), sink);
    return { bytes: passedBytes };
  } catch (error) {
    return { bytes: passedBytes, error };
  }
}

describe('the bytes of a manifest', () => {
  it('pass, and others fail at their end', async () => {
    expect(await passed([bytes.subarray(0, 5), bytes.subarray(5)])).toEqual({ bytes: bytes.length });
    const cut = await passed([bytes.subarray(0, 5)]);
    expect(cut).toMatchObject({
      error: { code: 'ARCHIVE_DAMAGED', found: expect.stringContaining('5 bytes') },
    });
    const others = await passed([Buffer.alloc(bytes.length)]);
    expect(others).toMatchObject({ error: { code: 'ARCHIVE_DAMAGED' } });
  });

  it('are all that passes, of however many', async () => {
    let given = 0;
    async function* endless() {
      for (yield bytes; given < 1_000_000; given += 1) yield bytes;
    }
    const found = await passed(endless());
    expect(found).toMatchObject({ error: { code: 'ARCHIVE_DAMAGED', found: 'more bytes' } });
    expect(found.bytes).toBeLessThanOrEqual(bytes.length);
    expect(given).toBeLessThan(1000);
  });
});
