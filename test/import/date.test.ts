import { describe, expect, it } from 'vitest';
import { dateOfName, parseInstant } from '../../lib/import/date.ts';

describe('the date in a name', () => {
  it.each([
    ['bitagent-2026-11-08.sql.gz', 'UTC', '2026-11-08T00:00:00Z'],
    ['bitagent-2026-11-08-0315.sql.gz', 'UTC', '2026-11-08T03:15:00Z'],
    ['bitagent-2026-11-08-0315.sql.gz', 'Europe/Berlin', '2026-11-08T02:15:00Z'],
    ['bitagent-2026-07-08-0315.sql.gz', 'Europe/Berlin', '2026-07-08T01:15:00Z'],
    ['bitagent-2026-07-08.sql.gz', 'America/New_York', '2026-07-08T04:00:00Z'],
    ['bitagent-2026-07-08-0015.sql.gz', 'Asia/Kolkata', '2026-07-07T18:45:00Z'],
    // As fetch names what it brings.
    ['bitagent-2026-11-08-031500Z.sql.gz', 'Europe/Berlin', '2026-11-08T03:15:00Z'],
    ['db_1-2-2026-11-08-031507.gz', 'UTC', '2026-11-08T03:15:07Z'],
    ['2024-02-29.sql.gz', 'UTC', '2024-02-29T00:00:00Z'],
    // Other scripts' ways.
    ['bitagent-20261108.sql.gz', 'UTC', '2026-11-08T00:00:00Z'],
    ['bitagent_20261108_0315.sql', 'UTC', '2026-11-08T03:15:00Z'],
    ['20261108031507-bitagent.dump', 'UTC', '2026-11-08T03:15:07Z'],
    ['2026-11-08T03:15:07.sql.gz', 'Europe/Berlin', '2026-11-08T02:15:07Z'],
    ['pg15.4 2026.11.08 03.15 (bitagent).sql.gz', 'UTC', '2026-11-08T03:15:00Z'],
    ['bitagent-2026-11-08-0315-copy.sql.gz', 'UTC', '2026-11-08T03:15:00Z'],
    ['2026-11-08_03h15-v1.2.sql.gz', 'UTC', '2026-11-08T03:15:00Z'],
    ['bitagent_2026-11-08_03h15m.Sunday.sql.gz', 'UTC', '2026-11-08T03:15:00Z'],
    ['2026-11-08_03h15m07s.sql.gz', 'UTC', '2026-11-08T03:15:07Z'],
    ['bitagent-2026-11-08T03:15:07.123Z.sql.gz', 'Europe/Berlin', '2026-11-08T03:15:07Z'],
    // It says itself whose time it is.
    ['bitagent-2026-11-08T03:15:00+01:00.sql.gz', 'UTC', '2026-11-08T02:15:00Z'],
    ['bitagent-2026-11-08T03:15:00-05:30.sql.gz', 'UTC', '2026-11-08T08:45:00Z'],
    ['bitagent-20261108T031500+0100.sql.gz', 'UTC', '2026-11-08T02:15:00Z'],
    ['bitagent-2026-11-08_03-15-00_UTC.sql.gz', 'Europe/Berlin', '2026-11-08T03:15:00Z'],
    ['bitagent-2026-11-08-0315gmt.sql.gz', 'Europe/Berlin', '2026-11-08T03:15:00Z'],
    // The clocks leave out 02:00 to 03:00, and show it twice in autumn.
    ['x-2026-03-29-0230.sql.gz', 'Europe/Berlin', '2026-03-29T01:30:00Z'],
    ['x-2026-10-25-0230.sql.gz', 'Europe/Berlin', expect.stringMatching(/^2026-10-25T0[01]:30:00Z$/)],
  ])('%s in %s', (name, zone, instant) => {
    expect(dateOfName(name, zone)?.toISOString().replace('.000', '')).toEqual(instant);
  });

  it.each([
    'bitagent.sql.gz',
    'bitagent-2026-02-30.sql.gz',
    'bitagent-2026-13-01.sql.gz',
    'bitagent-2026-11-08-2460.sql.gz',
    'bitagent-2026-11-08-03.sql.gz',
    'bitagent-12026-11-08.sql.gz',
    'bitagent-20260230.sql.gz',
    // Part of a time would be lost.
    'bitagent-2026-11-08__0315.sql.gz',
    'bitagent-2026-11-08-at-03:15.sql.gz',
    'bitagent-2026-11-08-0315pm.sql.gz',
    'bitagent-2026-11-08-0315-0100.sql.gz',
    'bitagent-2026-11-08-0315UTC2.sql.gz',
    'bitagent-2026-11-07-2026-11-08.sql.gz',
    'bitagent-1762571700.sql.gz',
  ])('%s has none', (name) => {
    expect(dateOfName(name, 'UTC')).toBeUndefined();
  });
});

describe('a date that is given', () => {
  it.each([
    ['2026-11-08T03:15+01:00', '2026-11-08T02:15:00.000Z'],
    ['2026-11-08T03:15:30Z', '2026-11-08T03:15:30.000Z'],
    ['2026-11-08T03:15:30-05:30', '2026-11-08T08:45:30.000Z'],
  ])('%s', (text, instant) => {
    expect(parseInstant(text).toISOString()).toBe(instant);
  });

  it.each([
    '2026-11-08T03:15',
    '2026-11-08',
    '2026-11-08 03:15+01:00',
    '2026-02-30T03:15Z',
    '2026-11-08T25:15Z',
    'now',
  ])('%s is refused', (text) => {
    expect(() => parseInstant(text)).toThrow(expect.objectContaining({ code: 'USAGE', exitCode: 2 }));
  });
});
