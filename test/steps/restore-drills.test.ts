// What a restore test is for: dumps that restore without a word and lack something. Each drill forges an archive whose
// verdict says intact, so that nothing but the restore stands between it and a good report.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Inventory } from '../../lib/core/inventory.ts';
import type { RestoreReport } from '../../lib/core/restore-report.ts';
import type { ArchiveStore } from '../../lib/io/archive-store.ts';
import { createS3Store } from '../../lib/io/s3-store.ts';
import { startThrowawayPostgres } from '../../lib/io/throwaway-postgres.ts';
import { loadCorpus } from '../../lib/rehearsal/load-corpus.ts';
import type { LocalAws } from '../../lib/rehearsal/local-aws.ts';
import { restoreTest } from '../../lib/steps/restore-test.ts';
import { scan, storeArchive } from '../fixtures/archive.ts';
import { smallDump } from '../fixtures/archives.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { corpus, dumpOf, inventoryOf } from '../fixtures/postgres.ts';

let aws: LocalAws;
let store: ArchiveStore;
let dump: Buffer;
let text: string;
let inventory: Inventory;
let takenAt = new Date('2026-11-22T03:15:00Z');

beforeAll(async () => {
  aws = await startLocalAws();
  store = createS3Store({ bucket: aws.bucket });
  const origin = await startThrowawayPostgres({ tuned: true });
  try {
    dump = await dumpOf(await loadCorpus(origin.connection, corpus));
  } finally {
    await origin.stop();
  }
  // One character a byte: what is cut or replaced stays in its place.
  text = dump.toString('latin1');
  inventory = scan(dump);
});
afterAll(() => aws.stop());
beforeEach(() => {
  takenAt = new Date(takenAt.getTime() + 60_000);
});

async function drill(
  forged: string | Buffer,
  parts: { inventory?: Inventory; takenAt?: Date } = {},
): Promise<RestoreReport> {
  const bytes = typeof forged === 'string' ? Buffer.from(forged, 'latin1') : forged;
  const id = await storeArchive(store, { dump: bytes, takenAt, inventory, ...parts });
  const subjects: string[] = [];
  const report = await restoreTest({
    store,
    archiveId: id.id,
    startServer: () => startThrowawayPostgres({ tuned: true, superuser: 'offsite_drill' }),
    sendMail: async ({ subject }) => {
      subjects.push(subject);
    },
    now: () => new Date(),
  });
  expect(subjects).toEqual([expect.stringContaining('RESTORE TEST FAILED')]);
  return report;
}

function failureOf(report: RestoreReport): string {
  if (report.outcome === 'passed') throw new Error('the drill passed');
  const { code, message, found } = report.failure;
  return `${code}: ${message}; ${found}`;
}

const at = (words: string, plus = 0) => {
  const found = text.indexOf(words);
  if (found < 0) throw new Error(`the dump has no ${words}`);
  return found + plus;
};

describe('a dump that was cut', () => {
  it.each<[string, () => number, RegExp]>([
    [
      'in the definition of a table',
      () => at('CREATE TABLE public.torrents (', 60),
      /DUMP_INCOMPLETE: .* inside of a statement/,
    ],
    [
      'between two tables',
      () => at('CREATE TABLE public.torrents ('),
      /RESTORE_FAILED: .*public\.torrents: not there/,
    ],
    [
      'in a row',
      () => at('\nCOPY public.torrents (', 40_000),
      /DUMP_INCOMPLETE: the dump ends in the rows of public\.torrents/,
    ],
    [
      'between two rows',
      () => text.indexOf('\n', at('\nCOPY public.torrents (', 40_000)) + 1,
      /DUMP_INCOMPLETE: the dump ends in the rows of public\.torrents/,
    ],
    [
      'before the rows of torrents',
      () => at('\nCOPY public.torrents ('),
      /RESTORE_FAILED: .*public\.torrents: 0, /,
    ],
    [
      'in a piece of the large object',
      () => at("SELECT pg_catalog.lowrite(0, '", 5000),
      /DUMP_INCOMPLETE: .* inside of a statement/,
    ],
    [
      'after a piece of the large object',
      () => text.indexOf(';\n', at('SELECT pg_catalog.lowrite(')) + 2,
      /DUMP_INCOMPLETE: .* large object/,
    ],
    [
      'before the keys',
      () => at('ALTER TABLE ONLY public.bloom_filters\n    ADD CONSTRAINT'),
      /RESTORE_FAILED: .*indexes: 0, constraints: 11, triggers: 0/,
    ],
    [
      'in an index',
      () => at('CREATE INDEX content_tsv_idx', 30),
      /DUMP_INCOMPLETE: .* inside of a statement/,
    ],
    ['before the foreign keys', () => at('FOREIGN KEY', -200), /RESTORE_FAILED|DUMP_INCOMPLETE/],
    [
      'before its end marker',
      () => at('--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict'),
      /DUMP_INCOMPLETE: .*end marker/,
    ],
  ])('%s', async (_, where, expected) => {
    expect(failureOf(await drill(text.slice(0, where())))).toMatch(expected);
  });
});

describe('a dump that lacks something', () => {
  it.each<[string, RegExp, string, string]>([
    ['an index', /CREATE INDEX torrents_name_idx [^;]*;/, 'indexes', 'torrents_name_idx'],
    ['a GIN index', /CREATE INDEX content_tsv_idx [^;]*;/, 'indexes', 'content_tsv_idx'],
    ['a trigger', /CREATE TRIGGER queue_announce_job [^;]*;/, 'triggers', 'queue_announce_job'],
    [
      'a foreign key',
      /ALTER TABLE ONLY public\.torrent_files\s+ADD CONSTRAINT torrent_files_info_hash_fkey [^;]*;/,
      'constraints',
      'torrent_files_info_hash_fkey',
    ],
  ])('%s', async (_, pattern, what, missing) => {
    expect(text).toMatch(pattern);
    const report = await drill(text.replace(pattern, ''));
    expect(report.comparisons.filter(({ same }) => !same)).toMatchObject([{ what, missing: [missing] }]);
    expect(failureOf(report)).toContain(`${what}: `);
  });

  it('a goose version', async () => {
    const rows = at('COPY public.goose_db_version (');
    const row = text.indexOf('\n', rows) + 1;
    const without = text.slice(0, row) + text.slice(text.indexOf('\n', row) + 1);
    expect(failureOf(await drill(without))).toContain('public.goose_db_version: 60');
  });

  it('a torrent', async () => {
    const rows = { ...inventory.rows, 'public.torrents': 2013 };
    const report = await drill(text, { inventory: { ...inventory, rows } });
    expect(failureOf(report)).toContain('public.torrents: 2012');
    expect(report.torrents).toBe(2012);
  });
});

describe('a dump of the wrong thing', () => {
  it.each([
    ['long before its newest row', '2026-11-20T03:15:00Z', 'no_future_rows'],
    ['weeks after its newest row', '2026-12-22T03:15:00Z', 'freshness'],
  ])('taken by a clock %s', async (_, at, check) => {
    const report = await drill(text, { takenAt: new Date(at) });
    expect(failureOf(report)).toContain(
      `RESTORE_CHECK_FAILED: the restored database fails ${check}; ${check}: newest row 2026-11-22`,
    );
  });

  it('another database', async () => {
    const foreign = smallDump(0).replaceAll('torrents', 'invoices').replaceAll(' 16.4', ' 15.4');
    expect(failureOf(await drill(foreign, { inventory: scan(Buffer.from(foreign)) }))).toContain(
      'the dump has no table torrents',
    );
  });

  it('an empty database', async () => {
    const empty = '--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n\n';
    expect(failureOf(await drill(empty, { inventory: inventoryOf({}) }))).toContain(
      'the dump has no table torrents',
    );
  });

  it('a database that BitAgent cannot search', async () => {
    const blind = text.replace(/(COPY public\.torrent_contents [^\n]*\n)/, '$1');
    const rules = blind.replace(
      'ALTER TABLE ONLY public.bloom_filters\n    ADD CONSTRAINT',
      "UPDATE public.torrent_contents SET tsv = '';\nALTER TABLE ONLY public.bloom_filters\n    ADD CONSTRAINT",
    );
    expect(failureOf(await drill(rules))).toMatch(/RESTORE_CHECK_FAILED: .*tsv_populated.*search_finds_self/);
  });

  it('an archive of a newer server', async () => {
    const report = await drill(text, { inventory: { ...inventory, serverVersion: '99.1' } });
    expect(failureOf(report)).toContain('SERVER_TOO_OLD');
    expect(report.comparisons).toEqual([]);
  });
});
