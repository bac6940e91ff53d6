// The guard and what is no dump: the dashboard's database, base backups and the log. Each is verified, told of, watched and expired as
// the cloud's handlers do it, and the store is looked at afterwards. The SQLite files are real; the clusters are of three files.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchiveId, parseArchiveId } from '../../lib/archive/names.ts';
import { readKind } from '../../lib/archive/read-kind.ts';
import { walVerdictsPrefix } from '../../lib/archive/wal-names.ts';
import { ofBaseBackups } from '../../lib/basebackup/kind.ts';
import { type MailServer, startMailServer } from '../../lib/rehearsal/stage/mail-server.ts';
import type { LogPlan } from '../../lib/retention/expire-log.ts';
import { guardSchema } from '../../lib/settings/guard.ts';
import { backupSidecar } from '../../lib/sidecar/backup.ts';
import { ofSidecar } from '../../lib/sidecar/kind.ts';
import type { ProviderName } from '../../lib/store/provider.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { pushWal } from '../../lib/wal/push.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { noProgram } from '../fixtures/compressors.ts';
import { type Guarding, startGuarding } from '../fixtures/guarding.ts';
import { namesFrom, systemIdentifier, writeSegment } from '../fixtures/wal.ts';

/** @param open - Gives an empty bucket of the store that the environment leads to. */
export function playOtherKinds(open: () => Promise<string>, provider?: ProviderName): void {
  describe('a guard of what is no dump', () => {
    let folder: string;
    let smtp: MailServer;
    let store: ArchiveStore;
    let guarding: Guarding;
    const promise = { keepWeekly: 0, keepMonthly: 0, keepYearly: 0, sources: 'logged' };

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'offsite-kinds-'));
      const bucket = await open();
      store = createS3Store({ bucket, provider });
      smtp = await startMailServer();
      guarding = startGuarding({ store, bucket, smtp, settings: promise });
    });
    afterAll(async () => {
      await smtp?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
    const later = (minutes: number) => ({ now: () => new Date(Date.now() + minutes * 60_000) });
    const keysUnder = async (prefix: string) =>
      (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);

    async function takeSidecar(source: string, takenAt = new Date()): Promise<ArchiveId> {
      const path = join(folder, `${source}.db`);
      const database = new DatabaseSync(path);
      database.exec('CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT)');
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
    const ids = new Map<string, ArchiveId>();
    const keysOf = ({ kind, prefix }: (typeof kinds)[number], name: string) =>
      kind.keysOf(ids.get(`${prefix}-${name}`) as ArchiveId);
    const standingsOf = async ({ kind, prefix }: (typeof kinds)[number], name: string) =>
      (await readKind(store, kind, `${prefix}-${name}`)).map(({ standing }) => standing);
    /** What was mailed of each archive of a kind, by its name. */
    const about = ({ prefix }: (typeof kinds)[number], mails: readonly { subject: string }[]) =>
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
          path: writeSegment(folder, name),
          systemIdentifier,
          compressor: noProgram,
        });
    };
    const [damagedSegment = ''] = namesFrom(4, 1);

    it('verifies what is new, tells of what is not intact, and records it', async () => {
      const names = ['well', 'gone', 'other', 'unreadable', 'deleted', 'overwritten', 'uncommitted'];
      for (const one of kinds) {
        for (const days of [40, 20]) await one.take(`${one.prefix}-well`, daysAgo(days));
        for (const name of names) ids.set(`${one.prefix}-${name}`, await one.take(`${one.prefix}-${name}`));
        await store.delete(keysOf(one, 'gone').archive);
        await store.write(keysOf(one, 'other').archive, 'other bytes');
        await store.write(keysOf(one, 'unreadable').manifest, '{');
      }
      await takeBase('logged', daysAgo(0.01));
      await pushLog([...namesFrom(1, 5), ...namesFrom(8, 1)]);
      const first = await guarding.run();
      // Which log it needs nobody knows: of its source nothing goes, and that is told, as in the cloud.
      expect(first.failure).toMatchObject({ code: 'MANIFEST_INVALID' });
      // Where there are versions, the one that the manifest names is whole, and what lies over it is found by the next run.
      const second = await guarding.run();
      for (const one of kinds) {
        expect(about(one, [...first.mails, ...second.mails])).toEqual([
          `gone: [offsite] MISSING ${one.named}`,
          `other: [offsite] DAMAGED ${one.named}`,
          'unreadable: [offsite] NOT VERIFIED',
        ]);
        expect(await standingsOf(one, 'gone')).toEqual(['missing']);
        expect(await standingsOf(one, 'other')).toEqual(['damaged']);
        expect(await standingsOf(one, 'deleted')).toEqual(['intact']);
      }
      expect(ofLog([...first.mails, ...second.mails])).toEqual([]);
    });

    it('tells of proven ones that are lost, and of gaps in the log by their names', async () => {
      for (const one of kinds) {
        await store.delete(keysOf(one, 'deleted').archive);
        await store.write(keysOf(one, 'overwritten').archive, 'other bytes');
        await store.delete(keysOf(one, 'uncommitted').manifest);
      }
      const key = (await keysUnder('wal/logged/')).find((one) => one.includes(damagedSegment));
      await store.write(key as string, 'other bytes');
      const { mails } = await guarding.nextNight(later(20));
      for (const one of kinds)
        expect(about(one, mails)).toEqual([
          `deleted: [offsite] MISSING ${one.named}`,
          `overwritten: [offsite] DAMAGED ${one.named}`,
          'uncommitted: [offsite] NOT VERIFIED',
        ]);
      const [gap, ...others] = ofLog(mails);
      expect(gap?.subject).toBe('[offsite] GAP IN THE LOG: logged, 2 segments');
      expect(gap?.text).toContain(namesFrom(6, 2).join(', '));
      expect(others).toEqual([]);
    });

    it.each(kinds)('has expired a night’s worth of $named each night, and nothing else', async (one) => {
      const source = `${one.prefix}-well`;
      const left = one.kind === ofSidecar ? ['intact'] : ['intact', 'intact'];
      expect(await standingsOf(one, 'well')).toEqual(left);
      // Of a base backup a list of its files, too.
      expect((await keysUnder(`${one.kind.prefix}${source}/`)).join()).not.toContain(
        daysAgo(40).toISOString().slice(0, 10),
      );
      expect(await keysUnder(`${one.kind.verdictsPrefix}${source}/`)).toHaveLength(left.length);
    });

    it('reads the log that came, once; what is damaged is told of, recorded, and nothing else again', async () => {
      expect(await keysUnder('due/logged/')).not.toEqual([]);
      const { mails } = await guarding.run(later(21));
      expect(ofLog(mails)[0]?.subject).toBe(`[offsite] DAMAGED log: logged, ${damagedSegment}`);
      expect(await keysUnder('due/logged/')).toEqual([]);
      expect((await keysUnder(`${walVerdictsPrefix}logged/`)).join()).toContain(damagedSegment);
      for (const one of kinds) expect(about(one, mails)).toEqual([]);
    });

    it('tells that no recent point can be recovered, and that it is well again', async () => {
      const [behind] = ofLog((await guarding.run(later(90))).mails);
      expect(behind?.subject).toContain('NO RECENT POINT TO RECOVER: logged, newest is ');
      await takeBase('logged', new Date(), 8);
      await pushLog(namesFrom(9, 1));
      const { mails } = await guarding.run(later(25));
      expect(mails.map(({ subject }) => subject)).toContain('[offsite] Well again: logged');
    });

    it('expires with a base backup the log that nobody needs any more', async () => {
      const plans: LogPlan[] = [];
      const seen = { onVerdict() {}, onPlan() {}, onSidecarPlan() {}, onSighting() {}, onReport() {} };
      await guarding.nextNight({
        guard: guardSchema.parse({ ...promise, keepDays: 1, keepIntact: 1, freshnessHours: 100 }),
        now: () => daysAgo(-2),
        seen: { ...seen, onLogPlan: (plan) => void plans.push(plan) },
      });
      const [plan] = plans.filter(({ source }) => source === 'logged');
      expect(plan?.expire).toHaveLength(1);
      // The one before all base backups went in the night before.
      expect(plan?.log).toEqual([expect.objectContaining({ files: 6, expired: 4 })]);
      const left = (await keysUnder('wal/logged/')).map((key) => key.split('/').at(-1)?.slice(0, 24));
      expect(left).toEqual(namesFrom(8, 2));
      expect(await keysUnder(`${walVerdictsPrefix}logged/`)).toEqual([]);
    });
  });
}
