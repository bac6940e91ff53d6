// What is no dump, and who keeps its promise, the guard or the cloud: the dashboard's database, base backups and the log. Each is verified,
// told of, watched and expired, and the store is looked at afterwards. The SQLite files are real; the clusters are of three files.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchiveId, parseArchiveId } from '../../lib/archive/names.ts';
import { readCatalogue } from '../../lib/archive/read-catalogue.ts';
import { walVerdictsPrefix } from '../../lib/archive/wal-names.ts';
import { ofBaseBackups } from '../../lib/basebackup/kind.ts';
import { readWindows } from '../../lib/recovery-point/windows.ts';
import { backupSidecar } from '../../lib/sidecar/backup.ts';
import { ofSidecar } from '../../lib/sidecar/kind.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { pushWal } from '../../lib/wal/push.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { noProgram } from '../fixtures/compressors.ts';
import type { Keeping } from '../fixtures/keeping.ts';
import { namesFrom, systemIdentifier, writeSegment } from '../fixtures/wal.ts';

/** @param open - Gives an empty bucket, and who keeps it, for a source of which log comes. */
export function playOtherKinds(
  open: (logged: string) => Promise<{ store: ArchiveStore; keeping: Keeping }>,
  hasVersions: boolean,
): void {
  describe('what is no dump', () => {
    let folder: string;
    let store: ArchiveStore;
    let keeping: Keeping;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'offsite-kinds-'));
      ({ store, keeping } = await open('logged'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
    const keysUnder = async (prefix: string) =>
      (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);
    const bytesOf = async (key: string) =>
      Buffer.concat(await ((await store.open(key))?.body.toArray() ?? []));

    async function takeSidecar(source: string, takenAt = new Date()): Promise<ArchiveId> {
      const path = join(folder, `${source}.db`);
      const database = new DatabaseSync(path);
      database.exec(`CREATE TABLE IF NOT EXISTS "${source}" (name TEXT PRIMARY KEY, value TEXT)`);
      database.close();
      const { id } = await backupSidecar({ source, place: { path }, store, now: () => takenAt });
      return parseArchiveId(id);
    }
    const takeBase = (source: string, takenAt = new Date(), segment = 2) =>
      storeBaseBackup(store, { source, takenAt, segment });

    const kinds = [
      { kind: ofSidecar, named: "archive of the dashboard's database", prefix: 'ui', take: takeSidecar },
      { kind: ofBaseBackups, named: 'base backup', prefix: 'base', take: takeBase },
    ] as const;
    type Kind = (typeof kinds)[number];
    const ids = new Map<string, ArchiveId>();
    const keysOf = ({ kind, prefix }: Kind, name: string) =>
      kind.keysOf(ids.get(`${prefix}-${name}`) as ArchiveId);
    const standingsOf = async ({ kind, prefix }: Kind, name: string) =>
      (await readCatalogue(store, `${prefix}-${name}`, { kind: kind })).map(({ standing }) => standing);

    /** What may happen to bytes. */
    const harms: Record<string, (bytes: Buffer) => Buffer> = {
      flipped: (bytes) => bytes.fill((bytes[200] as number) ^ 1, 200, 201),
      cut: (bytes) => bytes.subarray(0, bytes.length / 3),
      longer: (bytes) => Buffer.concat([bytes, Buffer.alloc(9)]),
      emptied: () => Buffer.alloc(0),
      others: () => Buffer.from('other bytes'),
    };
    const over = async (key: string, harm: (bytes: Buffer) => Buffer) =>
      store.write(key, harm(await bytesOf(key)) as never);
    const newcomers = [...Object.keys(harms), 'gone', 'unreadable'];
    const losses = ['deleted', 'erased', 'overwritten', 'shortened', 'uncommitted'];

    /** What was mailed of each archive of a kind, by its name. */
    const about = ({ prefix }: Kind, mails: readonly { subject: string }[]) =>
      mails
        .flatMap(({ subject }) => {
          const [, name] = new RegExp(`\\b${prefix}-([a-z]+)-\\d{4}-`).exec(subject) ?? [];
          return name === undefined ? [] : [`${name}: ${subject.replace(/: .*/, '')}`];
        })
        .sort();
    const ofLog = (mails: readonly { subject: string; text: string }[]) =>
      mails.filter(({ subject }) => /\blog\b|POINT/i.test(subject) && subject.includes('logged'));
    const pushLog = async (names: readonly string[]) => {
      for (const name of names)
        await pushWal({
          store,
          source: 'logged',
          // The same bytes again.
          path: existsSync(join(folder, name)) ? join(folder, name) : writeSegment(folder, name),
          systemIdentifier,
          compressor: noProgram,
        });
    };
    const keyOfSegment = async (name: string) =>
      (await keysUnder('wal/logged/')).find((one) => one.includes(name)) as string;
    /** Zeros behind whole gzip change nothing: neither the segment's sum nor what a recovery reads. */
    const { longer: _, ...harmsOfLog } = harms;
    const damagedSegments = namesFrom(3, Object.keys(harmsOfLog).length);
    const damagedLog = async () =>
      (await keysUnder(`${walVerdictsPrefix}logged/`)).map((key) => key.split('/')[3]?.slice(0, 24));

    it('is verified when it is new: what is not intact is told, and recorded', async () => {
      for (const one of kinds) {
        for (const days of [40, 20]) await one.take(`${one.prefix}-well`, daysAgo(days));
        for (const name of ['well', ...newcomers, ...losses])
          ids.set(`${one.prefix}-${name}`, await one.take(`${one.prefix}-${name}`));
        for (const [name, harm] of Object.entries(harms)) await over(keysOf(one, name).archive, harm);
        await store.delete(keysOf(one, 'gone').archive);
        await store.write(keysOf(one, 'unreadable').manifest, '{');
      }
      await takeBase('logged', daysAgo(0.01));
      await pushLog([...namesFrom(1, 9), ...namesFrom(12, 1)]);
      const first = await keeping.night();
      // Which log it needs nobody knows: of its source nothing goes, and that is told.
      expect(first.failure).toMatchObject({ code: 'MANIFEST_INVALID' });
      // Where there are versions, the one that the manifest names is whole, and what lies over it is found the night after.
      const second = await keeping.night();
      const mails = [...first.mails, ...second.mails];
      for (const one of kinds) {
        const spoilt = hasVersions ? `LOST ${one.named}, overwritten` : `DAMAGED ${one.named}`;
        expect(about(one, mails)).toEqual(
          [
            ...Object.keys(harms).map((name) => `${name}: [offsite] ${spoilt}`),
            `gone: [offsite] ${hasVersions ? `LOST ${one.named}, deleted` : `MISSING ${one.named}`}`,
            'unreadable: [offsite] NOT VERIFIED',
          ].sort(),
        );
        for (const name of Object.keys(harms)) expect(await standingsOf(one, name)).toEqual(['damaged']);
        expect(await standingsOf(one, 'gone')).toEqual(['missing']);
        for (const name of losses) expect(await standingsOf(one, name)).toEqual(['intact']);
      }
      expect(ofLog(mails)).toEqual([]);
    });

    it('is told of once it was proven and is lost, and gaps in the log by their names', async () => {
      for (const one of kinds) {
        for (const name of ['deleted', 'erased']) await store.delete(keysOf(one, name).archive);
        for (const name of ['uncommitted', 'erased']) await store.delete(keysOf(one, name).manifest);
        await store.write(keysOf(one, 'overwritten').archive, 'other bytes');
        await over(keysOf(one, 'shortened').archive, (bytes) => bytes.subarray(0, -1));
      }
      for (const [at, harm] of Object.values(harmsOfLog).entries())
        await over(await keyOfSegment(damagedSegments[at] as string), harm);
      const { mails } = await keeping.night(20);
      for (const one of kinds) {
        const lost = (how: string) => `[offsite] LOST ${one.named}, ${how}`;
        expect(about(one, mails)).toEqual([
          `deleted: ${lost('deleted')}`,
          `erased: ${lost('deleted')}`,
          `overwritten: ${lost('overwritten')}`,
          `shortened: ${lost('overwritten')}`,
          `uncommitted: ${lost('deleted')}`,
        ]);
        const erased = mails.find(({ subject }) => subject.includes(`${one.prefix}-erased`));
        expect(erased?.text.replaceAll(/\s+/g, ' ')).toContain(
          `offsite undo ${ids.get(`${one.prefix}-erased`)?.id} --`,
        );
        expect(await standingsOf(one, 'erased')).toEqual(['missing']);
      }
      const [gap, ...others] = ofLog(mails);
      expect(gap?.subject).toBe('[offsite] GAP IN THE LOG: logged, 2 segments');
      expect(gap?.text).toContain(namesFrom(10, 2).join(', '));
      expect(others).toEqual([]);
    });

    it.each(kinds)('has lost a night’s worth of $named each night, and nothing else', async (one) => {
      const source = `${one.prefix}-well`;
      const left = one.kind === ofSidecar ? ['intact'] : ['intact', 'intact'];
      expect(await standingsOf(one, 'well')).toEqual(left);
      // Of a base backup a list of its files, too.
      expect((await keysUnder(`${one.kind.prefix}${source}/`)).join()).not.toContain(
        daysAgo(40).toISOString().slice(0, 10),
      );
      expect(await keysUnder(`${one.kind.verdictsPrefix}${source}/`)).toHaveLength(left.length);
    });

    it('is read once as log that came: what is damaged is told of, recorded, and nothing else again', async () => {
      expect(await keysUnder('due/logged/')).not.toEqual([]);
      const { mails } = await keeping.hour(21);
      expect(ofLog(mails).map(({ subject }) => subject)).toContainEqual(
        expect.stringMatching(`DAMAGED log: logged, (${damagedSegments.join('|')})$`),
      );
      expect(await keysUnder('due/logged/')).toEqual([]);
      expect((await damagedLog()).sort()).toEqual(damagedSegments);
      for (const one of kinds) expect(about(one, mails)).toEqual([]);
      // From here on it is about the log: each further run looks at one source, and not at thirty.
      for (const { kind, prefix } of kinds)
        for (const folder of [kind.prefix, kind.verdictsPrefix, 'due/'])
          for (const key of await keysUnder(`${folder}${prefix}-`)) await store.delete(key);
    });

    it('is whole again as log once the damaged files were archived anew, as the mail says', async () => {
      const datesUnder = async (prefix: string) =>
        (await Array.fromAsync(store.list(prefix))).map(({ storedAt }) => storedAt.getTime());
      const foundAt = Math.max(...(await datesUnder(`${walVerdictsPrefix}logged/`)));
      const archivedAnew = async (name: string) => {
        const key = await keyOfSegment(name);
        // A store's dates may be of whole seconds: what is archived in that of its verdict is not after it.
        do {
          await store.delete(key);
          await pushLog([name]);
        } while ((await datesUnder(key)).some((storedAt) => storedAt <= foundAt));
      };
      await keeping.at(22, async () => {
        for (const name of damagedSegments) await archivedAnew(name);
      });
      await pushLog(namesFrom(10, 2));
      await keeping.hour(40);
      await keeping.hour(41);
      const [window] = await readWindows(store, 'logged');
      expect(window?.continuity).toMatchObject({ missing: [], damaged: [] });
    });

    it('tells that no recent point can be recovered, and that it is well again', async () => {
      const [behind] = ofLog((await keeping.hour(90)).mails);
      expect(behind?.subject).toContain('NO RECENT POINT TO RECOVER: logged, newest is ');
      await takeBase('logged', new Date(), 12);
      await pushLog(namesFrom(13, 1));
      const { mails } = await keeping.hour(25);
      expect(mails.map(({ subject }) => subject)).toContain('[offsite] Well again: logged');
    });

    it('expires with a base backup the log that nobody needs any more', async () => {
      await keeping.night(2 * 1440, { keepDays: 1, freshnessHours: 100 });
      expect(await readCatalogue(store, 'logged', { kind: ofBaseBackups })).toHaveLength(1);
      const left = (await keysUnder('wal/logged/')).map((key) => key.split('/').at(-1)?.slice(0, 24));
      expect(left).toEqual(namesFrom(12, 2));
      expect(await damagedLog()).toEqual([]);
    });

    it('that is given up, as the alarm says how, is asked for no more', async () => {
      const { mails } = await keeping.hour(6 * 1440);
      const text = mails.map((mail) => mail.text).join(' ');
      const said = /base backups of logged are given up for good: (.*?) in the vault/.exec(
        text.replaceAll(/\s+/g, ' '),
      );
      const folders = said?.[1]?.match(/[a-z-]+\/logged\//g) ?? [];
      expect(folders).toHaveLength(4);
      for (const folder of folders) for (const key of await keysUnder(folder)) await store.delete(key);
      await keeping.night(7 * 1440);
      // It never had archives.
      const left = (await keeping.night(8 * 1440)).mails.filter(({ subject }) => subject.includes('logged'));
      expect(left.map(({ subject }) => subject)).toEqual(['[offsite] NO FRESH ARCHIVE: logged, none yet']);
      expect(left[0]?.text).not.toMatch(/given up|point in time/);
    });
  });
}
