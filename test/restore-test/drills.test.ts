// What a restore test is for: dumps that restore without a word and lack something. Each drill forges an archive whose
// verdict says intact, so that nothing but the restore stands between it and a good report.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { loadCorpus } from '../../lib/rehearsal/stage/load-corpus.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import type { Original } from '../fixtures/drills/forgery.ts';
import { drills, isLarge } from '../fixtures/drills/list.ts';
import { type ReusedServers, startReusedServers } from '../fixtures/drills/reused-servers.ts';
import { originalFrom, runDrill, shortcomings } from '../fixtures/drills/run-drill.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { often } from '../fixtures/often.ts';
import { smallCorpus } from '../fixtures/postgres.ts';

/** Enough for several members and parts. */
const largeTorrents = often(2_000, 20_000);
/** That the corpus adds with `edge`. */
const edgeTorrents = 12;

let aws: LocalAws;
let store: ArchiveStore;
let servers: ReusedServers;
let large: Original;
let small: Original;
let minutes = 0;

beforeAll(async () => {
  aws = await startLocalAws();
  store = createS3Store({ bucket: aws.bucket });
  const origin = await startThrowawayPostgres({ tuned: true });
  try {
    large = await originalFrom(await loadCorpus(origin.connection, { torrents: largeTorrents, edge: true }));
    small = await originalFrom(await loadCorpus(origin.connection, { ...smallCorpus, database: 'small' }));
  } finally {
    await origin.stop();
  }
  servers = await startReusedServers(2);
});
afterAll(async () => {
  await servers.stop();
  await aws.stop();
});

const stage = (original: Original, startServer = servers.lend) => {
  minutes += 1;
  const takenAt = new Date(Date.UTC(2026, 10, 22, 3, 15 + minutes));
  return { original, store, startServer, takenAt };
};

describe('a restore test', () => {
  it('passes what was not forged, in a server of its own', async () => {
    const startServer = () => startThrowawayPostgres({ tuned: true, superuser: 'offsite_drill' });
    const { report, mails } = await runDrill(() => ({ edits: [] }), stage(large, startServer));
    expect(report).toMatchObject({ outcome: 'passed', torrents: largeTorrents + edgeTorrents });
    const torrents = (largeTorrents + edgeTorrents).toLocaleString('en');
    expect(mails.map(({ subject }) => subject)).toEqual([
      expect.stringContaining(`[offsite] Restore test passed: bitagent, ${torrents} torrents, `),
    ]);
  });
});

describe('a restore test catches, by name, a dump', () => {
  it.concurrent.each(drills.map((drill) => [drill.name, drill] as const))(
    '%s',
    async (_, drill) => {
      expect(shortcomings(drill, await runDrill(drill.forge, stage(isLarge(drill) ? large : small)))).toEqual(
        [],
      );
    },
    300_000,
  );
});
