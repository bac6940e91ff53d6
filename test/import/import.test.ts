// The operator's own dumps, as real tools write them, come into a vault by the program; and what is no dump does not.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { readCatalogue } from '../../lib/archive/read-catalogue.ts';
import { importDump } from '../../lib/import/import.ts';
import { type Known, readKnown } from '../../lib/import/known.ts';
import { findPostgresPrograms, query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { planRetention } from '../../lib/retention/plan.ts';
import { committed, storeEnvironment, storeOf } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { smallDump, verifiedHere } from '../fixtures/archives.ts';
import { offsite } from '../fixtures/cli.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const home = mkdtempSync(join(tmpdir(), 'offsite-import-'));
const small = Buffer.from(smallDump(20));
let stub: S3Stub;
let env: Record<string, string>;

beforeEach(async ({ onTestFinished }) => {
  stub = await startS3Stub();
  env = { ...storeEnvironment(stub), TZ: 'UTC' };
  onTestFinished(() => stub.stop());
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function file(name: string, bytes: Buffer = gzipSync(small)): string {
  writeFileSync(join(home, name), bytes);
  return join(home, name);
}

/** As on a host whose clock goes by UTC. */
const importing = (args: readonly string[], environment = env) =>
  offsiteHere(['import', '--zone', 'UTC', ...args], environment);

describe('dumps of real tools', () => {
  let postgres: ThrowawayPostgres;
  let dump: Buffer;
  beforeAll(async () => {
    postgres = await startThrowawayPostgres();
    await query(postgres.connection, 'CREATE TABLE torrents AS SELECT n AS id FROM generate_series(1, 40) n');
    const env = { ...process.env, ...postgres.connection.env };
    dump = execFileSync(join(findPostgresPrograms() ?? '', 'pg_dump'), { env });
  });
  afterAll(() => postgres?.stop());

  it('gzip, pigz and members in a row become archives that verify, list and retention take by their names’ dates', async () => {
    const compress = (program: string, end = '') =>
      execFileSync(program, ['-c'], { input: Buffer.concat([dump, Buffer.from(end)]) });
    const half = dump.length >> 1;
    const day = (age: number) => new Date(Date.now() - age * 86_400_000).toISOString().slice(0, 10);
    const files = [
      file(`bitagent-${day(3)}-0315.sql.gz`, compress('gzip')),
      file(`bitagent-${day(2)}-0315.sql.gz`, compress(hasProgram('pigz') ? 'pigz' : 'gzip', '\n')),
      file(
        `bitagent-${day(1)}.sql.gz`,
        Buffer.concat([
          gzipSync(dump.subarray(0, half)),
          gzipSync(Buffer.concat([dump.subarray(half), Buffer.from('\n\n')])),
        ]),
      ),
    ];
    const tried = await importing(['--dry-run', ...files]);
    expect(tried.stdout).toContain('3 files: 3 would be imported');
    expect(committed(stub)).toEqual([]);
    const { stdout, stderr, exitCode } = await offsite(['import', ...files, '--zone', 'Europe/Berlin'], env);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toMatch(
      /^bitagent-\S+-0315\.sql\.gz {2}imported: bitagent-\S+Z, 40 torrents \(\S+ 0[12]:15 UTC\)\n/,
    );
    expect(stdout).toMatch(/\n3 files: 3 imported$/);
    const manifests = committed(stub);
    expect(manifests.map(({ imported }) => imported?.file).sort()).toEqual(
      files.map((one) => one.slice(home.length + 1)),
    );
    for (const manifest of manifests) expect(manifest.serverVersion).toMatch(/^\d+/);
    for (const { id } of manifests) {
      const verdict = await verifiedHere({
        store: storeOf(stub),
        id: parseArchiveId(id),
        now: () => new Date(),
        sendMail: async () => undefined,
      });
      expect(verdict.verdict).toBe('intact');
    }
    const listed = answerOf('list', (await offsiteHere(['list', '--json'], env)).stdout);
    expect(listed.map(({ ageHours }: { ageHours: number }) => ageHours > 12 && ageHours < 100)).toEqual([
      true,
      true,
      true,
    ]);
    expect(listed.every(({ takenAt, datedAt }: Record<string, string>) => takenAt === datedAt)).toBe(true);
  });
});

describe('never twice', () => {
  it('again, under another name or another date: it is there', async () => {
    const first = file('bitagent-2026-11-08-0315.sql.gz');
    expect((await importing([first])).exitCode).toBe(0);
    const again: [string, Buffer?][] = [
      ['copy-2026-11-08-0315.sql.gz'],
      ['bitagent-2026-11-09.sql.gz'],
      // The same dump, by another gzip.
      ['bitagent-2026-11-10.sql.gz', gzipSync(small, { level: 1 })],
    ];
    for (const [name, bytes] of again) {
      const { stdout, exitCode } = await importing([file(name, bytes), '--json']);
      expect({ exitCode, results: answerOf('import', stdout) }).toMatchObject({
        exitCode: 0,
        results: [{ outcome: 'already there', id: 'bitagent-2026-11-08-031500Z' }],
      });
    }
    expect(committed(stub)).toHaveLength(1);
  });

  it('with credentials that may only create, too: not a byte is sent', async () => {
    stub.fail('list', [1, 1e6], { refuse: [403, 'AccessDenied'] });
    const state = { ...env, XDG_STATE_HOME: mkdtempSync(join(home, 'state-')) };
    const first = file('bitagent-2026-11-08-0315.sql.gz');
    const copies = [first, file('copy-2026-11-08.sql.gz')];
    expect((await importing([...copies], state)).stdout).toContain('1 imported, 1 already there');
    const [sent, manifests] = [stub.requests.length, committed(stub)];
    const again = await importing([...copies], state);
    expect(again).toMatchObject({ exitCode: 0, stderr: '' });
    expect(again.stdout).toMatch(
      /already there, as this host has noted: bitagent-2026-11-08-031500Z.*\n(.*\n)+2 files: 2 already there$/,
    );
    expect(stub.requests.slice(sent).map(({ kind }) => kind)).toEqual(['list']);
    // Of another host nothing is noted: it is refused once, and from then on it is not sent.
    const other = { ...env, XDG_STATE_HOME: mkdtempSync(join(home, 'state-')) };
    for (const expected of [1, 0]) {
      const before = stub.count('put') + stub.count('begin');
      const refused = await importing([first], other);
      expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('may not look at') });
      expect(Math.min(stub.count('put') + stub.count('begin') - before, 1)).toBe(expected);
    }
    expect(committed(stub)).toEqual(manifests);
  });

  it('another run that stored it meanwhile stored it, and other bytes are refused', async () => {
    const takenAt = new Date('2026-11-08T03:15:00Z');
    const { signal } = new AbortController();
    const importOf = (path: string, known: Known) =>
      importDump({
        store: storeOf(stub),
        source: 'bitagent',
        file: path,
        takenAt,
        known,
        dryRun: false,
        signal,
      });
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map(() => readKnown(storeOf(stub), 'bitagent')),
    );
    const dump = file('bitagent-2026-11-08-0315.sql.gz');
    expect(await importOf(dump, first as Known)).toMatchObject({ outcome: 'imported' });
    expect(await importOf(dump, second as Known)).toMatchObject({ outcome: 'already there' });
    const other = file('other-2026-11-08-0315.sql.gz', gzipSync(Buffer.from(smallDump(21))));
    await expect(importOf(other, third as Known)).rejects.toMatchObject({
      code: 'ARCHIVE_EXISTS',
      found: 'another one, of other bytes',
    });
    expect(committed(stub)).toHaveLength(1);
  });

  it('others of the same date are refused, also by credentials that may only create', async () => {
    await importing([file('bitagent-2026-11-08-0315.sql.gz')]);
    const other = file('other-2026-11-08-0315.sql.gz', gzipSync(Buffer.from(smallDump(21))));
    const refused = await importing([other]);
    expect(refused).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('another one, of other bytes'),
    });
    stub.fail('list', [1, 1e6], { refuse: [403, 'AccessDenied'] });
    const blind = await importing([other]);
    expect(blind).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('may not look at') });
    expect((await importing([other, '--date', '2026-11-08T03:15:01Z'])).exitCode).toBe(0);
    expect(committed(stub)).toHaveLength(2);
  });
});

describe('what is no whole dump is refused by its name, and the others come in', () => {
  const whole = gzipSync(small);
  const flipped = Buffer.from(whole);
  flipped[40] = (flipped[40] as number) ^ 1;
  it('cut, damaged, empty, gzip in gzip, -Fc, pg_dumpall, plain', async () => {
    const cases: [string, Buffer, string][] = [
      ['cut', whole.subarray(0, -20), 'damaged'],
      ['cut-dump', gzipSync(small.subarray(0, -200)), 'incomplete'],
      ['flipped', flipped, 'damaged'],
      ['nothing', Buffer.alloc(0), 'the file is empty'],
      ['of-nothing', gzipSync(Buffer.alloc(0)), 'gzip of an empty file'],
      ['twice', gzipSync(whole), 'gzip'],
      ['custom', gzipSync(Buffer.from('PGDMP\x01\x0e\x00')), 'custom'],
      [
        'cluster',
        gzipSync(Buffer.from('--\n-- PostgreSQL database cluster dump\n--\n\nSET x = 1;\n')),
        'pg_dumpall',
      ],
      ['plain', small, 'not compressed'],
    ];
    const files = cases.map(([name, bytes], index) => file(`${name}-2026-11-${10 + index}.sql.gz`, bytes));
    const { stdout, stderr, exitCode } = await importing([...files, file('good-2026-11-09.sql.gz')]);
    expect(exitCode).toBe(5);
    const said = stderr.split('offsite: ').slice(1);
    expect(said.map((text) => text.includes('[FILE_NOT_INTACT]'))).toEqual(cases.map(() => true));
    for (const [index, [name, , word]] of cases.entries())
      expect({ name, text: said[index] }).toEqual({ name, text: expect.stringContaining(word) });
    expect(stdout).toMatch(/10 files: 1 imported, 9 not imported$/);
    expect(committed(stub)).toHaveLength(1);
  });

  it.each<[string, string[], string]>([
    ['no date', ['undated.sql.gz'], '--date 2026-11-08T03:15+01:00'],
    ['a date without an offset', ['undated.sql.gz', '--date', '2026-11-08T03:15'], 'with its offset'],
    [
      'a date for two',
      ['undated.sql.gz', 'undated.sql.gz', '--date', '2026-11-08T03:15Z'],
      '--date with one FILE',
    ],
    ['a day that does not exist', ['x-2026-02-30.sql.gz'], 'a date in the name'],
    ['a day to come', ['x-2126-02-28.sql.gz'], 'yet to come'],
    ['no such zone', ['undated.sql.gz', '--zone', 'Mars/Phobos'], '--zone with the name'],
    ['a folder', ['.'], 'which is a folder'],
    ['nothing there', ['nowhere-2026-11-08.sql.gz'], 'ENOENT'],
  ])('%s', async (_, args, said) => {
    for (const name of args.filter((one) => /^(undated|x)/.test(one))) file(name);
    const paths = args.map((one) => (/\.gz$|^\.$/.test(one) ? join(home, one) : one));
    const result = await importing([...paths]);
    expect(result).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(said) });
    expect(stub.bucket.objects.size).toBe(0);
  });
});

it('retention goes by the date of the name, however late it was imported', async () => {
  await importing([file('bitagent-2026-01-08-0315.sql.gz')]);
  const { bytes } =
    stub.bucket.objects.get('archives/bitagent/bitagent-2026-01-08-031500Z.manifest.json') ?? {};
  expect(JSON.parse(String(bytes)).imported).toMatchObject({ file: 'bitagent-2026-01-08-0315.sql.gz' });
  const dated = {
    ...storeOf(stub),
    async *list(prefix: string) {
      for await (const one of storeOf(stub).list(prefix)) yield { ...one, storedAt: new Date() };
    },
  };
  const [entry] = await readCatalogue(dated, 'bitagent');
  expect(entry).toMatchObject({ datedAt: new Date('2026-01-08T03:15:00Z'), clockAheadMs: 0 });
  const policy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };
  const plan = planRetention('bitagent', entry ? [entry] : [], policy, new Date('2026-01-09T03:15:00Z'));
  expect(plan.keep.map(({ ageHours }) => ageHours)).toEqual([24]);
  expect(readFileSync(join(home, 'bitagent-2026-01-08-0315.sql.gz')).equals(gzipSync(small))).toBe(true);
});
