// The guard against whatever may happen to an archive, with real gzip and a real mail server: each is told of by name, once,
// and nothing that is well is told of.

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/archive/manifest.ts';
import { archiveKeys } from '../../lib/archive/names.ts';
import { readCatalogue } from '../../lib/archive/read-catalogue.ts';
import { readManifest } from '../../lib/archive/read-manifest.ts';
import { turnsKey } from '../../lib/restore-test/turns.ts';
import type { ProviderName } from '../../lib/store/provider.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { storeArchive } from '../fixtures/archive.ts';
import { archiveOf, smallDump } from '../fixtures/archives.ts';
import { type Guarding, startGuarding } from '../fixtures/guarding.ts';
import { type MailServer, startMailServer } from '../fixtures/mail-server.ts';

type Drill = {
  readonly name: string;
  /** What the archive's mail says of it. */
  readonly said: RegExp;
  readonly dump?: string;
  readonly harm: (bytes: Buffer, manifest: Manifest) => Promise<unknown>;
};

/**
 * Plays all drills.
 *
 * @param open - Gives an empty bucket of the store that the environment leads to.
 * @param hasVersions - Then what a manifest names is there still when other bytes lie over it: it is overwritten, not damaged.
 */
export function playDrills(open: () => Promise<string>, hasVersions: boolean, provider?: ProviderName): void {
  describe('a guard', () => {
    let smtp: MailServer | undefined;
    let store: ArchiveStore;
    let guarding: Guarding;

    beforeAll(async () => {
      const bucket = await open();
      store = createS3Store({ bucket, provider });
      smtp = await startMailServer();
      guarding = startGuarding({ store, bucket, smtp });
    });
    afterAll(async () => {
      await smtp?.stop();
    });

    const bytesOf = async (manifest: Manifest) => {
      const opened = await store.open(archiveKeys(manifest).archive);
      return Buffer.concat(await (opened?.body.toArray() ?? []));
    };
    const over = (manifest: Manifest, bytes: Uint8Array) =>
      store.write(archiveKeys(manifest).archive, bytes as never);
    const flipped = (bytes: Buffer) => {
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] as number) ^ 1;
      return bytes;
    };
    /** What a dump that died says it was: the agent would not have committed it. */
    const cutDump = smallDump(20).slice(0, smallDump(20).indexOf('ALTER TABLE ONLY'));
    const damaged = hasVersions ? /LOST/ : /DAMAGED/;
    const newcomers: Drill[] = [
      { name: 'flipped', said: damaged, harm: (bytes, one) => over(one, flipped(bytes)) },
      { name: 'cut', said: damaged, harm: (bytes, one) => over(one, bytes.subarray(0, bytes.length / 3)) },
      {
        name: 'member-short',
        said: damaged,
        dump: smallDump(30_000),
        harm: (bytes, one) => over(one, bytes.subarray(0, one.members.at(-1)?.offset)),
      },
      {
        name: 'longer',
        said: damaged,
        harm: (bytes, one) => over(one, Buffer.concat([bytes, Buffer.alloc(9)])),
      },
      { name: 'swapped', said: damaged, harm: (_, one) => over(one, gzipSync(smallDump(21))) },
      { name: 'emptied', said: damaged, harm: (_, one) => over(one, Buffer.alloc(0)) },
      {
        name: 'gone',
        said: hasVersions ? /LOST/ : /MISSING/,
        harm: (_, one) => store.delete(archiveKeys(one).archive),
      },
      { name: 'suspicious', said: /SUSPICIOUS/, dump: smallDump(0), harm: async () => {} },
      {
        name: 'unreadable',
        said: /NOT VERIFIED/,
        harm: (_, one) => store.write(archiveKeys(one).manifest, '{'),
      },
      { name: 'dead-dump', said: /INCOMPLETE/, harm: async (_, one) => deadDump(one) },
    ];
    const losses: Drill[] = [
      { name: 'overwritten', said: /LOST|DAMAGED/, harm: (bytes, one) => over(one, flipped(bytes)) },
      { name: 'deleted', said: /LOST/, harm: (_, one) => store.delete(archiveKeys(one).archive) },
      { name: 'uncommitted', said: /LOST/, harm: (_, one) => store.delete(archiveKeys(one).manifest) },
      {
        name: 'shortened',
        said: /LOST/,
        harm: (bytes, one) => over(one, bytes.subarray(0, bytes.length - 1)),
      },
    ];

    /** Its manifest tells the truth about bytes that are no whole dump. */
    async function deadDump(manifest: Manifest): Promise<void> {
      await store.delete(archiveKeys(manifest).archive);
      await store.delete(archiveKeys(manifest).manifest);
      const source = 'dead-dump';
      const id = await storeArchive(store, {
        dump: Buffer.from(cutDump),
        takenAt: new Date(),
        verdict: false,
      });
      const own = archiveKeys({ id: id.id.replace('bitagent', source), source });
      const stored = await store.open(archiveKeys(id).archive);
      const bytes = Buffer.concat(await (stored?.body.toArray() ?? []));
      const moved = await store.write(own.archive, bytes as never);
      const text = (await store.readText(archiveKeys(id).manifest))?.text ?? '';
      const record = JSON.parse(text.replaceAll('bitagent', source));
      await store.write(own.manifest, JSON.stringify({ ...record, ...moved }));
      for (const key of [archiveKeys(id).archive, archiveKeys(id).manifest]) await store.delete(key);
    }

    async function play(drills: readonly Drill[]): Promise<void> {
      for (const { name, harm } of drills) {
        const [entry] = await readCatalogue(store, name);
        if (entry === undefined) throw new Error(`there is no archive of ${name}`);
        const manifest = await readManifest(store, entry.id);
        await harm(await bytesOf(manifest), manifest);
      }
    }

    /** The restore test has its own tests. */
    async function noTestIsDue(sources: readonly string[]): Promise<void> {
      const attemptedAt = new Date().toISOString();
      const turns = Object.fromEntries([...sources, 'bitagent'].map((source) => [source, { attemptedAt }]));
      await store.write(turnsKey, JSON.stringify({ sources: turns }));
    }

    /** Of each drill, the mail that names its archive: what it says, and how many there are. */
    function told(drills: readonly Drill[], mails: readonly { subject: string; text: string }[]) {
      return drills.map(({ name, said }) => {
        const about = mails.filter(({ subject }) => new RegExp(`\\b${name}-\\d{4}-`).test(subject));
        return { name, mails: about.length, isSaid: about.some(({ subject }) => said.test(subject)) };
      });
    }
    const eachOnce = (drills: readonly Drill[]) =>
      drills.map(({ name }) => ({ name, mails: 1, isSaid: true }));

    it('tells of each that comes in damaged, by name', async () => {
      const all = [...newcomers, ...losses, { name: 'well' }] as Drill[];
      for (const { name, dump = smallDump(20) } of all) await archiveOf(store, name, new Date(), dump);
      await noTestIsDue(all.map(({ name }) => name));
      await play(newcomers);
      const { mails, failure } = await guarding.run();
      expect(told(newcomers, mails)).toEqual(eachOnce(newcomers));
      expect(mails.filter(({ subject }) => /\b(well|deleted|overwritten)-/.test(subject))).toEqual([]);
      expect(failure).toBeUndefined();
      for (const { name } of [...losses, { name: 'well' }])
        expect([name, (await readCatalogue(store, name))[0]?.standing]).toEqual([name, 'intact']);
    });

    it('says nothing twice', async () => {
      expect((await guarding.nextNight()).mails).toEqual([]);
    });

    it('tells of each proven one that is lost, by name', async () => {
      await play(losses);
      const { mails } = await guarding.nextNight();
      expect(told(losses, mails)).toEqual(eachOnce(losses));
      expect((await guarding.run()).mails).toEqual([]);
    });
  });
}
