// A dump may be cut anywhere, by a full disk or a dead pipe, and not only where somebody thought of it: wherever it is
// cut, its restore test does not pass. And what no restore test can see is shown here too, so that nobody relies on it.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { cutAt, find, rowOf } from '../fixtures/drills/dump-places.ts';
import type { Edit, Original } from '../fixtures/drills/forgery.ts';
import { type ReusedServers, startReusedServers } from '../fixtures/drills/reused-servers.ts';
import { originalFrom, runDrill } from '../fixtures/drills/run-drill.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { often } from '../fixtures/often.ts';

const seed = 20_261_122;
const cutsTried = often(12, 40);
/** On a machine that is busy with other things, fewer are tried. */
const cuttingWithinMs = often(10_000, 60_000);

let aws: LocalAws;
let store: ArchiveStore;
let servers: ReusedServers;
let original: Original;
let minutes = 0;

beforeAll(async () => {
  aws = await startLocalAws();
  store = createS3Store({ bucket: aws.bucket });
  const origin = await startThrowawayPostgres({ tuned: true });
  try {
    original = await originalFrom(await loadCorpus(origin.connection, { torrents: 100, edge: true }));
  } finally {
    await origin.stop();
  }
  servers = await startReusedServers(1);
});
afterAll(async () => {
  await servers.stop();
  await aws.stop();
});

function drilled(edits: readonly Edit[]) {
  minutes += 1;
  const takenAt = new Date(Date.UTC(2026, 10, 22, 3, 15 + minutes));
  return runDrill(() => ({ edits }), { original, store, startServer: servers.lend, takenAt });
}

/** The dump's last byte that means something, and the one after it. */
function lastWordEnd(dump: Buffer): number {
  let end = dump.length;
  while (/\s/.test(String.fromCharCode(dump[end - 1] as number))) end -= 1;
  return end;
}

/** A place to cut at, as a share of the whole; half of them where pg_dump's own statements are, which are few bytes. */
function placesIn(dump: Buffer): fc.Arbitrary<number> {
  const [rows, postData, end] = [find(dump, '\nCOPY '), dump.lastIndexOf('\nCOMMIT;\n'), lastWordEnd(dump)];
  const between = (from: number, to: number) => fc.integer({ min: from, max: to - 1 });
  return fc.oneof(
    { weight: 4, arbitrary: between(0, end) },
    { weight: 2, arbitrary: between(0, rows) },
    { weight: 3, arbitrary: between(postData, end) },
    { weight: 1, arbitrary: between(end - 150, end) },
  );
}

describe('a restore test', () => {
  it('passes the dump that the others are made of, and one without its last blank line', async () => {
    for (const edits of [[], cutAt(original.dump, lastWordEnd(original.dump))]) {
      expect((await drilled(edits)).report.outcome).toBe('passed');
    }
  });

  it('does not pass a dump that was cut, at whatever byte', async () => {
    const { dump } = original;
    const examples: [number][] = [[0], [dump.lastIndexOf('\\unrestrict')], [lastWordEnd(dump) - 1]];
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(placesIn(dump), async (at) => {
        tried += 1;
        const { report, mails } = await drilled(cutAt(dump, at));
        const before = JSON.stringify(dump.toString('utf8', Math.max(0, at - 80), at));
        if (report.outcome === 'passed') throw new Error(`passed, cut at byte ${at}, after ${before}`);
        expect(report.failure.code, `cut after ${before}`).toMatch(/^(DUMP_INCOMPLETE|RESTORE_FAILED)$/);
        expect(mails.map(({ subject }) => subject)).toEqual([
          expect.stringContaining('RESTORE TEST FAILED: bitagent'),
        ]);
      }),
      {
        seed,
        numRuns: cutsTried,
        interruptAfterTimeLimit: cuttingWithinMs,
        examples,
      },
    );
    expect(tried).toBeGreaterThan(examples.length);
  });

  it('cannot see a word that pg_dump itself wrote wrong: docs/restore-test.md says so', async () => {
    const { dump } = original;
    const { from } = rowOf(dump, 'public.torrents', 0.5);
    const name = find(dump, '\t', from) + 1;
    const { report } = await drilled([{ from: name, to: name + 1, text: '~' }]);
    expect(report.outcome).toBe('passed');
  });
});
