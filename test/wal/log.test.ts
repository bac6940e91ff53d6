// The log on its way to a store and back, without a server: what is stored, what is refused, what stays where it is.

import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { begunName, parseWalKey, type WalName, walKey } from '../../lib/archive/wal-names.ts';
import { zlibCompressor } from '../../lib/gzip/zlib-compressor.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import {
  type AheadLimits,
  aheadFolder,
  aheadOf,
  bringAhead,
  dropAhead,
  handOver,
  restoreCommandOf,
} from '../../lib/wal/ahead.ts';
import { archiveCommand } from '../../lib/wal/archive-command.ts';
import { noteCluster } from '../../lib/wal/cluster.ts';
import { fetchWal } from '../../lib/wal/fetch.ts';
import { type PushOptions, pushWal } from '../../lib/wal/push.ts';
import { settledMinutes } from '../../lib/wal/settled.ts';
import { shippedAtOnce, shipWal } from '../../lib/wal/ship.ts';
import { bin, storeEnvironment, storeOf } from '../fixtures/agent.ts';
import { offsite } from '../fixtures/cli.ts';
import { until } from '../fixtures/events.ts';
import { often, oftenWithinMs } from '../fixtures/often.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';
import { namesFrom, segmentBytes, segmentOf, systemIdentifier, writeSegment } from '../fixtures/wal.ts';

const source = 'bitagent';
const cluster = { source, systemIdentifier };
const compressor = zlibCompressor('fast');
const [name = '', second = ''] = namesFrom(5, 2);

let stub: S3Stub;
let store: ArchiveStore;
let folder: string;

beforeAll(async () => {
  stub = await startS3Stub();
  store = storeOf(stub);
});
afterAll(() => stub.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offsite-wal-'));
});
afterEach(() => {
  stub.heal();
  stub.bucket.objects.clear();
  rmSync(folder, { recursive: true });
});

const push = (path: string, more: Partial<PushOptions> = {}) =>
  pushWal({ store, source, path, systemIdentifier: undefined, compressor, ...more });
const ship = (more: { systemIdentifier?: string; signal?: AbortSignal; store?: ArchiveStore } = {}) =>
  shipWal({ store, source, folder, systemIdentifier: undefined, compressor, ...more });
const fetch = (wanted: string, path: string, ahead = 0) =>
  fetchWal({ store: async () => store, cluster: async () => cluster, name: wanted, path, ahead });

/** What is in the store, by name; each is what its key says. */
function stored(): string[] {
  return [...stub.bucket.objects].map(([key, { bytes }]) => {
    const { file, sha256 } = parseWalKey(key) as WalName;
    expect(createHash('sha256').update(gunzipSync(bytes)).digest('hex')).toBe(sha256);
    return file.name;
  });
}

/** Puts a file into the store as an agent would. */
function put(file: string, bytes: Buffer, kept = gzipSync(bytes)): string {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const parsed = parseWalKey(`wal/${source}/${systemIdentifier}/${file}-${sha256}.gz`) as WalName;
  stub.bucket.put(walKey(parsed), kept, {});
  return walKey(parsed);
}

describe('push', () => {
  it('goes on where a base backup of another server was taken by mistake, and refuses a stranger as before', async () => {
    writeControlFile();
    writeFileSync(join(folder, '00000002.history'), '1\t0/600148\tno recovery target specified\n');
    mkdirSync(join(folder, 'offsite'));
    const noted = join(folder, 'offsite', 'bitagent.cluster');
    const run = (file: string) =>
      offsite(['wal', 'push', file], { ...storeEnvironment(stub), XDG_STATE_HOME: folder }, folder);
    writeFileSync(noted, `42\n${systemIdentifier}\n`);
    writeSegment(folder, name);
    for (const file of [name, '00000002.history']) expect(await run(file)).toMatchObject({ exitCode: 0 });
    const whose = [...stub.bucket.objects.keys()].map((key) => parseWalKey(key)?.systemIdentifier);
    expect(whose).toEqual([systemIdentifier, systemIdentifier]);
    writeFileSync(noted, '42\n');
    expect(await run(name)).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('WAL_FOREIGN'),
    });
  });

  it('of a segment that is still being read ends at once when it is told to: one of 1 GiB takes seconds', async () => {
    const path = writeSegment(folder, name);
    const before = stub.requests.length;
    const signal = AbortSignal.abort(new Error('told to end'));
    await expect(push(path, { signal })).rejects.toThrow('told to end');
    expect(stub.requests.length).toBe(before);
  });

  it('stores a segment once, and the same one again without a word', async () => {
    const path = writeSegment(folder, name);
    expect(await push(path)).toMatchObject({ outcome: 'stored', systemIdentifier, plainBytes: segmentBytes });
    const puts = stub.count('put');
    expect(await push(path)).toMatchObject({ outcome: 'there' });
    expect(stub.count('put')).toBe(puts);
    expect(stored()).toEqual([name]);
  });

  it('refuses other bytes under its name, and leaves those that are there', async () => {
    await push(writeSegment(folder, name));
    const before = [...stub.bucket.objects.keys()];
    await expect(push(writeSegment(folder, name))).rejects.toMatchObject({ code: 'WAL_CONFLICT' });
    expect([...stub.bucket.objects.keys()]).toEqual(before);
  });

  it('stores nothing of a segment that changes while it is read', async () => {
    const bytes = segmentOf(name);
    const path = writeSegment(folder, name, bytes);
    const open = () => {
      bytes[bytes.length - 1] = 1;
      writeSegment(folder, name, bytes);
      return compressor.open();
    };
    await expect(push(path, { compressor: { ...compressor, open } })).rejects.toMatchObject({
      code: 'WAL_INVALID',
      message: expect.stringContaining('changes while it is read'),
    });
    expect(stored()).toEqual([]);
  });

  it('keeps each of the segments that a timeline ended in: none is needed, and none holds the archiver up', async () => {
    for (let promotion = 0; promotion < 2; promotion += 1)
      await push(writeSegment(folder, `${name}.partial`, segmentOf(name)));
    expect(stored()).toEqual([`${name}.partial`, `${name}.partial`]);
  });

  it('creates, and needs nothing else: an agent that may not look stores both, and who may sees them', async () => {
    stub.fail('list', [1, 1000], { refuse: [403, 'AccessDenied'] });
    const path = writeSegment(folder, name);
    await push(path);
    expect(await push(path)).toMatchObject({ outcome: 'there' });
    await push(writeSegment(folder, name));
    stub.heal();
    expect(stored()).toEqual([name, name]);
    await expect(fetch(name, join(folder, 'to'))).rejects.toMatchObject({ code: 'WAL_CONFLICT' });
  });

  it.each([
    ['truncated', () => segmentOf(name).subarray(0, segmentBytes - 8192), 'WAL_INVALID'],
    ['cut in its head', () => segmentOf(name).subarray(0, 20), 'WAL_INVALID'],
    ['empty', () => Buffer.alloc(0), 'WAL_INVALID'],
    ['longer', () => Buffer.concat([segmentOf(name), Buffer.alloc(1)]), 'WAL_INVALID'],
    ['of zeros', () => Buffer.alloc(segmentBytes), 'WAL_INVALID'],
    ['encrypted', () => Buffer.alloc(segmentBytes, 0x5a), 'WAL_INVALID'],
    ['another segment', () => segmentOf(second), 'WAL_INVALID'],
    ['of a later timeline', () => segmentOf(name, { timeline: 2 }), 'WAL_INVALID'],
    ["another cluster's", () => segmentOf(name, { systemIdentifier: '42' }), 'WAL_FOREIGN'],
  ])('refuses what is %s', async (_, bytes, code) => {
    const path = writeSegment(folder, name, bytes());
    await expect(push(path, { systemIdentifier })).rejects.toMatchObject({ code });
    expect(stored()).toEqual([]);
  });

  it('takes the first segment of a timeline, which begins as that of its parent', async () => {
    const [child = ''] = namesFrom(5, 1, 2);
    await push(writeSegment(folder, child, segmentOf(child, { timeline: 1 })));
    expect(stored()).toEqual([child]);
  });

  it.each([
    ['00000002.history', '1\t0/3000148\tno recovery target specified\n', true],
    ['00000002.history', '', false],
    [`${name}.00000028.backup`, 'START WAL LOCATION: 0/5000028 (file 000000010000000000000005)\n', true],
    [`${name}.00000028.backup`, 'START', false],
    ['postgresql.conf', 'x', false],
  ])('judges %s by what it holds (%j)', async (file, text, isWell) => {
    writeFileSync(join(folder, file), text);
    const pushing = push(join(folder, file), { systemIdentifier });
    if (isWell) expect(await pushing).toMatchObject({ outcome: 'stored' });
    else await expect(pushing).rejects.toMatchObject({ code: 'WAL_INVALID' });
  });
});

describe('ship', () => {
  it('empties the folder, a history before its timeline, and lets be what is none of the log', async () => {
    const names = [...namesFrom(1, 6), ...namesFrom(6, 2, 2)];
    for (const one of names) writeSegment(folder, one);
    writeFileSync(join(folder, '00000002.history'), '1\t0/600148\tno recovery target specified\n');
    for (const other of [`.${second}.partial`, 'notes.txt']) writeFileSync(join(folder, other), 'x');
    expect(await ship({ systemIdentifier })).toMatchObject({ shipped: 9, failures: [] });
    expect(readdirSync(folder).sort()).toEqual([`.${second}.partial`, 'notes.txt'].sort());
    expect(stored()).toHaveLength(9);
    expect(stored()[0]).toBe('00000002.history');
  });

  it('takes what another one ships at the same time for shipped', async () => {
    const names = namesFrom(1, 8);
    for (const one of names) writeSegment(folder, one);
    for (const { failures } of await Promise.all([ship(), ship(), ship()])) expect(failures).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
    expect(stored().sort()).toEqual(names);
  });

  it('learns whose the log is from the first segment, and takes no other', async () => {
    writeFileSync(join(folder, '00000002.history'), '1\t0/600148\tno recovery target specified\n');
    const [one = '', foreign = '', three = ''] = namesFrom(1, 3);
    writeSegment(folder, one);
    writeSegment(folder, foreign, segmentOf(foreign, { systemIdentifier: '42' }));
    writeSegment(folder, three);
    const { shipped, failures } = await ship();
    expect(shipped).toBe(3);
    expect(failures).toMatchObject([{ name: foreign, error: { code: 'WAL_FOREIGN' } }]);
    expect(readdirSync(folder)).toEqual([foreign]);
  });

  it('of the clusters before, as this host noted them, stores what waits as theirs; of a stranger it says how to', async () => {
    const state = mkdtempSync(join(folder, 'state-'));
    const noted = join(state, 'offsite', 'bitagent.cluster');
    mkdirSync(dirname(noted));
    writeFileSync(noted, `${systemIdentifier}\n42\n`);
    const [[own = ''], [of42 = '', stranger = '', next = '']] = [namesFrom(1, 1), namesFrom(1, 3, 2)];
    const history = '00000002.history';
    writeFileSync(join(folder, history), '1\t0/100148\tno recovery target specified\n');
    writeSegment(folder, own);
    writeSegment(folder, of42, segmentOf(of42, { systemIdentifier: '42' }));
    const run = () =>
      offsite(['wal', 'ship', '--dir', folder], { ...storeEnvironment(stub), XDG_STATE_HOME: state });
    const clustersOf = (...names: string[]) =>
      [...stub.bucket.objects.keys()]
        .map((key) => parseWalKey(key))
        .filter((file) => names.includes(file?.file.name ?? ''))
        .map((file) => file?.systemIdentifier);
    const found = await run();
    expect(found).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('identifier 42') });
    expect([clustersOf(own), clustersOf(of42, history)]).toEqual([[systemIdentifier], ['42', '42']]);
    for (const one of [stranger, next]) writeSegment(folder, one, segmentOf(one, { systemIdentifier: '43' }));
    const refused = await run();
    expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('WAL_FOREIGN') });
    expect(refused.stderr.match(/WAL_FOREIGN/g)).toHaveLength(1);
    expect(refused.stderr).toContain(`as with ${stranger}, so with ${next}`);
    expect(refused.stderr.replaceAll(/\s+/g, ' ')).toContain(`add a line 43 to that file`);
    writeFileSync(noted, `${readFileSync(noted)}43\n`);
    expect(await run()).toMatchObject({ exitCode: 0 });
    expect(clustersOf(stranger)).toEqual(['43']);
    expect(readFileSync(noted, 'utf8')).toBe(`${systemIdentifier}\n42\n43\n`);
    // Upgraded once more, or gone back to.
    process.env.XDG_STATE_HOME = state;
    try {
      expect(await noteCluster(source, '42')).toBeUndefined();
    } finally {
      delete process.env.XDG_STATE_HOME;
    }
    expect(readFileSync(noted, 'utf8')).toBe(`42\n${systemIdentifier}\n43\n`);
  });

  it(
    'removes nothing that is not stored, whatever fails and when, and goes on where it was',
    async () => {
      const faults = fc.constantFrom(
        { refuse: [403, 'AccessDenied'] } as const,
        { refuseEarly: [403, 'AccessDenied'] } as const,
      );
      await fc.assert(
        fc.asyncProperty(
          faults,
          fc.integer({ min: 1, max: 7 }),
          fc.integer({ min: 0, max: 3 }),
          async (fault, nth, more) => {
            stub.bucket.objects.clear();
            const names = namesFrom(1, 6);
            for (const one of names) writeSegment(folder, one);
            const at = stub.count('put') + nth;
            stub.fail('put', [at, at + more], fault);
            const first = await ship().catch(() => undefined);
            const waiting = readdirSync(folder);
            for (const one of names) expect(stored().includes(one) || waiting.includes(one)).toBe(true);
            if (nth <= 6) expect(first).toBeUndefined();
            // Never later ones than are on their way at once, before an earlier one.
            const there = names.map((one) => stored().includes(one));
            const gap = there.indexOf(false);
            if (gap >= 0) expect(there.slice(gap + 1).filter(Boolean).length).toBeLessThan(shippedAtOnce);
            stub.heal();
            await ship();
            expect(readdirSync(folder)).toEqual([]);
            expect(stored().sort()).toEqual(names);
          },
        ),
        { numRuns: often(5, 50) },
      );
    },
    oftenWithinMs,
  );

  it(
    'is killed anywhere, and the next one goes on: nothing is lost',
    async () => {
      const names = namesFrom(1, 8);
      const kept = new Map(names.map((one) => [one, segmentOf(one)]));
      for (let run = 0; run < often(2, 50); run += 1) {
        stub.bucket.objects.clear();
        for (const [one, bytes] of kept) writeSegment(folder, one, bytes);
        const child = execa(bin, ['wal', 'ship', '--dir', folder, '--follow'], {
          env: { ...storeEnvironment(stub), XDG_STATE_HOME: folder },
          extendEnv: false,
          reject: false,
        });
        // At one of its requests, whichever comes then.
        const at = stub.requests.length + 1 + Math.floor(Math.random() * 14);
        while (stub.requests.length < at) await new Promise(setImmediate);
        child.kill('SIGKILL');
        await child;
        const waiting = readdirSync(folder);
        for (const one of names) expect(waiting.includes(one) || stored().includes(one)).toBe(true);
        await ship();
        expect(readdirSync(folder).filter((one) => kept.has(one))).toEqual([]);
        expect(stored().sort()).toEqual(names);
      }
    },
    oftenWithinMs,
  );

  it('says what folder it was', async () => {
    rmSync(folder, { recursive: true });
    await expect(ship()).rejects.toMatchObject({ code: 'WAL_UNREADABLE' });
    mkdirSync(folder);
  });
});

describe('fetch', () => {
  it('says that there is none where the log ends, and not where it lacks', async () => {
    const names = namesFrom(1, 2 + shippedAtOnce);
    const to = join(folder, 'RECOVERYXLOG');
    for (const one of names.filter((_, at) => at !== 1)) put(one, segmentOf(one));
    const [, missing = ''] = names;
    const [after = ''] = namesFrom(2 + names.length, 1);
    expect(await fetch(after, to)).toBe(false);
    expect(await fetch('00000002.history', to)).toBe(false);
    await expect(fetch(missing, to)).rejects.toMatchObject({ code: 'WAL_MISSING' });
    expect(existsSync(to)).toBe(false);
  });

  it.each([
    ['a single one after it was stored', (one: string) => one],
    ['one after it was begun', (one: string) => begunName(one, 900)],
  ])('says that it lacks where %s, longer ago than it could still be on its way', async (_, nameOf) => {
    const [there = '', missing = '', later = ''] = namesFrom(1, 3);
    put(there, segmentOf(there));
    put(nameOf(later), segmentOf(later));
    const to = join(folder, 'RECOVERYXLOG');
    const at = (minutes: number) =>
      fetchWal({
        store: async () => store,
        cluster: async () => cluster,
        name: missing,
        path: to,
        ahead: 0,
        // The store of the tests dates all of it at the beginning of time.
        now: new Date(minutes * 60_000),
      });
    expect(await at(settledMinutes - 1)).toBe(false);
    await expect(at(settledMinutes + 1)).rejects.toMatchObject({
      code: 'WAL_MISSING',
      message: expect.stringContaining(later),
    });
  });

  it('says so after the last segment that is wanted, too, whatever there is behind it', async () => {
    const names = namesFrom(1, 9);
    for (const one of names.filter((_, at) => at !== 2)) put(one, segmentOf(one));
    const to = join(folder, 'RECOVERYXLOG');
    const until = names[1];
    const run = (one: string) =>
      fetchWal({
        store: async () => store,
        cluster: async () => cluster,
        name: one,
        path: to,
        ahead: 0,
        until,
      });
    expect(await run(names[1] as string)).toBe(true);
    expect(await run(names[2] as string)).toBe(false);
    expect(await run(names[3] as string)).toBe(false);
  });

  it('gives the segment that was being written as far as it went, where the log ends, and the whole one where that is there', async () => {
    const [segment = '', next = ''] = namesFrom(5, 2);
    const bytes = segmentOf(segment);
    const upTo = (filled: number) =>
      Buffer.concat([bytes.subarray(0, filled), Buffer.alloc(segmentBytes - filled)]);
    for (const filled of [100, 200, 300]) put(begunName(segment, filled), upTo(filled));
    const to = join(folder, 'RECOVERYXLOG');
    expect(await fetch(segment, to)).toBe(true);
    expect(readFileSync(to)).toEqual(upTo(300));
    expect(await fetch(next, to)).toBe(false);
    const key = put(begunName(segment, 300), segmentOf(segment));
    const isRefused = () => expect(fetch(segment, to)).rejects.toMatchObject({ code: 'WAL_CONFLICT' });
    await isRefused();
    put(segment, bytes);
    // Two servers have begun it: whose the whole one is, nobody can say.
    await isRefused();
    stub.bucket.objects.delete(key);
    expect(await fetch(segment, to)).toBe(true);
    expect(readFileSync(to)).toEqual(bytes);
    const shorter = put(
      begunName(segment, 90),
      Buffer.concat([segmentOf(segment).subarray(0, 90), Buffer.alloc(segmentBytes - 90)]),
    );
    await isRefused();
    for (const one of [...stub.bucket.objects.keys()].filter((other) => !other.includes('begun')))
      stub.bucket.objects.delete(one);
    await isRefused();
    stub.bucket.objects.delete(shorter);
    // It is no stand-in for one that lacks.
    for (const later of namesFrom(6, shippedAtOnce)) put(later, segmentOf(later));
    await expect(fetch(segment, to)).rejects.toMatchObject({ code: 'WAL_MISSING' });
  });

  it.each([
    ['a bit is other', (bytes: Buffer) => gzipSync(Buffer.concat([bytes.subarray(0, -1), Buffer.of(1)]))],
    ['it was cut', (bytes: Buffer) => gzipSync(bytes).subarray(0, -20)],
    ['it is no gzip', () => Buffer.from('x')],
    ['it is empty', () => Buffer.alloc(0)],
  ])('gives nothing where %s', async (_, kept) => {
    const bytes = segmentOf(name);
    put(name, bytes, kept(bytes));
    const to = join(folder, 'RECOVERYXLOG');
    await expect(fetch(name, to)).rejects.toMatchObject({ code: 'ARCHIVE_DAMAGED' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('has exit codes that Postgres reads rightly: 1 is the end of the log and nothing else', async () => {
    put(name, segmentOf(name));
    const run = (...args: string[]) =>
      offsite(['wal', 'fetch', ...args, '--ahead', '0'], storeEnvironment(stub), folder);
    writeControlFile();
    const to = join(folder, 'to');
    const damaged = put(second, segmentOf(second), Buffer.from('x'));
    expect(damaged).toContain(second);
    const [there, absent, broken, slip, refused] = await Promise.all([
      run(name, to),
      run('00000003.history', join(folder, 'other')),
      run(second, join(folder, 'third')),
      run(name, to, '--no-such-flag'),
      run(name),
    ]);
    expect(there).toMatchObject({ exitCode: 0, stderr: '' });
    expect(absent).toMatchObject({ exitCode: 1, stderr: '' });
    expect(broken?.stderr).toContain('ARCHIVE_DAMAGED');
    expect([broken, slip, refused].map((one) => one?.exitCode)).toEqual([255, 255, 255]);
  });
});

function writeControlFile(): void {
  const control = Buffer.alloc(8);
  control.writeBigUInt64LE(BigInt(systemIdentifier));
  mkdirSync(join(folder, 'global'));
  writeFileSync(join(folder, 'global', 'pg_control'), control);
}

describe('what follows', () => {
  const bringing: Promise<void>[] = [];
  let place: string;
  let to: string;
  beforeEach(async () => {
    mkdirSync(join(folder, 'pg_wal'));
    to = join(folder, 'pg_wal', 'RECOVERYXLOG');
    place = await aheadFolder(to);
  });
  afterEach(async () => {
    await dropAhead(join(folder, 'pg_wal'));
    await Promise.all(bringing.splice(0));
  });
  /** As the process does that a fetch has started. */
  const begin = async (
    after: string,
    {
      ahead = 8,
      until: end,
      ...more
    }: { ahead?: number; until?: string | undefined; limits?: AheadLimits } = {},
  ) => {
    await handOver(place, namesFrom(0, 1)[0] as string, () => process.pid);
    const run = bringAhead({ store, cluster, folder: place, name: after, ahead, until: end, ...more });
    bringing.push(run);
    return { run };
  };
  const lying = () =>
    existsSync(place) ? readdirSync(place).filter((one) => /^[0-9A-F]{24}$/.test(one)) : [];
  const putAll = (names: readonly string[]) =>
    names.map((one) => {
      const bytes = segmentOf(one);
      put(one, bytes);
      return bytes;
    });

  it('lies ready while Postgres replays, no more of it than is asked for, and is given without another look at the vault', async () => {
    const names = namesFrom(0xfd, 6);
    const sent = putAll(names);
    const gets = stub.count('get');
    const { run } = await begin(names[0] as string, { ahead: 2 });
    await until('two lie there', () => lying().length === 2, run);
    for (const [at, one] of names.entries()) {
      if (at === 0) continue;
      // Waited for, where it is on its way.
      expect(await fetch(one, to)).toBe(true);
      expect(readFileSync(to)).toEqual(sent[at]);
      expect(lying().length).toBeLessThanOrEqual(2);
    }
    await run;
    expect(stub.count('get') - gets).toBe(names.length - 1);
    expect(existsSync(place)).toBe(false);
  });

  it.each<[string, (third: string) => void, until?: number]>([
    ['a damaged one', (third) => put(third, segmentOf(third), Buffer.from('x'))],
    ['one that is there twice', (third) => putAll([third, third])],
    ['a gap', () => undefined],
    ['the last that is wanted', (third) => putAll([third]), 1],
  ])('ends before %s, which is told when it is asked for', async (_, change, last) => {
    const names = namesFrom(5, 4);
    const [asked = '', next = '', third = ''] = names;
    putAll(names.filter((one) => one !== third));
    change(third);
    const { run } = await begin(asked, last === undefined ? {} : { until: names[last] });
    await until('what is before it lies there', () => lying().length === 1, run);
    expect(await fetch(next, to)).toBe(true);
    await run;
    expect(existsSync(place)).toBe(false);
  });

  it('ends by itself once nobody takes it, and leaves nothing; on a disk that is nearly full none is brought', async () => {
    const names = namesFrom(5, 12);
    putAll(names);
    const { run: idle } = await begin(names[0] as string, { limits: { idleMs: 1, freeBytes: 0 } });
    await idle;
    expect(existsSync(place)).toBe(false);
    const gets = stub.count('get');
    const { run: full } = await begin(names[0] as string, {
      limits: { idleMs: 60_000, freeBytes: Infinity },
    });
    await full;
    expect(stub.count('get')).toBe(gets);
    expect(existsSync(place)).toBe(false);
    expect(await fetch(names[1] as string, to)).toBe(true);
  });

  it('is 256 MiB at most, or one segment, however many are asked for', () => {
    const mib = 2 ** 20;
    expect([16, 64, 256, 1024].map((each) => aheadOf(100, each * mib))).toEqual([16, 4, 1, 1]);
    expect([aheadOf(8, 16 * mib), aheadOf(100, undefined)]).toEqual([8, 1]);
  });

  it('is brought by one, whoever began before; and by nobody once what it lies in is gone', async () => {
    const names = namesFrom(5, 12);
    putAll(names);
    const { run: first } = await begin(names[0] as string);
    await until('it lies there', () => lying().length === 8, first);
    writeFileSync(join(place, 'owner'), '1');
    await first;
    const { run: second } = await begin(names[0] as string);
    await until('it lies there', () => lying().length === 8, second);
    await dropAhead(join(folder, 'pg_wal'));
    await second;
    expect(readdirSync(join(folder, 'pg_wal'))).toEqual([]);
  });

  it.each([
    ['the command of a recovery', (fetch: string) => restoreCommandOf(fetch)],
    ['bin/offsite', () => `${bin} wal fetch %f %p`],
  ])(
    'is given by %s without a start of Node, while it comes from one that lives, in this run of the server',
    async (_, command) => {
      // Without a bucket, Node would end with 255.
      const run = () =>
        execa(
          'sh',
          ['-c', command('exit 255').replaceAll('%f', name).replaceAll('%p', 'pg_wal/RECOVERYXLOG')],
          {
            cwd: folder,
            env: { OFFSITE_CONFIG: '/dev/null' },
            reject: false,
          },
        );
      writeFileSync(join(folder, 'postmaster.pid'), `123\n${folder}\n456\n5432\n`);
      const own = join(folder, 'pg_wal', '.offsite-ahead', '123-456');
      const earlier = join(folder, 'pg_wal', '.offsite-ahead', '123-455');
      for (const one of [own, earlier]) mkdirSync(one, { recursive: true });
      writeFileSync(join(earlier, name), 'of an earlier run');
      const gone = (await execa('sh', ['-c', 'echo $$'])).stdout;
      const left = join(own, `${name}.offsite-${gone}`);
      writeFileSync(left, 'what a killed one has left');
      expect(await run()).toMatchObject({ exitCode: 255 });
      // The shell looks at the first that lies there, and leaves it to Node where that is a dead one's.
      rmSync(left);
      const partial = join(own, `${name}.offsite-${process.pid}`);
      writeFileSync(partial, 'whole');
      const asked = run();
      renameSync(partial, join(own, name));
      expect(await asked).toMatchObject({ exitCode: 0, stderr: '' });
      expect(readFileSync(to, 'utf8')).toBe('whole');
      expect(await run()).toMatchObject({ exitCode: 255 });
    },
  );

  it('is brought by a process that the first fetch leaves behind, and that goes when all of it was taken', async () => {
    const names = namesFrom(5, 3);
    const sent = putAll(names);
    writeControlFile();
    const lists = stub.count('list');
    for (const [at, one] of names.entries()) {
      const asked = await offsite(
        ['wal', 'fetch', one, 'pg_wal/RECOVERYXLOG'],
        storeEnvironment(stub),
        folder,
      );
      expect(asked).toMatchObject({ exitCode: 0, stderr: '' });
      expect(readFileSync(to)).toEqual(sent[at]);
      if (at === 0) expect(readdirSync(place)).toContain('owner');
    }
    // One list for each of the two starts of Node, and no third.
    expect(stub.count('list') - lists).toBe(2);
    await until('it has gone', () => !existsSync(place));
  });
});

it('is not taken for the end of the log where there is no Node to run it', async () => {
  // A clone, in which npm has not run.
  for (const name of ['bin', 'lib']) mkdirSync(join(folder, name));
  cpSync(join(dirname(bin), 'run'), join(folder, 'bin', 'run'));
  const run = (...args: string[]) =>
    execa('sh', [join(folder, 'bin', 'run'), '--some-flag', 'bin/offsite.ts', ...args], { reject: false });
  expect((await run('wal', 'fetch', name, 'to')).exitCode).toBe(255);
  expect((await run('list')).exitCode).toBe(3);
});

describe('the printed archive_command', () => {
  const run = (wanted: string, path: string, to: string) => {
    const line = archiveCommand(to).replaceAll('%%', '\0').replaceAll('%f', wanted).replaceAll('%p', path);
    return execa('sh', ['-c', line.replaceAll('\0', '%')], { reject: false });
  };

  it('copies what is not there, says yes to the same, and no to other bytes', async () => {
    const to = join(folder, "it's 100%");
    mkdirSync(to);
    const path = writeSegment(folder, name);
    const kept = readFileSync(path);
    expect((await run(name, path, to)).exitCode).toBe(0);
    expect((await run(name, path, to)).exitCode).toBe(0);
    writeSegment(folder, name);
    expect((await run(name, path, to)).exitCode).toBe(1);
    expect(readdirSync(to)).toEqual([name]);
    expect(readFileSync(join(to, name))).toEqual(kept);
    expect((await run(second, join(folder, 'absent'), to)).exitCode).not.toBe(0);
    expect((await run(name, path, join(folder, 'nowhere'))).exitCode).not.toBe(0);
    expect(readdirSync(to)).toEqual([name]);
  });
});
