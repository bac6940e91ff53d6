import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ArchiveId, archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import { startThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { parseRestoreReport, type RestoreReport, restoreReportKey } from '../../lib/report/report.ts';
import { type RestoreTestOptions, restoreTest } from '../../lib/restore-test/restore-test.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { scan, storeArchive } from '../fixtures/archive.ts';
import { asleep, neverEnding, untilAsleep, untilRuns } from '../fixtures/events.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import {
  commandLines,
  compressed,
  corpusDump,
  inPieces,
  smallCorpus,
  smallTorrents,
} from '../fixtures/postgres.ts';

let aws: LocalAws;
let store: ArchiveStore;
let dump: Buffer;
let own: string;
const tmpBefore = process.env.TMPDIR;
let minute = 0;
let takenAt: Date;
let mails: Mail[];

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  dump = await corpusDump(smallCorpus);
  own = await mkdtemp(join(tmpdir(), 'offsite-test-'));
  await chmod(own, 0o755);
  process.env.TMPDIR = own;
});
afterAll(async () => {
  if (tmpBefore === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = tmpBefore;
  await rm(own, { recursive: true });
  await aws.stop();
});

// Every test has an archive of its own hour; the corpus' newest row is of 03:00.
beforeEach(() => {
  minute += 10;
  takenAt = new Date(Date.UTC(2026, 10, 22, 3, minute));
  mails = [];
});
// Whatever happened: no server, no directory, no process.
afterEach(async () => {
  expect(await readdir(own)).toEqual([]);
  expect(commandLines().filter((line) => line.includes(own))).toEqual([]);
});

const startedAt = new Date('2026-11-23T05:00:00.000Z');

function testing(id: ArchiveId, options: Partial<RestoreTestOptions> = {}): Promise<RestoreReport> {
  return restoreTest({
    store,
    archiveId: id.id,
    startServer: () => startThrowawayPostgres({ tuned: true }),
    sendMail: async (mail) => {
      mails.push(mail);
    },
    now: () => startedAt,
    ...options,
  });
}

/** A test that fails leaves a report and one mail that say so. */
async function expectFailure(
  id: ArchiveId,
  failure: Record<string, unknown>,
  options: Partial<RestoreTestOptions> = {},
): Promise<RestoreReport> {
  const report = await testing(id, options);
  expect(report).toMatchObject({ outcome: 'failed', failure });
  const stored = await store.readText(restoreReportKey(id, startedAt));
  expect(parseRestoreReport(stored?.text ?? '')).toEqual(JSON.parse(JSON.stringify(report)));
  expect(mails).toHaveLength(1);
  expect(mails[0]?.subject).toContain('RESTORE TEST FAILED: bitagent');
  expect(mails[0]?.text).toContain('What to do: ');
  return report;
}

type Interruption = {
  /** Comes to its end when it is time to interrupt. */
  readonly at: (server: Promise<Connection>) => Promise<void>;
  readonly dump?: () => Buffer;
  readonly checks?: string;
};

const sleeping = async (server: Promise<Connection>) => untilAsleep(await server);

/** The dump with a statement that does not end before some words of it. */
function asleepAt(words: string): Buffer {
  const at = dump.indexOf(words);
  expect(at, words).toBeGreaterThan(0);
  return Buffer.concat([dump.subarray(0, at), Buffer.from(`\n${asleep}`), dump.subarray(at)]);
}

describe('restoreTest', () => {
  it('proves a whole archive: count, every table, report and mail', async () => {
    const id = await storeArchive(store, { dump, takenAt });
    const lines: string[] = [];
    const report = await testing(id, { log: (line) => lines.push(line), now: () => new Date() });
    expect(report).toMatchObject({
      outcome: 'passed',
      id: id.id,
      torrents: smallTorrents,
      archive: { plainBytes: dump.length, versionId: null },
      serverVersion: expect.stringMatching(/^\d+/),
    });
    expect(report.comparisons.filter(({ same }) => !same)).toEqual([]);
    expect(report.comparisons.filter(({ counted }) => counted === 'rows')).toHaveLength(26);
    expect(report.stages.map(({ stage }) => stage)).toEqual([
      'start server',
      'download',
      'inflate',
      'load',
      'indexes',
      'compare',
      'checks',
    ]);
    expect(report.checks.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
    expect(report.checks).toHaveLength(23);
    expect(report.restoration).toMatchObject({ way: 'parallel', databaseBytes: expect.any(Number) });
    expect(report.resources?.peakMemoryBytes).toBeGreaterThan(1e6);
    const stored = await store.readText(restoreReportKey(id, new Date(report.startedAt)));
    expect(parseRestoreReport(stored?.text ?? '')).toEqual(report);
    expect(mails.map(({ subject }) => subject)).toEqual([
      expect.stringMatching(
        new RegExp(
          `^\\[offsite\\] Restore test passed: bitagent, ${smallTorrents} torrents, [\\d,]+ rows in `,
        ),
      ),
    ]);
    expect(lines).toContain('restore-test: passed, reported');
    expect(lines.at(-1)).toMatch(/^restore-test: drew reports\/.*\.html/);
  });

  it('catches a dump cut before its indexes, and names what is missing', async () => {
    const cut = dump.subarray(0, dump.indexOf('\n--\n-- Name: bloom_filters bloom_filters_pkey'));
    const id = await storeArchive(store, { dump: cut, takenAt, inventory: scan(dump) });
    await expectFailure(id, { code: 'RESTORE_FAILED', found: 'indexes: 0, constraints: 11, triggers: 0' });
    expect(mails[0]?.text).toMatch(/indexes that did not come back: .*content_adult_idx/);
  });

  it('catches one row less in a small table', async () => {
    const inventory = scan(dump);
    inventory.rows['public.goose_db_version'] = 62;
    const id = await storeArchive(store, { dump, takenAt, inventory });
    await expectFailure(id, {
      expected: 'public.goose_db_version: 62',
      found: 'public.goose_db_version: 61',
    });
    expect(mails[0]?.text).toMatch(/public\.goose_db_version +62 +61 +DIFFERS/);
  });

  it('tells damaged bytes from a damaged dump, whether their own checksum says so or the server, of nonsense', async () => {
    const whole = compressed(dump);
    const nonsense = compressed(
      Buffer.from(dump.toString('latin1').replace('CREATE TABLE', 'CREATE TUBLE'), 'latin1'),
    );
    const flipped = (at: number) => {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
      return bytes;
    };
    for (const bytes of [flipped(whole.length - 6), flipped(Math.floor(whole.length / 2)), nonsense]) {
      const id = await storeArchive(store, { dump, takenAt, bytes });
      await expectFailure(id, { code: 'ARCHIVE_DAMAGED' });
      mails = [];
      takenAt = new Date(takenAt.getTime() + 60_000);
    }
  });

  it('catches an archive that was cut', async () => {
    const bytes = compressed(dump);
    const id = await storeArchive(store, { dump, takenAt, bytes: bytes.subarray(0, bytes.length - 1000) });
    await expectFailure(id, { code: 'ARCHIVE_DAMAGED' });
  });

  it('catches other bytes than those of the manifest, though they inflate to the same dump', async () => {
    const bytes = compressed(dump);
    bytes[9] = 0x2a;
    const id = await storeArchive(store, { dump, takenAt, bytes });
    await expectFailure(id, { code: 'ARCHIVE_DAMAGED', expected: expect.stringContaining('sha256') });
  });

  it('catches trailing bytes, which gunzip passes over', async () => {
    for (const tail of [Buffer.alloc(512), compressed(Buffer.from('SELECT 1;\n'))]) {
      const id = await storeArchive(store, { dump, takenAt, bytes: Buffer.concat([compressed(dump), tail]) });
      await expectFailure(id, { code: 'ARCHIVE_DAMAGED' });
      mails = [];
      takenAt = new Date(takenAt.getTime() + 60_000);
    }
  });

  it('does not restore bytes that were written after the verdict', async () => {
    const id = await storeArchive(store, { dump, takenAt });
    await store.delete(archiveKeys(id).archive);
    const other = Buffer.concat([dump, Buffer.from('DELETE FROM public.torrents;\n')]);
    await store.upload(archiveKeys(id).archive, inPieces(compressed(other)), {
      partBytes: 8 * 1024 * 1024,
      partsInFlight: 1,
    });
    await expectFailure(id, { code: 'ARCHIVE_CHANGED' });
  });

  it.each([
    ['no verdict', { verdict: false }, 'NOTHING_INTACT'],
    ['a verdict that is not intact', { verdict: { verdict: 'suspicious' } }, 'NOTHING_INTACT'],
    ['another archive’s verdict', { verdict: { id: 'bitagent-2020-01-01-000000Z' } }, 'NOTHING_INTACT'],
    ['a verdict that is no verdict', { verdict: { inventory: undefined } }, 'NOTHING_INTACT'],
    ['no manifest', { manifest: false }, 'MANIFEST_MISSING'],
    ['a newer manifest', { manifest: { format: 2 } }, 'MANIFEST_TOO_NEW'],
  ])('reports %s', async (_, parts, code) => {
    const id = await storeArchive(store, { dump: Buffer.from('-- small\n'), takenAt, ...(parts as object) });
    const started: string[] = [];
    await expectFailure(
      id,
      { code },
      {
        startServer: async () => {
          started.push('server');
          throw new Error('must not be needed');
        },
      },
    );
    expect(started).toEqual([]);
  });

  it('reports an archive that is gone', async () => {
    const id = await storeArchive(store, { dump, takenAt });
    await store.delete(archiveKeys(id).archive);
    await expectFailure(id, { code: 'ARCHIVE_MISSING' });
  });

  it('reports SQL that fails', async () => {
    const broken = Buffer.from(
      dump.toString('latin1').replace('CREATE TABLE public.torrents ', 'CREATE TABBLE x '),
      'latin1',
    );
    const id = await storeArchive(store, { dump: broken, takenAt });
    await expectFailure(id, {
      code: 'RESTORE_FAILED',
      found: expect.stringMatching(/^line \d+: ERROR: syntax error/),
      line: dump.toString('latin1').split('CREATE TABLE public.torrents ')[0]?.split('\n').length,
      statement: expect.stringMatching(/^CREATE TABBLE x /),
    });
  });

  it('reports a server that does not start', async () => {
    const id = await storeArchive(store, { dump, takenAt });
    const startServer = () => startThrowawayPostgres({ settings: { shared_buffers: 'lots' } });
    await expectFailure(id, { code: 'SERVER_FAILED' }, { startServer });
  });

  it('reports a server that dies under it', async () => {
    const id = await storeArchive(store, { dump: neverEnding(dump), takenAt, inventory: scan(dump) });
    await expectFailure(
      id,
      { code: expect.stringMatching(/RESTORE_FAILED|DATABASE_UNREACHABLE/) },
      {
        startServer: async () => {
          const server = await startThrowawayPostgres({ tuned: true });
          void untilAsleep(server.connection).then(() => server.stop());
          return server;
        },
      },
    );
  });

  it.each<[string, Interruption]>([
    ['before it began', { at: async () => undefined }],
    ['while its server is made', { at: () => untilRuns(new RegExp(`initdb .*${own}`)) }],
    ['while rows come in', { at: sleeping, dump: () => asleepAt('\n--\n-- Data for Name: torrents;') }],
    [
      'while indexes are made',
      { at: sleeping, dump: () => asleepAt('\n--\n-- Name: torrents torrents_pkey;') },
    ],
    [
      'while the checks are made',
      { at: sleeping, checks: `-- check: slow\nSELECT true, pg_sleep(6000)::text;\n` },
    ],
  ])('reports an interruption %s', async (_, { at, dump: dumped = () => dump, checks }) => {
    const id = await storeArchive(store, { dump: dumped(), takenAt, inventory: scan(dump) });
    const controller = new AbortController();
    const { signal } = controller;
    const words = { expected: 'a', found: 'b', hint: 'c' };
    const interrupt = () => controller.abort(new OffsiteError('INTERRUPTED', 'told to stop', words));
    const server = Promise.withResolvers<Connection>();
    void at(server.promise).then(interrupt);
    const startServer = async () => {
      const started = await startThrowawayPostgres({ tuned: true, signal });
      server.resolve(started.connection);
      return started;
    };
    const more = checks === undefined ? {} : { checks: { text: checks, file: 'slow.sql' } };
    const failure = { code: 'INTERRUPTED' };
    await expectFailure(id, failure, { signal, startServer, ...more });
  });

  it('mails even if the report cannot be stored, says so, and leaves nothing for others to tell', async () => {
    const id = parseArchiveId('bitagent-2026-10-01-031500Z');
    const nowhere = createS3Store({ bucket: 'no-such-bucket' });
    expect(await testing(id, { store: nowhere })).toMatchObject({ outcome: 'failed' });
    expect(mails.map(({ subject }) => subject)).toEqual([
      expect.stringContaining('RESTORE TEST FAILED: bitagent'),
    ]);
    expect(mails[0]?.text.replaceAll('\n', ' ')).toContain(
      'This report could not be stored beside the archive',
    );
  });

  it('writes the report even if the mail cannot be sent, and throws', async () => {
    const id = await storeArchive(store, { dump: Buffer.from('-- small\n'), takenAt, verdict: false });
    const sendMail = () => Promise.reject(new Error('no mail today'));
    await expect(testing(id, { sendMail })).rejects.toThrow('no mail today');
    expect(await store.readText(restoreReportKey(id, startedAt))).toBeDefined();
  });

  it('refuses what is no archive id', async () => {
    await expect(testing({ id: 'latest', source: 'bitagent', takenAt })).rejects.toMatchObject({
      code: 'ARCHIVE_ID_INVALID',
    });
  });
});
