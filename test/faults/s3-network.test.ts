import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  content,
  hopeless,
  impatience,
  inParts,
  key,
  partBytes,
  patience,
  streamOf,
  stubForEach,
} from '../fixtures/s3-faults.ts';

const bytes = content(12 * partBytes);

describe('S3: the network', () => {
  const bench = stubForEach();

  it('is away for a while: the dump waits, and the archive is whole', async () => {
    const { stub } = bench;
    let givenBytes = 0;
    let givenWhileAway = 0;
    const counted = (async function* () {
      for await (const chunk of streamOf(bytes)) {
        givenBytes += chunk.length;
        yield chunk;
      }
    })();
    const returned = Promise.withResolvers<void>();
    stub.fail('part', 4, {
      reset: 'before',
      async afterwards() {
        await stub.disconnect();
        const before = givenBytes;
        await sleep(200);
        givenWhileAway = givenBytes - before;
        await stub.reconnect();
        returned.resolve();
      },
    });
    await bench.store().upload(key, counted, inParts);
    await returned.promise;
    expect(stub.bucket.objects.get(key)?.bytes.equals(bytes)).toBe(true);
    // What is in memory already, and no more.
    expect(givenWhileAway).toBeLessThanOrEqual(inParts.partsInFlight * partBytes);
    expect(stub.holds()).toBe('archive');
  });

  it('is away while the upload is completed', async () => {
    const { stub } = bench;
    stub.fail('complete', 1, {
      reset: 'before',
      async afterwards() {
        await stub.disconnect();
        await sleep(100);
        await stub.reconnect();
      },
    });
    await bench.store().upload(key, streamOf(bytes), inParts);
    expect(stub.holds()).toBe('archive');
  });

  it('is gone for good: given up in the end, and the hint says what remains', async () => {
    const { stub } = bench;
    const said: string[] = [];
    stub.fail('part', 4, { reset: 'before', afterwards: () => void stub.disconnect() });
    // Long enough for some tries on a machine with much to do.
    const gone = { ...hopeless, troubleMs: 3000, longestPauseMs: 200 };
    const store = bench.store({ patience: gone, onTrouble: (text) => said.push(text) });
    await expect(store.upload(key, streamOf(bytes), inParts)).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      exitCode: 4,
      found: expect.stringMatching(/ECONNREFUSED.*tried \d+ times/),
      hint: expect.stringMatching(/an unfinished upload remains, and no object/),
    });
    expect(said.length).toBeGreaterThan(2);
    expect(said[0]).toMatch(/uploading s3:\/\/vault\/.*, part \d+: .*(ECONN|socket hang up)/);
    expect(stub.holds()).toBe('nothing, 1 unfinished upload');
  });

  it('swallows a part and never answers: said aloud, and given up as patience says', async () => {
    const said: string[] = [];
    bench.stub.fail('part', [2, 1e6], { silence: true });
    // A machine with much to do answers all others in a second.
    const swallowed = { ...impatience, troubleMs: 200, silenceMs: 1000, noticeMs: 30 };
    const store = bench.store({ patience: swallowed, onTrouble: (text) => said.push(text) });
    await expect(store.upload(key, streamOf(bytes), inParts)).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      exitCode: 4,
    });
    expect(said).toContainEqual(expect.stringMatching(/part \d+: not acknowledged after/));
    expect(bench.stub.holds()).toBe('nothing');
  });

  it('is away while it is listed and read: waited for as long as reads are', async () => {
    const { stub } = bench;
    await bench.store().create(key, 'whole');
    // More than the SDK tries by itself.
    stub.fail('list', [1, 7], { reset: 'before' });
    stub.fail('get', [1, 7], { reset: 'before' });
    const said: string[] = [];
    const patient = bench.store({
      patience: { ...patience, readTroubleMs: 30_000 },
      onTrouble: (text) => said.push(text),
    });
    expect((await Array.fromAsync(patient.list(''))).map((one) => one.key)).toEqual([key]);
    expect((await patient.readText(key))?.text).toBe('whole');
    expect(said).toEqual([
      expect.stringMatching(/^listing s3:\/\/vault\/: /),
      expect.stringMatching(/^reading s3:\/\/vault\/archives/),
    ]);
  });

  it('is away, and the operator interrupts: not waited for', async () => {
    const { stub } = bench;
    const interruption = new AbortController();
    stub.fail('part', 4, {
      reset: 'before',
      async afterwards() {
        await stub.disconnect();
        interruption.abort(new Error('SIGTERM'));
      },
    });
    const store = bench.store({ patience: { ...hopeless, troubleMs: 1e9 } });
    const uploading = store.upload(key, streamOf(bytes), { ...inParts, signal: interruption.signal });
    await expect(uploading).rejects.toThrow('SIGTERM');
    expect(stub.holds()).toBe('nothing, 1 unfinished upload');
  });
});
