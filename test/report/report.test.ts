import { describe, expect, it } from 'vitest';
import {
  compareCatalogue,
  describeDifference,
  objectKinds,
  type RestoredCatalogue,
  splitName,
} from '../../lib/archive/comparison.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import { parseRestoreReport, type RestoreReport, restoreReportKey } from '../../lib/report/report.ts';
import { inventoryOf } from '../fixtures/postgres.ts';

const inventory = inventoryOf({
  rows: { 'public.torrents': 20_012, 'public.torrent_files': 224_320 },
  tables: ['public.torrents', 'public.torrent_files'],
  indexes: ['public.torrents_name_idx', 'public.torrents_size_idx'],
  constraints: ['public.torrents.torrents_pkey', 'public.torrent_files.torrent_files_pkey'],
});

function restored(parts: Partial<RestoredCatalogue['objects']> = {}): RestoredCatalogue {
  const objects = Object.fromEntries(objectKinds.map((kind) => [kind, inventory[kind]]));
  return {
    rows: inventory.rows,
    objects: { ...objects, ...parts } as RestoredCatalogue['objects'],
    invalidIndexes: [],
    largeObjects: 0,
  };
}

const common = {
  format: 1,
  id: 'bitagent-2026-11-22-031500Z',
  source: 'bitagent',
  startedAt: '2026-11-23T05:00:00.000Z',
  durationMs: 95_000,
  toolVersion: '0.1.0',
  stages: [
    { stage: 'start server', startMs: 0, durationMs: 1000 },
    { stage: 'download', startMs: 1000, durationMs: 58_000, bytes: 72_000_000 },
    { stage: 'inflate', startMs: 1000, durationMs: 59_000, bytes: 344_000_000 },
    { stage: 'load', startMs: 1000, durationMs: 60_000 },
    { stage: 'indexes', startMs: 61_000, durationMs: 28_000 },
    { stage: 'compare', startMs: 89_000, durationMs: 4000 },
    { stage: 'checks', startMs: 93_000, durationMs: 2000 },
  ],
  restoration: { way: 'parallel', sessions: 2, recoveryMs: 88_000, databaseBytes: 594_000_000 },
  resources: { peakMemoryBytes: 140_000_000, peakDiskBytes: 700_000_000, diskBytes: 21_000_000_000, cpus: 2 },
  task: { vcpu: 1, memoryMib: 4096, storageGib: 21, billedFrom: '2026-11-23T04:59:20.000Z' },
  archive: {
    key: 'archives/bitagent/bitagent-2026-11-22-031500Z.sql.gz',
    versionId: '3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY',
    etag: 'c355e1f8c82d81f295ca6ccd925388cb-9',
    compressedBytes: 72_000_000,
    plainBytes: 344_000_000,
  },
  serverVersion: '16.4 (Debian 16.4-1.pgdg120+1)',
  torrents: 20_012,
} as const;

const passed: RestoreReport = {
  outcome: 'passed',
  ...common,
  stages: [...common.stages],
  checks: [
    { name: 'freshness', outcome: 'pass', detail: '2026-11-22 03:14', origin: 'shipped', durationMs: 3 },
    { name: 'content_link', outcome: 'warn', detail: '120 not classified', origin: 'shipped', durationMs: 9 },
  ],
  comparisons: compareCatalogue(inventory, restored()),
};

const failed: RestoreReport = {
  ...passed,
  outcome: 'failed',
  comparisons: compareCatalogue(
    inventory,
    restored({ indexes: [], constraints: ['public.torrents.torrents_pkey'] }),
  ),
  failure: {
    code: 'RESTORE_FAILED',
    message: 'what came back is not what was dumped',
    expected: 'indexes: 2, constraints: 2',
    found: 'indexes: 0, constraints: 1',
    hint: 'look at what runs pg_dump',
  },
};

const early: RestoreReport = {
  outcome: 'failed',
  ...common,
  archive: undefined,
  serverVersion: undefined,
  torrents: undefined,
  stages: [],
  checks: [],
  comparisons: [],
  restoration: undefined,
  resources: undefined,
  task: undefined,
  failure: {
    ...failed.failure,
    code: 'ARCHIVE_MISSING',
    message: 'the archive bitagent-2026-11-22-031500Z is gone',
  },
};

describe('a restore report', () => {
  it('of an earlier version reads as one without checks', () => {
    const { checks: _, restoration: __, resources: ___, task: ____, ...earlier } = passed;
    const stages = [{ stage: 'download and load', durationMs: 5 }];
    expect(parseRestoreReport(JSON.stringify({ ...earlier, stages }))).toMatchObject({
      checks: [],
      stages: [{ stage: 'download and load', startMs: 0, durationMs: 5 }],
    });
  });

  it.each([passed, failed, early])('reads back as it was written', (report) => {
    expect(parseRestoreReport(jsonText(report))).toEqual(JSON.parse(JSON.stringify(report)));
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{"outcome":'],
    ['another format', JSON.stringify({ ...passed, format: 2 })],
    ['a passed test without a count', JSON.stringify({ ...passed, torrents: undefined })],
    ['a failure without a reason', JSON.stringify({ ...failed, failure: undefined })],
  ])('proves nothing when it is %s', (_, text) => {
    expect(parseRestoreReport(text)).toBeUndefined();
  });

  it('is kept under its archive, by the second', () => {
    const id = { id: common.id, source: 'bitagent' };
    expect(restoreReportKey(id, new Date('2026-11-23T05:00:00.999Z'))).toBe(
      'reports/bitagent/bitagent-2026-11-22-031500Z/2026-11-23-050000Z.json',
    );
  });
});

describe('compareCatalogue', () => {
  it('finds nothing to say about equals, in any order, with what every database has', () => {
    const objects = { indexes: [...inventory.indexes].reverse(), extensions: ['plpgsql'] };
    expect(compareCatalogue(inventory, restored(objects)).filter(({ same }) => !same)).toEqual([]);
  });

  it('counts names as often as they occur', () => {
    const twice = inventoryOf({ functions: ['public.f', 'public.f', 'other.f'] });
    const catalogue = {
      ...restored(),
      rows: {},
      objects: { ...emptyObjects(), functions: ['public.f', 'other.f'] },
    };
    const different = compareCatalogue(twice, catalogue).filter(({ same }) => !same);
    expect(different).toEqual([
      { what: 'functions', counted: 'objects', expected: 3, found: 2, same: false, missing: ['f'] },
    ]);
  });

  it('is not deceived by equal counts', () => {
    const different = compareCatalogue(
      inventory,
      restored({ indexes: ['public.torrents_name_idx', 'public.other'] }),
    );
    expect(different.find(({ what }) => what === 'indexes')).toMatchObject({
      expected: 2,
      found: 2,
      same: false,
      missing: ['torrents_size_idx'],
      unexpected: ['other'],
    });
  });

  it('does not take an index that no query can use for one that came back', () => {
    const catalogue = {
      ...restored({ indexes: ['public.torrents_name_idx'] }),
      invalidIndexes: ['public.torrents_size_idx'],
    };
    const different = compareCatalogue(inventory, catalogue).filter(({ same }) => !same);
    expect(different).toMatchObject([{ missing: ['torrents_size_idx (there, but not valid)'] }]);
  });

  it('tells a table that is not there from an empty one', () => {
    const catalogue = { ...restored(), rows: { 'public.torrents': 0 } };
    const rows = compareCatalogue(inventory, catalogue).filter(({ counted }) => counted === 'rows');
    expect(rows.map(({ found }) => found)).toEqual([0, null]);
  });
});

describe('describeDifference', () => {
  const different = (catalogue: RestoredCatalogue) =>
    describeDifference(compareCatalogue(inventory, catalogue).filter(({ same }) => !same));

  it.each<[string, RestoredCatalogue]>([
    ['index torrents_size_idx is missing', restored({ indexes: ['public.torrents_name_idx'] })],
    ['index torrents_name_idx is missing, and more', restored({ indexes: [] })],
    ['trigger other was not dumped', restored({ triggers: ['public.torrents.other'] })],
    ['table public.torrent_files is missing', { ...restored(), rows: { 'public.torrents': 20_012 } }],
    [
      '2,011 of 20,012 rows of public.torrents',
      { ...restored(), rows: { ...inventory.rows, 'public.torrents': 2_011 } },
    ],
    ['1 of 0 large objects', { ...restored(), largeObjects: 1 }],
  ])('%s', (words, catalogue) => {
    expect(different(catalogue)).toBe(words);
  });
});

describe('splitName', () => {
  it.each([
    ['public.torrents', ['public', 'torrents']],
    ['torrents', ['torrents']],
    ['"My.Schema"."Tab ""le"', ['My.Schema', 'Tab "le']],
    ['public.f(integer, text)', ['public', 'f']],
    ['"a(b"', ['a(b']],
    ['a.b.c', ['a', 'b', 'c']],
  ])('%s', (text, parts) => {
    expect(splitName(text)).toEqual(parts);
  });
});

function emptyObjects(): RestoredCatalogue['objects'] {
  return Object.fromEntries(objectKinds.map((kind) => [kind, []])) as unknown as RestoredCatalogue['objects'];
}
