// Base backups and the log in the cloud, at moto with the real handlers: what was stored is read, what lacks is named, and what goes
// is what no base backup needs that stays. The clusters are of three files, the segments of the smallest size; the server is not asked.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runList } from '../../bin/commands/list.ts';
import { runWindow } from '../../bin/commands/wal-window.ts';
import { handler as expire } from '../../lambda/expire.ts';
import { handler as verify } from '../../lambda/verify.ts';
import { handler as watch } from '../../lambda/watch.ts';
import { baseBackupKeys } from '../../lib/archive/base-backup-names.ts';
import { byteVerdictSchema } from '../../lib/archive/byte-verdict.ts';
import { dueKey } from '../../lib/archive/kind.ts';
import type { ArchiveId } from '../../lib/archive/names.ts';
import { parseWalFile, type WalFile, walKey } from '../../lib/archive/wal-names.ts';
import { parseJson } from '../../lib/base/parse-json.ts';
import { ofBaseBackups } from '../../lib/basebackup/kind.ts';
import { isBroken } from '../../lib/recovery-point/way.ts';
import { readWindows } from '../../lib/recovery-point/windows.ts';
import { expireLog } from '../../lib/retention/expire-log.ts';
import { gapMail } from '../../lib/retention/mails.ts';
import type { Settings } from '../../lib/settings/config.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { countOf } from '../../lib/wal/continuity.ts';
import { pushWal } from '../../lib/wal/push.ts';
import { storeBaseBackup, type TinyBaseBackup } from '../fixtures/base-backup.ts';
import { noProgram } from '../fixtures/compressors.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { namesFrom, segmentBytes, segmentOf, systemIdentifier, writeSegment } from '../fixtures/wal.ts';

const context = { awsRequestId: 'r', functionName: 'f' } as Context;
const dayMs = 86_400_000;
const source = 'bitagent';

let aws: LocalAws;
let store: ArchiveStore;
let folder: string;
let toldBefore = 0;
/** The store has its own clock, which goes on: looks are reckoned from here. */
let began = 0;

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  folder = mkdtempSync(join(tmpdir(), 'offsite-log-'));
  setHandlerSettings(aws.bucket, aws.topicArn, {
    OFFSITE_RANGES_ARN: 'arn:none',
    OFFSITE_REREAD_PERCENT: '15',
  });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await aws.stop();
});
beforeEach(async () => {
  for await (const { key } of store.list('')) await store.delete(key);
  toldBefore = (await aws.mails()).length;
  began = Date.now();
});
afterEach(() => void vi.useRealTimers());

/** Mails since the test began, but for what is said of archives' dates: these were all stored just now. */
async function mails() {
  const all = (await aws.mails()).slice(toldBefore);
  return all.filter(({ subject }) => !subject.includes('strange object'));
}
const subjects = async () => (await mails()).map(({ subject }) => subject);
const take = (one: Partial<TinyBaseBackup> & { segment: number }) =>
  storeBaseBackup(store, { source, takenAt: new Date(began), ...one });
async function push(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = writeSegment(folder, name);
    await pushWal({ store, source, path, systemIdentifier, compressor: noProgram });
  }
}
const keysUnder = async (prefix: string) => (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);
const stored = (key: string) => ({
  'detail-type': 'Object Created',
  detail: { bucket: { name: aws.bucket }, object: { key } },
});
const judge = (id: ArchiveId) => verify(stored(baseBackupKeys(id).manifest), context);
const verdictOn = async (id: ArchiveId) =>
  parseJson(byteVerdictSchema, (await store.readText(baseBackupKeys(id).verdict))?.text);
/** The watcher's next look, so long after the test began; and what it asks for is read, as the events of that would have it. */
async function look(minutes: number, isDaily = false): Promise<number> {
  vi.useFakeTimers({ toFake: ['Date'], now: began + minutes * 60_000 });
  await watch({ time: `2026-11-30T${isDaily ? '00' : '05'}:00:00Z` }, context);
  const due = await keysUnder('due/');
  let read = 0;
  for (const key of due) {
    read += ((await verify(stored(key), context)) as { read: number }).read;
    await store.delete(key);
  }
  return read;
}

describe('a base backup', () => {
  it('is read again, byte by byte, once', async () => {
    const id = await take({ segment: 2 });
    expect(await judge(id)).toEqual({ id: id.id, verdict: 'intact', isNew: true });
    expect(await judge(id)).toMatchObject({ verdict: 'intact', isNew: false });
    expect(await subjects()).toEqual([]);
  });

  it('is read again when its turn has come, once', async () => {
    const id = await take({ segment: 2 });
    await judge(id);
    vi.useFakeTimers({ toFake: ['Date'], now: began + 5 * dayMs });
    await expire({}, context);
    expect(await keysUnder('due/')).toEqual([]);
    const later = new Date(began + 8 * dayMs);
    vi.setSystemTime(later);
    await expire({}, context);
    const due = await keysUnder('due/');
    expect(due).toEqual([dueKey(ofBaseBackups, id)]);
    const [key = ''] = due;
    expect(await verify(stored(key), context)).toEqual({ id: id.id, verdict: 'intact', isNew: true });
    expect((await verdictOn(id))?.verifiedAt).toBe(later.toISOString());
    expect(await verify(stored(key), context)).toMatchObject({ isNew: false });
    await store.delete(key);
    await expire({}, context);
    expect(await keysUnder('due/')).toEqual([]);
  });

  it.each<[string, Partial<TinyBaseBackup>, (id: ArchiveId) => Promise<unknown>, string, string]>([
    ['that is not there', {}, (id) => store.delete(baseBackupKeys(id).archive), 'missing', 'the tar'],
    ['with other bytes', {}, (id) => store.write(baseBackupKeys(id).archive, 'others'), 'damaged', 'gzip'],
    ['with a file whose sum is another', { spoil: 'base/1/1259' }, async () => {}, 'damaged', 'in the tar'],
    [
      'of another cluster than its record says',
      { record: { startLsn: '0/100' } },
      async () => {},
      'damaged',
      'where its log begins',
    ],
    [
      'with another list beside it',
      {},
      (id) => store.write(baseBackupKeys(id).serverManifest, '{}'),
      'damaged',
      'backup_manifest',
    ],
  ])('%s is told by mail, and named so', async (_, changes, spoil, verdict, what) => {
    const id = await take({ segment: 2, record: { versionId: null }, ...changes });
    await spoil(id);
    await judge(id);
    const found = await verdictOn(id);
    expect(found?.verdict).toBe(verdict);
    expect(found?.deviations[0]?.what).toContain(what);
    expect(await subjects()).toEqual([`[offsite] ${verdict.toUpperCase()} base backup: ${id.id}`]);
  });
});

describe('the log', () => {
  it('that was shipped late was stored after a later base backup: no window is told that ends before it begins', () => {
    const gap = { missing: namesFrom(5, 1), missingCount: 1, conflicting: [] };
    const [early, late] = [new Date('2026-12-01T04:05:00Z'), new Date('2026-12-01T06:00:00Z')];
    expect(gapMail('bitagent', [{ ...gap, from: early, until: late }]).text).toContain(
      'lost: points from 2026-12-01 04:05 UTC until 2026-12-01 06:00 UTC',
    );
    expect(
      gapMail('bitagent', [{ ...gap, from: late, until: early }]).text.replaceAll(/\s+/g, ' '),
    ).toContain(
      'lost: points from the end of the segment before, which was stored later, until 2026-12-01 04:05 UTC',
    );
  });

  it('is read once soon after it came, and nothing is told while all is well', async () => {
    await take({ segment: 2 });
    await push(namesFrom(1, 4));
    // Not the one from before the base backup.
    expect(await look(20)).toBe(3);
    expect(await look(21)).toBe(0);
    expect(await subjects()).toEqual([]);
  });

  it('with a gap: the segments are named, once, and the window that is lost; a base backup ends it', async () => {
    await take({ segment: 2 });
    await push([...namesFrom(2, 3), ...namesFrom(7, 2)]);
    await look(20);
    const [mail] = await mails();
    expect(mail?.subject).toBe('[offsite] GAP IN THE LOG: bitagent, 2 segments');
    expect(mail?.text).toContain(namesFrom(5, 2).join(', '));
    expect(mail?.text).toMatch(/lost: points from \S+ \S+ UTC on, as there is no later base backup/);
    await look(25);
    await look(30, true);
    expect(await subjects()).toHaveLength(1);
    // What cannot be recovered is no newer for what comes after the gap.
    await look(90);
    expect(await subjects()).toEqual([
      mail?.subject,
      expect.stringContaining('NO RECENT POINT TO RECOVER: bitagent, newest is '),
    ]);
    await take({ segment: 8, takenAt: new Date(began + 1000) });
    await push(namesFrom(9, 1));
    // Back to when what the store has stored just now is young.
    await look(40);
    expect(await subjects()).toHaveLength(3);
    expect((await subjects()).at(-1)).toBe('[offsite] Well again: bitagent');
  });

  it('whose segment is overwritten: it is damaged, and a gap', async () => {
    await take({ segment: 2 });
    await push(namesFrom(2, 4));
    const key = (await keysUnder('wal/'))[2] as string;
    await store.write(key, 'others');
    await look(20);
    const name = namesFrom(4, 1)[0] as string;
    expect(await subjects()).toEqual([`[offsite] DAMAGED log: bitagent, ${name}`]);
    await look(40, true);
    expect((await mails()).at(-1)?.text).toContain(`missing or damaged: ${name}`);
  });

  it('with two of one name: it is told', async () => {
    await take({ segment: 2 });
    await push(namesFrom(2, 3));
    const [name = ''] = namesFrom(3, 1);
    const file = parseWalFile(name) as WalFile;
    await store.write(walKey({ source, systemIdentifier, file, sha256: 'a'.repeat(64) }), 'others');
    await look(20);
    expect((await mails()).find(({ subject }) => subject.includes('GAP'))?.text).toContain(
      `with different bytes: ${name}`,
    );
  });

  it('with a copy of a segment that was begun, and is no beginning of what it became: it is told', async () => {
    await take({ segment: 2 });
    await push(namesFrom(2, 1));
    const [copied = '', other = ''] = namesFrom(3, 2);
    // As far as it had come, and zeros: what the receiver stores of it.
    const bytes = segmentOf(copied);
    const begun = Buffer.alloc(segmentBytes);
    bytes.copy(begun, 0, 0, 0x1000);
    for (const [name, written] of [
      [`${copied}.00001000.begun`, begun],
      [copied, bytes],
      [`${other}.00001000.begun`, segmentOf(other)],
      [other, segmentOf(other)],
    ] as const)
      await pushWal({
        store,
        source,
        path: writeSegment(folder, name, written),
        systemIdentifier,
        compressor: noProgram,
      });
    expect(await look(20)).toBe(3);
    expect(await subjects()).toEqual([`[offsite] DAMAGED log: bitagent, ${other}`]);
  });

  it('that has no base backup is told of after two days', async () => {
    await push(namesFrom(2, 1));
    await look(20);
    expect(await subjects()).toEqual([]);
    await look(60 * 49);
    expect((await mails()).map(({ text }) => text).join()).toContain(
      'There is no point in time that can be recovered of bitagent',
    );
  });

  it('that does not come any more is told of; a part of a segment is as good as one', async () => {
    await take({ segment: 2 });
    await push(namesFrom(2, 2));
    await look(20);
    await look(70);
    expect(await subjects()).toEqual([expect.stringContaining('NO RECENT POINT TO RECOVER: bitagent')]);
    await push(['000000010000000000000004.00001000.begun']);
    await look(50);
    expect((await subjects()).slice(1)).toEqual(['[offsite] Well again: bitagent']);
  });

  it('goes on on another timeline: nothing is missing, and both are read', async () => {
    await take({ segment: 2 });
    await push(namesFrom(2, 3));
    await look(20);
    const history = join(folder, '00000002.history');
    writeFileSync(history, '1\t0/500100\tpromoted\n');
    await pushWal({ store, source, path: history, systemIdentifier, compressor: noProgram });
    await push(namesFrom(5, 2, 2));
    expect(await look(40)).toBe(3);
    expect(await look(60, true)).toBe(0);
    expect(await subjects()).toEqual([]);
    expect((await readWindows(store, source))[0]).toMatchObject({ timeline: 2, continuity: { missing: [] } });
  });
});

describe('what can be recovered', () => {
  it('is shown by list as wal window has it', async () => {
    const lines: string[] = [];
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
    const settings = { bucket: aws.bucket, source } as Settings;
    try {
      await runList([settings], {});
      expect(lines.join('')).not.toContain('base backup');
      const id = await take({ segment: 2 });
      const ownLog = async (minutes: number) => {
        lines.length = 0;
        await runWindow(store, source, true, new Date(began + minutes * 60_000));
        const [{ log, fromLsn, toLsn }] = JSON.parse(lines.join(''));
        const seen = { log, fromLsn, toLsn, code: process.exitCode };
        process.exitCode = undefined;
        return seen;
      };
      const needed = { fromLsn: '0/200190', toLsn: '0/200000' };
      expect(await ownLog(14)).toEqual({ ...needed, log: 'arriving', code: undefined });
      expect(await ownLog(16)).toEqual({ ...needed, log: 'broken off', code: 5 });
      await push(namesFrom(2, 2));
      lines.length = 0;
      await runWindow(store, source);
      const window = lines.splice(0).join('');
      expect(window).toContain('  unverified  ');
      await runList([settings], {});
      expect(lines.splice(0).join('')).toContain(window.split('\n')[1]?.slice(0, 60));
      expect(window).toContain('0/400000, timeline 1');
      await runList([settings], { json: true });
      expect(JSON.parse(lines.join(''))).toMatchObject([
        { kind: 'base backup', verdict: 'unverified', toLsn: '0/400000', missing: [], arriving: false },
      ]);
      await judge(id);
      // A later one is there first: named as missing, and no fault before it is one for the watch, too.
      await push(namesFrom(5, 1));
      const look = async (minutes: number) => {
        lines.length = 0;
        process.exitCode = 0;
        await runWindow(store, source, false, new Date(Date.now() + minutes * 60_000));
        const seen = {
          row: lines.join('').split('\n')[1],
          told: told.splice(0).join(''),
          code: process.exitCode,
        };
        process.exitCode = undefined;
        return seen;
      };
      const told: string[] = [];
      const telling = vi
        .spyOn(process.stderr, 'write')
        .mockImplementation((text) => told.push(String(text)) > 0);
      try {
        const [soon, late] = [await look(1), await look(16)];
        expect(soon).toMatchObject({ row: expect.stringMatching(/arriving$/), code: 0 });
        expect(soon.told).toMatch(/missing 000000010000000000000004: not stored yet, though a later one is/);
        expect(late).toMatchObject({ row: expect.stringMatching(/broken off$/), code: 5 });
        expect(late.told).toMatch(/missing 000000010000000000000004: no later point/);
        expect(late.row).toContain('  intact  ');
        await store.write(baseBackupKeys(id).archive, 'other bytes');
        await judge(id);
        const damaged = await look(16);
        expect(damaged.row).toContain('  damaged  ');
        expect(damaged.told).toMatch(/is damaged: no point can be recovered from it/);
      } finally {
        telling.mockRestore();
      }
    } finally {
      spy.mockRestore();
    }
  });
});

describe('retention', () => {
  const ageing = (days: number) => new Date(began - days * dayMs);
  async function fill(): Promise<ArchiveId[]> {
    const ids: ArchiveId[] = [];
    for (const [days, segment] of [
      [30, 2],
      [20, 4],
      [10, 6],
      [3, 8],
    ] as const) {
      const id = await take({ takenAt: ageing(days), segment });
      await judge(id);
      ids.push(id);
    }
    await push(namesFrom(1, 9));
    return ids;
  }
  const segmentsThere = async () =>
    (await keysUnder('wal/')).map((key) => Number.parseInt(key.split('/')[3]?.slice(16, 24) ?? '', 16));

  it('keeps the base backup that the oldest promised point begins with, and the log from there on', async () => {
    const [oldest, ...others] = await fill();
    const before = await keysUnder('');
    await expire({ dryRun: true }, context);
    expect(await keysUnder('')).toEqual(before);
    await expire({}, context);
    const windows = await readWindows(store, source);
    expect(windows.map(({ base }) => base.id.id)).toEqual(others.map(({ id }) => id).reverse());
    expect(windows.some(isBroken)).toBe(false);
    expect(await segmentsThere()).toEqual([4, 5, 6, 7, 8, 9]);
    expect(await keysUnder(`basebackups/${source}/${oldest?.id}`)).toEqual([]);
    expect(await verdictOn(oldest as ArchiveId)).toBeUndefined();
  });

  it('keeps the log of a base backup that nobody has judged yet', async () => {
    const unjudged = await take({ takenAt: ageing(25), segment: 3 });
    await fill();
    await expire({}, context);
    expect((await readWindows(store, source)).map(({ base }) => base.id.id)).toContain(unjudged.id);
    expect(await segmentsThere()).toEqual([3, 4, 5, 6, 7, 8, 9]);
  });

  it.each([1, 3, 6])('leaves nothing broken when it is killed at its delete number %i', async (last) => {
    await fill();
    let left = last;
    const killed: ArchiveStore = {
      ...store,
      async delete(key) {
        left -= 1;
        if (left < 0) throw new Error('killed');
        await store.delete(key);
      },
    };
    const policy = { keepDays: 14, keepIntact: 3, freshnessHours: 26 };
    const run = (by: ArchiveStore) =>
      expireLog({ store: by, policy, now: new Date(), dryRun: false, onPlan: () => undefined });
    await run(killed).catch((error: Error) => expect(error.message).toContain('killed'));
    expect((await readWindows(store, source)).some(isBroken)).toBe(false);
    await run(store);
    expect(await segmentsThere()).toEqual([4, 5, 6, 7, 8, 9]);
    expect((await readWindows(store, source)).map(({ continuity }) => countOf(continuity.whole))).toEqual([
      2, 4, 6,
    ]);
  });

  it('takes no log while somebody may have taken all base backups', async () => {
    await fill();
    for (const key of await keysUnder('basebackups/')) await store.delete(key);
    vi.useFakeTimers({ toFake: ['Date'], now: began + 20 * dayMs });
    await expire({}, context);
    expect(await segmentsThere()).toHaveLength(9);
  });
});
