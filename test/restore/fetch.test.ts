// What fetch leaves when it is cut short, and what it goes on with: the same bytes, or none. In this process at a store
// that fails on demand, and as a program that is killed.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { jsonText } from '../../lib/base/parse-json.ts';
import { PartialFile } from '../../lib/base/partial-file.ts';
import { type FetchFileOptions, fetchFile } from '../../lib/restore/fetch.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { bin, storeEnvironment } from '../fixtures/agent.ts';
import { answerOf } from '../fixtures/answer.ts';
import { until } from '../fixtures/events.ts';
import { exampleManifest } from '../fixtures/manifests.ts';
import { content, impatience, stubForEach } from '../fixtures/s3-faults.ts';

const id = parseArchiveId('bitagent-2026-11-23-031500Z');
const other = parseArchiveId('bitagent-2026-11-24-031500Z');
const keys = archiveKeys(id);
const bytes = content(100_000);
const bench = stubForEach();
let home: string;
let file: string;
let said: string[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'offsite-fetch-'));
  file = join(home, 'archive.sql.gz');
  said = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Stores bytes as an archive of two members, and its manifest. */
function put(archive: Buffer, of = id): Manifest {
  const seam = archive.length >> 1;
  const member = (from: number, to: number) => ({
    offset: from,
    compressedBytes: to - from,
    plainBytes: 1,
    crc32:
      to - from < 8
        ? '00000000'
        : archive
            .readUInt32LE(to - 8)
            .toString(16)
            .padStart(8, '0'),
  });
  const manifest = {
    ...exampleManifest,
    id: of.id,
    source: of.source,
    compressedBytes: archive.length,
    plainBytes: 2,
    sha256: createHash('sha256').update(archive).digest('hex'),
    members: [member(0, seam), member(seam, archive.length)],
    etag: '',
    versionId: bench.stub.bucket.put(archiveKeys(of).archive, archive, {}).versionId,
  };
  bench.stub.bucket.put(archiveKeys(of).manifest, Buffer.from(jsonText(manifest)), {});
  return manifest;
}

/** In parts of a few bytes. */
function fetchIt(options: Partial<FetchFileOptions> = {}) {
  const store = bench.store({ patience: impatience });
  const small: ArchiveStore = {
    ...store,
    open: (key, version, reading) => store.open(key, version, { ...reading, partBytes: 9000 }),
  };
  const place = { file, replaces: false, mode: 0o600 };
  const tell = (sentence: string) => void said.push(sentence);
  return fetchFile({
    store: small,
    id,
    place,
    bucket: 'vault',
    connections: 3,
    resume: false,
    tell,
    ...options,
  });
}

/** Lets the store fail for good from a part on, and fetches until then. */
async function cutShort(part = 6): Promise<string> {
  const { length } = bench.stub.requests;
  const done = bench.stub.count('get');
  bench.stub.fail('get', [done + part, 1e6], { cutBodyAt: 0 });
  await expect(fetchIt()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
  expect(bench.stub.requests.length).toBeGreaterThan(length);
  const partial = readdirSync(home).find((name) => name.endsWith('.partial')) ?? '';
  expect(said.at(-1)).toMatch(/ KiB are kept in .*: the same command with --resume goes on with them$/);
  bench.stub.heal();
  return join(home, partial);
}

const isWhole = () => readFileSync(file).equals(bytes);
/** Where the ranges begin that were asked for, of the archive. */
const askedFrom = () =>
  bench.stub.requests.map(({ headers }) =>
    Number(/bytes=(\d+)/.exec(headers.range ?? '')?.[1] ?? Number.NaN),
  );

describe('a whole file', () => {
  it.each([0, 1, 7, 40, 9000, 100_000])(
    'of %s bytes has its name, and nothing is beside it',
    async (length) => {
      put(bytes.subarray(0, length));
      const { manifest, resumedAtBytes } = await fetchIt();
      expect({ bytes: manifest.compressedBytes, resumedAtBytes }).toEqual({
        bytes: length,
        resumedAtBytes: 0,
      });
      expect(readFileSync(file).equals(bytes.subarray(0, length))).toBe(true);
      expect(readdirSync(home)).toEqual(['archive.sql.gz']);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(said).toEqual([]);
    },
  );

  it('needs room, which is looked for first', async () => {
    const begun = PartialFile.begin({ file, replaces: false, mode: 0o600 }, {}, 1e18);
    await expect(begun).rejects.toMatchObject({
      code: 'DISK_FULL',
      hint: expect.stringContaining('make room'),
    });
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('bytes that are not the manifest’s', () => {
  it.each([
    ['in the middle', 10, /sha256/],
    ['at the end of a member, which shows at once', 50_000 - 6, /in the trailer of member 0/],
  ])('%s leave no file', async (_, at, found) => {
    put(bytes);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    const { versionId } = JSON.parse(bench.stub.bucket.objects.get(keys.manifest)?.bytes.toString() ?? '');
    bench.stub.bucket.versions.set(versionId, { bytes: changed, etag: 'x', versionId });
    await expect(fetchIt()).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
      found: expect.stringMatching(found),
    });
    expect(readdirSync(home)).toEqual([]);
  });

  it('for they are too few leave none, and nothing to go on with', async () => {
    const { versionId } = put(bytes);
    bench.stub.bucket.versions.set(versionId ?? '', {
      bytes: bytes.subarray(0, 50_000),
      etag: 'x',
      versionId: versionId ?? '',
    });
    await expect(fetchIt()).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('what was cut short', () => {
  beforeEach(() => void put(bytes));

  it('is gone on with where it ended, and asked for no more', async () => {
    const partial = await cutShort();
    const { length } = readFileSync(partial);
    expect(length).toBeGreaterThan(9000);
    const before = bench.stub.requests.length;
    expect(await fetchIt({ resume: true })).toMatchObject({ resumedAtBytes: length });
    expect(isWhole()).toBe(true);
    expect(readdirSync(home)).toEqual(['archive.sql.gz']);
    const asked = askedFrom()
      .slice(before)
      .filter((from) => !Number.isNaN(from));
    expect(Math.min(...asked)).toBe(length);
    expect(said.at(-1)).toMatch(/^going on at /);
  });

  it('may be cut again and again', async () => {
    for (let resume = false, tries = 0; tries < 3; tries += 1, resume = true) {
      const done = bench.stub.count('get');
      bench.stub.fail('get', [done + 4, 1e6], { cutBodyAt: 0 });
      await expect(fetchIt({ resume })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
      bench.stub.heal();
    }
    expect(readdirSync(home)).toHaveLength(2);
    const { resumedAtBytes } = await fetchIt({ resume: true });
    expect(resumedAtBytes).toBeGreaterThan(9000);
    expect(isWhole()).toBe(true);
  });

  it('all of it, is only given its name', async () => {
    const partial = await cutShort();
    writeFileSync(partial, bytes);
    const state = join(home, readdirSync(home).find((name) => name.endsWith('.json')) ?? '');
    const { origin } = JSON.parse(readFileSync(state, 'utf8'));
    writeFileSync(state, JSON.stringify({ origin, proven: { bytes: bytes.length, sha256: origin.sha256 } }));
    expect(await fetchIt({ resume: true })).toMatchObject({ resumedAtBytes: bytes.length });
    expect(isWhole()).toBe(true);
  });

  it('is in nobody’s way: another begins beside it, says so, and takes it away', async () => {
    const partial = await cutShort();
    const { resumedAtBytes } = await fetchIt();
    expect(resumedAtBytes).toBe(0);
    expect(said.at(-1)).toBe(
      `${said[0]?.split(' are kept')[0]} of 97.7 KiB are there already, in ${partial}: --resume goes on with them`,
    );
    expect(isWhole()).toBe(true);
    expect(readdirSync(home)).toEqual(['archive.sql.gz']);
  });

  it('is not gone on with if the disk has other bytes of it', async () => {
    const partial = await cutShort();
    const changed = readFileSync(partial);
    changed[5] = (changed[5] as number) ^ 1;
    rmSync(partial);
    // Of a process that has ended.
    writeFileSync(partial.replace(`.${process.pid}-`, `.${2 ** 22 + 1}-`), changed);
    expect(await fetchIt({ resume: true })).toMatchObject({ resumedAtBytes: 0 });
    expect(said.join('\n')).toContain('is not what was written to it: it begins anew');
    expect(isWhole()).toBe(true);
    expect(readdirSync(home)).toEqual(['archive.sql.gz']);
  });

  it.each<[string, Partial<FetchFileOptions>, () => void]>([
    ['another archive', { id: other }, () => put(bytes, other)],
    ['another bucket', { bucket: 'elsewhere' }, () => undefined],
    ['other bytes under the same key', {}, () => put(content(100_001))],
  ])('is never mixed with %s', async (_, options, change) => {
    const partial = await cutShort();
    change();
    const before = readFileSync(partial);
    await expect(fetchIt({ ...options, resume: true })).rejects.toMatchObject({
      code: 'PARTIAL_FOREIGN',
      exitCode: 2,
      found: expect.stringContaining(`s3://vault/${keys.archive}`),
    });
    expect(readFileSync(partial).equals(before)).toBe(true);
    expect(readdirSync(home)).toHaveLength(2);
  });

  it('is left to who still writes it', async () => {
    const partial = await cutShort();
    const sleeper = execa('sleep', ['1000'], { argv0: 'offsite', reject: false });
    try {
      const taken = partial.replace(`.${process.pid}-`, `.${sleeper.pid}-`);
      await execa('mv', [partial, taken]);
      await until('it has its name', () =>
        readFileSync(`/proc/${sleeper.pid}/cmdline`, 'utf8').includes('offsite'),
      );
      await expect(fetchIt({ resume: true })).rejects.toMatchObject({ code: 'PARTIAL_IN_USE' });
      await fetchIt();
      expect(existsSync(taken)).toBe(true);
    } finally {
      sleeper.kill('SIGKILL');
      await sleeper;
    }
  });

  it('is left to whoever was faster, by --resume as without', async () => {
    const partial = await cutShort();
    const taken = partial.replace(/\.\d+-/, '.1-');
    const store = bench.store();
    const raced: ArchiveStore = {
      ...store,
      open: async (...asked) => {
        if (existsSync(partial)) await rename(partial, taken);
        return store.open(...asked);
      },
    };
    await expect(fetchIt({ store: raced, resume: true })).rejects.toMatchObject({ code: 'PARTIAL_IN_USE' });
    await rename(taken, partial);
    await fetchIt({ store: raced });
    expect(isWhole()).toBe(true);
    expect(readdirSync(home)).toHaveLength(3);
  });

  it('is nothing where there is nothing', async () => {
    await fetchIt({ resume: true });
    expect(said).toEqual([`there is nothing of it beside ${file} to go on with: it begins anew`]);
    expect(isWhole()).toBe(true);
  });
});

describe('the program', () => {
  const large = randomBytes(40 * 1024 * 1024);
  const state = mkdtempSync(join(tmpdir(), 'offsite-state-'));
  afterAll(() => rmSync(state, { recursive: true, force: true }));
  const environment = () => ({ ...storeEnvironment(bench.stub), XDG_STATE_HOME: state });
  const start = (...args: string[]) =>
    execa(bin, ['fetch', id.id, '-o', file, '--connections', '2', ...args], {
      env: environment(),
      extendEnv: false,
      reject: false,
      forceKillAfterDelay: false,
    });

  /** How much of it another run need not fetch; 0 before it says. */
  function provenBytes(): number {
    const name = readdirSync(home).find((one) => one.endsWith('.partial.json'));
    return name === undefined ? 0 : JSON.parse(readFileSync(join(home, name), 'utf8')).proven.bytes;
  }

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'ended by %s leaves what has come, and --resume brings the rest',
    async (signal) => {
      put(large);
      // The third part is silent for ever, so that it can be ended before its end.
      bench.stub.fail('get', [4, 5], { delayMs: 700 });
      bench.stub.fail('get', 6, { cutBodyAt: 1_000_000, goesSilent: true });
      const running = start();
      const proven = await until('some of it is on the disk', () => provenBytes() > 8e6 && provenBytes());
      running.kill(signal);
      bench.stub.heal();
      const { stderr } = await running;
      expect(existsSync(file)).toBe(false);
      if (signal === 'SIGTERM') expect(stderr).toContain('--resume goes on with them');
      const before = bench.stub.requests.length;
      const resumed = await start('--resume', '--json');
      expect(resumed).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('going on at ') });
      expect(answerOf('fetch', resumed.stdout)).toMatchObject({
        id: id.id,
        output: file,
        compressedBytes: large.length,
      });
      expect(readFileSync(file).equals(large)).toBe(true);
      expect(readdirSync(home)).toEqual(['archive.sql.gz']);
      const asked = askedFrom()
        .slice(before)
        .filter((from) => !Number.isNaN(from));
      expect(Math.min(...asked)).toBeGreaterThanOrEqual(proven);
    },
  );

  it('that meets a disk that takes no more leaves what has come, and --resume brings the rest', async () => {
    put(large);
    const args = ['-c', 'ulimit -f 20480; exec "$@"', bin, bin, 'fetch', id.id, '-o', file];
    const full = await execa('bash', args, { env: environment(), extendEnv: false, reject: false });
    expect(full.stderr).toMatch(
      / are kept in .* --resume goes on with them once there is room[\s\S]*\[DISK_FULL\]/,
    );
    // A process id stands in the name of one of the two only: which is first in order changes from run to run.
    const left = readdirSync(home);
    const partial = left.filter((name) => name.endsWith('.partial'));
    expect(left.filter((name) => !name.endsWith('.partial.json'))).toEqual(partial);
    expect({ files: left.length, partial: partial.length }).toEqual({ files: 2, partial: 1 });
    expect(statSync(join(home, partial[0] ?? '')).size).toBe(provenBytes());
    const resumed = await start('--resume');
    expect(resumed).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('going on at ') });
    expect(readFileSync(file).equals(large)).toBe(true);
  });

  it('on a terminal names the file after the archive, and puts none of it on the terminal', async () => {
    put(bytes);
    const onTerminal = (line: string) =>
      execa('script', ['-qec', `stty cols 120; cd ${home}; ${line}`, '/dev/null'], {
        env: { ...storeEnvironment(bench.stub), SHELL: '/bin/sh' },
        extendEnv: false,
        reject: false,
      });
    const { stdout, exitCode } = await onTerminal(`${bin} fetch ${id.id}`);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringContaining(`97.7 KiB in ${id.id}.sql.gz,`),
    });
    expect(readdirSync(home)).toEqual([`${id.id}.sql.gz`]);
    const refused = await onTerminal(`${bin} fetch ${id.id} -o -`);
    expect({ exitCode: refused.exitCode, said: refused.stdout }).toEqual({
      exitCode: 2,
      said: expect.stringContaining('-o - on a terminal'),
    });
  });

  it.each([
    ['--connections', '0'],
    ['--connections', '1e3'],
    ['--resume', '--output=-'],
  ])('does not take %s %s', async (...args) => {
    const { exitCode, stderr } = await start(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(args[0] as string);
  });
});
