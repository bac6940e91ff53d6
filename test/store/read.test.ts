// An object read by several connections: its bytes, in order, of one object only, and never more of them in memory than
// was said.

import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sideBySide } from '../../lib/store/side-by-side.ts';
import { Width } from '../../lib/store/width.ts';
import { until } from '../fixtures/events.ts';
import { content, impatience, key, patience, stubForEach } from '../fixtures/s3-faults.ts';
import type { StubRules } from '../fixtures/s3-stub-bucket.ts';

const bytes = content(100_000);
const inParts = { connections: 3, partBytes: 9000 };

async function bytesOf(opened: { body: Readable } | undefined): Promise<Buffer> {
  return Buffer.concat(await (opened?.body.toArray() ?? []));
}

describe.each<[string, StubRules]>([
  ['with versions', {}],
  ['without versions', { namesNoVersions: true }],
  ['that gives less of a range than is asked for', { longestRange: 4000 }],
  ['that knows no ranges', { ignoresRange: true }],
])('side by side, from a bucket %s', (_, rules) => {
  const bench = stubForEach(rules);

  it('gives any length from any byte on, whatever is cut on the way', async () => {
    const one = fc.record({
      length: fc.oneof(fc.constantFrom(0, 1, 9000, 9001, 18_000), fc.nat({ max: 60_000 })),
      from: fc.oneof(fc.constant(0), fc.nat({ max: 60_000 })),
      connections: fc.integer({ min: 1, max: 5 }),
      cuts: fc.array(fc.nat({ max: 8000 }), { maxLength: rules.ignoresRange ? 0 : 3 }),
    });
    await fc.assert(
      fc.asyncProperty(one, async ({ length, from, connections, cuts }) => {
        bench.stub.bucket.put(key, bytes.subarray(0, length), {});
        const done = bench.stub.count('get');
        cuts.forEach((cutBodyAt, index) => {
          bench.stub.fail('get', done + 1 + index, { cutBodyAt });
        });
        const opened = await bench.store().open(key, null, { ...inParts, connections, from });
        expect(opened?.bytes).toBe(length);
        const found = await bytesOf(opened);
        expect(found.equals(bytes.subarray(Math.min(from, length), length))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('asks for one object only, and for no checksums of stretches', async () => {
    const { etag, versionId } = bench.stub.bucket.put(key, bytes, {});
    await bytesOf(await bench.store().open(key, null, inParts));
    const [first, ...others] = bench.stub.requests.map(({ headers, versionId }) => ({
      condition: headers['if-match'],
      versionId,
      checksums: headers['x-amz-checksum-mode'],
    }));
    expect(first).toEqual({ condition: undefined, versionId: '', checksums: undefined });
    expect(others).toHaveLength(rules.ignoresRange ? 0 : rules.longestRange ? 33 : 11);
    const pinned = rules.namesNoVersions
      ? { condition: `"${etag}"`, versionId: '' }
      : { condition: undefined, versionId };
    for (const other of others) expect(other).toEqual({ ...pinned, checksums: undefined });
  });

  it.skipIf(rules.ignoresRange)('says that they are others now, and mixes none of them in', async () => {
    const { versionId } = bench.stub.bucket.put(key, bytes, {});
    bench.stub.fail('get', 4, {
      first: () => {
        bench.stub.bucket.put(key, content(100_001).reverse(), {});
        bench.stub.bucket.versions.delete(versionId);
      },
    });
    const opened = await bench.store().open(key, null, { ...inParts, connections: 2 });
    const found: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of opened?.body ?? []) found.push(chunk);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ARCHIVE_CHANGED', exitCode: 5 });
    const before = Buffer.concat(found);
    expect(before.length).toBeGreaterThanOrEqual(4000);
    expect(before.equals(bytes.subarray(0, before.length))).toBe(true);
  });
});

describe('a store that is away for a while', () => {
  const bench = stubForEach();

  /** Reads an object whose store is gone from its first part on. */
  async function readWhileAway(limits: typeof patience) {
    bench.stub.bucket.put(key, bytes, {});
    const said: string[] = [];
    const store = bench.store({ patience: limits, onTrouble: (sentence) => said.push(sentence) });
    const opened = await store.open(key, null, { ...inParts, connections: 2 });
    await bench.stub.disconnect();
    return { said, found: bytesOf(opened) };
  }

  it('is waited for by who has the patience', async () => {
    const { said, found } = await readWhileAway({ ...patience, readTroubleMs: 60_000 });
    await until('it was tried more often than by others', () => said.length > 12);
    await bench.stub.reconnect();
    expect((await found).equals(bytes)).toBe(true);
    expect(said[0]).toContain(`reading s3://vault/${key}, from byte `);
  });

  it('is given up by others', async () => {
    const { said, found } = await readWhileAway(impatience);
    await expect(found).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', exitCode: 4 });
    expect(said.length).toBeGreaterThan(0);
    await bench.stub.reconnect();
  });
});

describe('what is held', () => {
  // More than a stream takes ahead of its reader.
  const partBytes = 200_000;

  /** A source whose every part is there at once; it counts what was begun, and what is open. */
  function source(parts: number, connections: number) {
    const seen = { begun: 1, open: 1, mostOpen: 1 };
    const part = (index: number) => {
      async function* chunks() {
        yield Buffer.alloc(partBytes / 2, index);
        yield Buffer.alloc(partBytes / 2, index);
        seen.open -= 1;
      }
      return Readable.from(chunks(), { objectMode: false });
    };
    const stream = sideBySide({
      first: part(0),
      open: (from) => {
        seen.begun += 1;
        seen.open += 1;
        seen.mostOpen = Math.max(seen.mostOpen, seen.open);
        return part(from / partBytes);
      },
      from: 0,
      to: parts * partBytes,
      width: new Width(connections, partBytes),
    });
    return { seen, stream };
  }

  it('is half as many parts again as there are connections, and one that is given', async () => {
    const { seen, stream } = source(100, 4);
    const chunks = stream[Symbol.asyncIterator]();
    for (let given = 0; given < 20; given += 1) {
      await chunks.next();
      await new Promise(setImmediate);
      expect(seen.begun).toBeLessThanOrEqual(Math.ceil(given / 2) + 6 + 1);
    }
    expect(seen.mostOpen).toBeLessThanOrEqual(4);
    await chunks.return?.();
  });

  it('is nothing any more once its reader has gone', async () => {
    const { seen, stream } = source(1e6, 4);
    await stream[Symbol.asyncIterator]().next();
    stream.destroy();
    const { begun } = seen;
    await new Promise(setImmediate);
    expect(seen.begun).toBe(begun);
  });
});
