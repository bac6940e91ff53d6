// What a restore test is for: dumps that restore without a word and lack something. Each drill forges an archive whose
// verdict says intact, so that nothing but the restore stands between it and a good report. And a dump may be cut anywhere, by
// a full disk or a dead pipe, not only where somebody thought of it: wherever it is cut, its restore test does not pass.
// What no restore test can see is shown here too, so that nobody relies on it.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { cutAt, find, rowOf } from '../fixtures/drills/dump-places.ts';
import type { Edit, Original } from '../fixtures/drills/forgery.ts';
import { drills } from '../fixtures/drills/list.ts';
import { type ReusedServers, startReusedServers } from '../fixtures/drills/reused-servers.ts';
import { originalFrom, runDrill, shortcomings } from '../fixtures/drills/run-drill.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { often } from '../fixtures/often.ts';
import { smallCorpus } from '../fixtures/postgres.ts';

const torrents = often(smallCorpus.torrents, 20_000);
/** That the corpus adds with `edge`. */
const edgeTorrents = 12;
const seed = 20_261_122;
/** Three of them are examples. */
const cutsTried = often(7, 40);

let aws: LocalAws;
let store: ArchiveStore;
let servers: ReusedServers;
let original: Original;
let minutes = 0;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  const origin = await startThrowawayPostgres({ tuned: true });
  try {
    original = await originalFrom(await loadCorpus(origin.connection, { ...smallCorpus, torrents }));
  } finally {
    await origin.stop();
  }
  servers = await startReusedServers(2);
});
afterAll(async () => {
  await servers.stop();
  await aws.stop();
});

const stage = (startServer = servers.lend) => {
  minutes += 1;
  const takenAt = new Date(Date.UTC(2026, 10, 22, 3, 15 + minutes));
  return { original, store, startServer, takenAt };
};

describe('a restore test', () => {
  it('passes what was not forged, in a server of its own', async () => {
    const startServer = () => startThrowawayPostgres({ tuned: true, superuser: 'offsite_drill' });
    const { report, mails } = await runDrill(() => ({ edits: [] }), stage(startServer));
    expect(report).toMatchObject({ outcome: 'passed', torrents: torrents + edgeTorrents });
    const counted = (torrents + edgeTorrents).toLocaleString('en');
    expect(mails.map(({ subject }) => subject)).toEqual([
      expect.stringContaining(`[offsite] Restore test passed: bitagent, ${counted} torrents, `),
    ]);
  });
});

describe('a restore test catches, by name, a dump', () => {
  it.concurrent.each(drills.map((drill) => [drill.name, drill] as const))(
    '%s',
    async (_, drill) => {
      expect(shortcomings(drill, await runDrill(drill.forge, stage()))).toEqual([]);
    },
    300_000,
  );
});

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

const drilled = (edits: readonly Edit[]) => runDrill(() => ({ edits }), stage());

describe('a restore test of a dump that is cut or wrong', () => {
  it('passes a dump without its last blank line', async () => {
    const { report } = await drilled(cutAt(original.dump, lastWordEnd(original.dump)));
    expect(report.outcome).toBe('passed');
  });

  it('does not pass a dump that was cut, at whatever byte', async () => {
    const { dump } = original;
    const examples: [number][] = [[0], [dump.lastIndexOf('\\unrestrict')], [lastWordEnd(dump) - 1]];
    await fc.assert(
      fc.asyncProperty(placesIn(dump), async (at) => {
        const { report, mails } = await drilled(cutAt(dump, at));
        const before = JSON.stringify(dump.toString('utf8', Math.max(0, at - 80), at));
        if (report.outcome === 'passed') throw new Error(`passed, cut at byte ${at}, after ${before}`);
        expect(report.failure.code, `cut after ${before}`).toMatch(/^(DUMP_INCOMPLETE|RESTORE_FAILED)$/);
        expect(mails.map(({ subject }) => subject)).toEqual([
          expect.stringContaining('RESTORE TEST FAILED: bitagent'),
        ]);
      }),
      { seed, numRuns: cutsTried, examples },
    );
  });

  it('cannot see a word that pg_dump itself wrote wrong: docs/restore-test.md says so', async () => {
    const { dump } = original;
    const { from } = rowOf(dump, 'public.torrents', 0.5);
    const name = find(dump, '\t', from) + 1;
    const { report } = await drilled([{ from: name, to: name + 1, text: '~' }]);
    expect(report.outcome).toBe('passed');
  });
});
