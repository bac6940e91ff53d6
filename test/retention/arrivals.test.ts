// What a stolen key of a host can do, and that it is told: once, exactly, and in few mails however much of it there is.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveIdAt, archiveKeys, parseKey } from '../../lib/archive/names.ts';
import type { Mail } from '../../lib/mail/mail.ts';
import { tellNews } from '../../lib/mail/tell-once.ts';
import {
  type Arrived,
  arrivalsMail,
  arrivalsStateSchema,
  lookAtArrivals,
  newsOf,
} from '../../lib/retention/arrivals.ts';
import { watchArrivals } from '../../lib/retention/watch-arrivals.ts';
import { type LocalAws, startLocalAws } from '../fixtures/local-aws.ts';

const now = new Date('2026-11-24T12:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);
const gb = 1e9;

/** Archive and manifest, as a night leaves them. */
function backup(hours: number, bytes = 2 * gb, datedHours = hours): Arrived[] {
  const { archive, manifest } = archiveKeys(archiveIdAt('bitagent', hoursAgo(datedHours)));
  const storedAt = hoursAgo(hours);
  return [
    { key: archive, bytes, storedAt },
    { key: manifest, bytes: 1000, storedAt: hoursAgo(hours - 3) },
  ];
}
const nights = Array.from({ length: 14 }, (_, night) => backup(9 + 24 * night)).flat();

function look(objects: readonly Arrived[], clockIds: string[] = []) {
  const arrivals = lookAtArrivals(parseKey, new Set(clockIds), now);
  for (const object of objects) arrivals.add(object);
  return arrivals.found();
}
const nothing = arrivalsStateSchema.parse({});

describe('strange are', () => {
  it('no nights as they should be, nor a few back-ups more, nor the first ones of all', () => {
    const quiet = { strange: [], strangeCount: 0, floods: [] };
    expect(look(nights)).toEqual(quiet);
    expect(look([...nights, ...backup(1), ...backup(2), ...backup(3)])).toEqual(quiet);
    expect(look([...backup(1, 900 * gb), ...backup(2, 900 * gb)])).toEqual(quiet);
  });

  it.each([
    'archives/bitagent/anything',
    'archives/bitagent/bitagent-abcd-ef-gh-ijklmnZ.sql.gz',
    'archives/bitagent/bitagent-2026-02-30-000000Z.sql.gz',
    'archives/bitagent/attic-2026-11-24-000000Z.sql.gz',
    'archives/at-no-source',
  ])('%s, which nobody lists or expires', (key) => {
    const object = { key, bytes: 1, storedAt: hoursAgo(1) };
    expect(look([...nights, object]).strange).toEqual([{ ...object, why: 'foreign name' }]);
  });

  it.each([
    [-2, 'ahead'],
    [3, 'behind'],
  ])('an archive that is dated hours from when it was stored (%i, %s)', (hours) => {
    const [archive] = backup(0.5, gb, hours);
    expect(look([...nights, ...backup(0.5, gb, hours)]).strange).toEqual([
      { ...archive, why: 'another date' },
    ]);
    const { id } = archiveIdAt('bitagent', hoursAgo(hours));
    expect(look(backup(0.5, gb, hours), [id]).strangeCount).toBe(0);
  });

  it.each([
    ['bytes', Array.from({ length: 5 }, (_, index) => backup(1 + index / 60)).flat()],
    ['archives', Array.from({ length: 49 }, (_, index) => backup(1 + index / 60, 10)).flat()],
  ])('far more %s than a night brings', (_, more) => {
    const [flood, ...others] = look([...nights, ...more]).floods;
    expect(others).toEqual([]);
    expect(flood).toMatchObject({ source: 'bitagent', archives: more.length / 2 + 1, usualBytes: 2 * gb });
  });
});

describe('told is', () => {
  const strange = (count: number): Arrived[] =>
    Array.from({ length: count }, (_, index) => ({ key: `archives/x${index}`, bytes: 1, storedAt: now }));

  it('each object once, and a flood once while it lasts', () => {
    const first = newsOf(look([...nights, ...strange(2)]), nothing, now);
    expect(first.news?.strangeCount).toBe(2);
    const again = newsOf(look([...nights, ...strange(2)]), first.next, now);
    expect(again.news).toBeUndefined();
    expect(newsOf(look([...nights, ...strange(3)]), again.next, now).news?.strange).toMatchObject([
      { key: 'archives/x2' },
    ]);
    const flood = look([...nights, ...Array.from({ length: 60 }, (_, i) => backup(1 + i / 60)).flat()]);
    const told = newsOf(flood, again.next, now);
    expect(told.news?.floods).toHaveLength(1);
    expect(newsOf(flood, told.next, now).news).toBeUndefined();
    expect(newsOf(flood, newsOf(look(nights), told.next, now).next, now).news).toBeDefined();
  });

  it('a hundred thousand of them once a day, by their count', () => {
    const many = look(strange(100_000));
    const { news, next } = newsOf(many, nothing, now);
    expect(news?.strangeCount).toBe(100_000);
    expect(news && arrivalsMail(news).text).toContain('and 99970 more');
    expect(news && arrivalsMail(news).text.length).toBeLessThan(10_000);
    expect(JSON.stringify(next).length).toBeLessThan(100_000);
    const later = (hours: number) => newsOf(many, next, new Date(now.getTime() + hours * 3_600_000)).news;
    expect([later(23), later(24)?.strangeCount]).toEqual([undefined, 100_000]);
  });
});

describe('in a vault', () => {
  let aws: LocalAws;
  beforeAll(async () => {
    aws = await startLocalAws();
  });
  afterAll(() => aws.stop());

  it('is found by the listing, mailed once, and remembered', async () => {
    const store = aws.store;
    const mails: Mail[] = [];
    const watchNow = async () => {
      const { arrivals, ...news } = await watchArrivals({
        store,
        prefixes: ['archives/'],
        nameOf: parseKey,
        clockIds: new Set(),
        now: new Date(),
      });
      await tellNews([news], async (mail) => void mails.push(mail));
      return arrivals;
    };
    await store.write('archives/bitagent/bitagent-abcd-ef-gh-ijklmnZ.sql.gz', 'junk');
    await store.write(archiveKeys(archiveIdAt('bitagent', new Date())).archive, 'of now');
    expect((await watchNow()).strangeCount).toBe(1);
    expect((await watchNow()).strangeCount).toBe(1);
    expect(mails.map(({ subject }) => subject)).toEqual(['[offsite] NOT OF A BACK-UP: 1 strange object']);
    expect(mails[0]?.text).toContain('archives/bitagent/bitagent-abcd-ef-gh-ijklmnZ.sql.gz');
    expect(mails[0]?.faults).toEqual(['strangeArrivals']);
  });
});
