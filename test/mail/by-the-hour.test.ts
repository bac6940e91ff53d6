// Many faults of a source within an hour are one mail: the flood of a stolen key is played with the real handlers over a
// real store and topic, and the archive of that night has its verdict all the same.

import type { Context } from 'aws-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { handler as report } from '../../lambda/report.ts';
import { handler as verify } from '../../lambda/verify.ts';
import { handler as watch } from '../../lambda/watch.ts';
import { archiveIdAt, archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { findUntold, tellByTheHour } from '../../lib/mail/by-the-hour.ts';
import { composeMail, type Mail } from '../../lib/mail/mail.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveOf, smallDump } from '../fixtures/archives.ts';
import { setHandlerSettings } from '../fixtures/handler-settings.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';
import { often } from '../fixtures/often.ts';

let aws: LocalAws;
let store: ArchiveStore;
let count = 0;
let source: string;
let mails: Mail[];

const context = { awsRequestId: 'r', functionName: 'f' } as Context;
const mail = composeMail('[offsite] x', ['x']);
const at = (time: string) => new Date(`2026-11-22T${time}Z`);

beforeAll(async () => {
  aws = await startLocalAws();
  store = aws.store;
  setHandlerSettings(aws.bucket, aws.topicArn);
});
beforeEach(() => {
  count += 1;
  source = `case${count}`;
  mails = [];
});
afterAll(() => aws.stop());

const teller = (now: Date, sendMail = async (one: Mail) => void mails.push(one)) => ({
  store,
  sendMail,
  now,
});
const tell = (archive: string, now: Date, what = 'damaged') =>
  tellByTheHour(teller(now), { source, archive, what }, mail);
const untold = (now: Date) => findUntold(store, source, now);

it('tells of the first at once, of the others when the hour is over, once, and counts exactly', async () => {
  await tell('a', at('03:10:00'));
  expect(await untold(at('04:00:00'))).toEqual([]);
  const others = Array.from({ length: 11 }, (_, index) => `b${index}`);
  await Promise.all(others.map((archive) => tell(archive, at('03:59:59'), 'not verified')));
  // Events come twice.
  await tell('b3', at('03:59:59'), 'not verified');
  expect(mails).toHaveLength(1);
  expect(await untold(at('03:59:59'))).toEqual([]);
  const [hour, ...more] = await untold(at('04:00:00'));
  expect(more).toEqual([]);
  expect(hour).toMatchObject({ source, hour: at('03:00:00') });
  expect(hour?.faults.map(({ archive }) => archive).sort()).toEqual(['a', ...others].sort());
  expect(hour?.faults.find(({ archive }) => archive === 'b3')?.what).toBe('not verified');
  await store.write(hour?.toldKey ?? '', '');
  expect(await untold(at('04:00:00'))).toEqual([]);
  // Written while somebody looked.
  await tell('late', at('03:59:59'));
  expect((await untold(at('05:00:00')))[0]?.faults).toHaveLength(13);
  await tell('next', at('05:00:00'));
  expect(mails).toHaveLength(2);
  // Whoever looks was off for days.
  expect(await untold(new Date(at('05:00:00').getTime() + 5 * 86_400_000))).toHaveLength(1);
});

it('sends again what could not be sent, and sends at once where the store does not answer', async () => {
  const fails = async () => {
    throw new Error('no');
  };
  const fault = { source, archive: 'a', what: 'damaged' };
  await expect(tellByTheHour(teller(at('03:10:00'), fails), fault, mail)).rejects.toThrow('no');
  await tell('b', at('03:11:00'));
  expect(mails).toHaveLength(0);
  await tell('a', at('03:12:00'));
  expect(mails).toHaveLength(1);
  await tellByTheHour({ ...teller(at('03:13:00')), store: { ...store, write: fails } }, fault, mail);
  expect(mails).toHaveLength(2);
});

it('loses and doubles none, whatever the order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ archive: fc.integer({ min: 0, max: 9 }), hour: fc.integer({ min: 1, max: 3 }) }), {
        minLength: 1,
        maxLength: 12,
      }),
      async (faults) => {
        count += 1;
        source = `case${count}`;
        mails = [];
        await Promise.all(faults.map(({ archive, hour }) => tell(`a${archive}`, at(`0${hour}:30:00`))));
        const wanted = new Map<number, Set<number>>();
        for (const { archive, hour } of faults)
          wanted.set(hour, new Set([...(wanted.get(hour) ?? []), archive]));
        expect(mails.length).toBeGreaterThanOrEqual(wanted.size);
        const told = await untold(at('09:00:00'));
        expect(told.map(({ faults }) => faults.length).sort()).toEqual(
          [...wanted.values()]
            .map(({ size }) => size)
            .filter((size) => size > 1)
            .sort(),
        );
      },
    ),
    { numRuns: often(8, 200) },
  );
});

it(
  'a thousand junk archives of a stolen key are at most five mails, and the real one of that night is verified',
  async () => {
    const junk = often(60, 1000);
    const event = (key: string) => ({
      version: '0',
      'detail-type': 'Object Created',
      source: 'aws.s3',
      detail: { bucket: { name: aws.bucket }, object: { key, size: 1, etag: 'x' } },
    });
    const record = (key: string) => ({
      messageId: key,
      receiptHandle: key,
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:committed',
      attributes: { ApproximateReceiveCount: '1' },
      body: JSON.stringify(event(key)),
    });
    const night = Date.parse('2026-11-22T03:00:00Z');
    const real = await archiveOf(store, source, new Date(night), smallDump(20));
    const template = (await store.readText(archiveKeys(parseArchiveId(real.id)).manifest))?.text ?? '';
    // Half have a manifest of another archive's bytes, half are no manifests at all.
    const keys = Array.from({ length: junk }, (_, index) => {
      const id = archiveIdAt(source, new Date(night + (index + 1) * 1000));
      const text = index % 2 === 0 ? template.replaceAll(real.id, id.id) : 'junk';
      return { key: archiveKeys(id).manifest, archive: archiveKeys(id).archive, text };
    });
    const each = async <T>(items: readonly T[], act: (item: T) => Promise<unknown>) => {
      const waiting = items.values();
      await Promise.all(
        Array.from({ length: 2 }, async () => {
          for (const item of waiting) await act(item);
        }),
      );
    };
    await each(keys, async ({ key, archive, text }) => {
      await Promise.all([store.write(key, text), store.write(archive, 'junk')]);
    });
    const mailsBefore = (await aws.mails()).length;

    // The real one comes last, and two work at a time.
    const failed: string[] = [];
    await each(
      [...keys.map(({ key }) => key), archiveKeys(parseArchiveId(real.id)).manifest],
      async (key) => {
        const answer = await verify({ Records: [record(key)] }, context);
        expect(answer).toEqual({ batchItemFailures: expect.any(Array) });
        if ('batchItemFailures' in answer && answer.batchItemFailures.length > 0) failed.push(key);
      },
    );
    expect(failed.sort()).toEqual(
      keys
        .filter(({ text }) => text === 'junk')
        .map(({ key }) => key)
        .sort(),
    );
    for (let index = 0; index < failed.length; index += 10) {
      const Records = failed.slice(index, index + 10).map(record);
      expect(await report({ Records }, context)).toEqual({ batchItemFailures: [] });
    }
    const verdict = await store.readText(archiveKeys(parseArchiveId(real.id)).verdict);
    expect(JSON.parse(verdict?.text ?? '{}')).toMatchObject({ verdict: 'intact' });

    // When the hour is over; the clock of `watch` is the machine's.
    for await (const { key } of store.list(`watch/faults/${source}/`)) {
      const before = key.replace(
        /\d{4}-\d\d-\d\dT\d\d/,
        new Date(Date.now() - 3_600_000).toISOString().slice(0, 13),
      );
      await store.write(before, (await store.readText(key))?.text ?? '');
      await store.delete(key);
    }
    await watch({}, context);
    await watch({}, context);
    const subjects = (await aws.mails()).slice(mailsBefore).map(({ subject }) => subject);
    expect(subjects.length).toBeLessThanOrEqual(5);
    const summary = subjects.filter((subject) => subject.includes(' archives of '));
    expect(summary).toEqual([
      expect.stringContaining(`[offsite] ${junk.toLocaleString('en')} archives of ${source}`),
    ]);
    expect(summary[0]).toContain(`${junk / 2} not verified`);
  },
  often(600_000, 3_600_000),
);
