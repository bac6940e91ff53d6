// A guard that is killed between any two of its effects: what it did is right, and the next run does and tells the rest.

import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveKeys } from '../../lib/archive/names.ts';
import { createMailbox } from '../../lib/guard/mailbox.ts';
import { createSmtp } from '../../lib/mail/smtp.ts';
import type { LocalAws } from '../../lib/rehearsal/aws/local-aws.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveOf, smallDump, verifiedArchive } from '../fixtures/archives.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { startGuarding } from '../fixtures/guarding.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import { type MailServer, startMailServer } from '../fixtures/mail-server.ts';
import { isLong, oftenWithinMs } from '../fixtures/often.ts';
import { anotherClient } from '../fixtures/vault.ts';

describe('a guard that is killed', () => {
  let aws: LocalAws;
  let smtp: MailServer;
  let buckets = 0;
  const began = Date.now();
  const faulty = new Set<string>();
  const texts = new Map<string, Buffer>();

  beforeAll(async () => {
    aws = await startLocalAws();
    smtp = await startMailServer();
    const { store } = await bucketOf(new Map());
    const ago = (days: number) => new Date(began - days * 86_400_000);
    for (const days of [40, 0.5]) await verifiedArchive(store, 'well', ago(days));
    const lost = await verifiedArchive(store, 'well', ago(0.4));
    faulty.add(lost.id);
    await store.delete(archiveKeys(lost).archive);
    for (const minutes of [3, 2]) {
      const one = await archiveOf(store, 'harmed', ago(minutes / 1440), smallDump(20));
      faulty.add(one.id);
      await store.write(archiveKeys(one).archive, 'other bytes');
    }
    const unreadable = await archiveOf(store, 'harmed', ago(0), smallDump(20));
    await store.write(archiveKeys(unreadable).manifest, '{');
    faulty.add(unreadable.id);
    const base = await storeBaseBackup(store, { source: 'based', takenAt: ago(0), segment: 2 });
    await store.write(`basebackups/based/${base.id}.tar.gz`, 'other bytes');
    for await (const { key } of store.list('')) {
      const opened = await store.open(key);
      texts.set(key, Buffer.concat(await (opened?.body.toArray() ?? [])));
    }
  });
  afterAll(async () => {
    await Promise.all([aws.stop(), smtp.stop()]);
  });

  async function bucketOf(content: ReadonlyMap<string, Buffer>) {
    buckets += 1;
    const bucket = `killed-${buckets}`;
    await anotherClient().send(new CreateBucketCommand({ Bucket: bucket }));
    const store = createS3Store({ bucket });
    for (const [key, bytes] of content) await store.write(key, bytes as never);
    return { bucket, store };
  }

  /** A world that ends with the last of so many effects, for whoever asks it anything. */
  function endingAfter(effects: number, store: ArchiveStore) {
    let done = 0;
    const alive = () => {
      if (done >= effects) throw new Error('killed');
    };
    const effect =
      <A extends unknown[], T>(act: (...given: A) => Promise<T>) =>
      async (...given: A): Promise<T> => {
        alive();
        done += 1;
        return act(...given);
      };
    const looking =
      <A extends unknown[], T>(look: (...given: A) => Promise<T>) =>
      async (...given: A): Promise<T> => {
        alive();
        return look(...given);
      };
    const mortal: ArchiveStore = {
      ...store,
      async *list(...given) {
        alive();
        yield* store.list(...given);
      },
      folders: looking(store.folders),
      open: looking(store.open),
      openRange: looking(store.openRange),
      readText: looking(store.readText),
      create: effect(store.create),
      write: effect(store.write),
      delete: effect(store.delete),
    };
    const real = createSmtp({ url: smtp.url, from: 'g@example.com', to: ['op@example.com'] });
    const mailbox = createMailbox({
      store: mortal,
      smtp: { ...real, send: effect(real.send) },
      receivers: {},
      now: () => new Date(),
      warn: () => {},
    });
    return { store: mortal, mailbox };
  }

  /** Kills runs after so many effects, one after the other; then come whole ones: some minutes, an hour and a night after. */
  async function play(kills: readonly number[]) {
    const { bucket, store } = await bucketOf(texts);
    const settings = { keepWeekly: 0, keepMonthly: 0, keepYearly: 0, sources: 'well,harmed' };
    const guarding = startGuarding({ store, bucket, smtp, settings });
    const before = smtp.mails.length;
    const times = [...kills.keys(), kills.length, kills.length + 4, kills.length + 75];
    for (const at of times) {
      const ending = endingAfter(kills[at] ?? Number.POSITIVE_INFINITY, store);
      const now = () => new Date(began + at * 20 * 60_000);
      await guarding.run({ ...ending, now }).catch((error: Error) => expect(error.message).toBe('killed'));
    }
    const keys = (await Array.fromAsync(store.list(''))).map(({ key }) => key);
    const left = keys.filter((key) => /^(archives|verdicts|base)/.test(key));
    const verdicts = left
      .filter((key) => key.startsWith('verdicts/'))
      .map(async (key) => {
        const text = (await store.readText(key))?.text ?? '';
        return [key, JSON.parse(text).verdict];
      });
    const mails = smtp.mails.slice(before);
    // Which of a source's faults is its hour's first, and how many are told together, is a matter of time.
    const kinds = mails.map(({ subject }) => subject.replace(/\d.*/, ''));
    const about = [...faulty].filter((id) =>
      mails.some((mail) => `${mail.subject} ${mail.text}`.includes(id)),
    );
    return { told: new Set([...kinds, ...about]), left, verdicts: await Promise.all(verdicts) };
  }

  it(
    'has told, judged and deleted in the end what one that was let alone has',
    async () => {
      const whole = await play([]);
      expect([...whole.told]).toEqual(
        expect.arrayContaining([
          ...faulty,
          '[offsite] DAMAGED base backup: based-',
          '[offsite] LOST archive, deleted: well-',
        ]),
      );
      expect(whole.left.filter((key) => key.includes('/well/')).length).toBeLessThan(
        [...texts.keys()].filter((key) => key.includes('/well/')).length,
      );
      // Each comes a little further than the one before; or each stands alone.
      const further = Array.from({ length: 4 }, (_, index) => 5 + index * 10);
      const alone = Array.from({ length: 60 }, (_, effects) => [effects]);
      for (const kills of isLong ? alone : [further]) {
        const { told, ...rest } = await play(kills);
        expect([...whole.told].filter((subject) => !told.has(subject))).toEqual([]);
        expect(rest).toEqual({ left: whole.left, verdicts: whole.verdicts });
      }
    },
    oftenWithinMs,
  );
});
