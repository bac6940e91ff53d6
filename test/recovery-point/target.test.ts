import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newestOf } from '../../lib/recovery-point/epoch.ts';
import {
  formatMicros,
  parseInstant,
  parseTarget,
  targetSettings,
  walSizes,
} from '../../lib/recovery-point/target.ts';

describe('an instant', () => {
  it.each([
    ['2026-04-28T03:15:00Z', '2026-04-28 03:15:00+00'],
    ['2026-04-28T05:15:00+02:00', '2026-04-28 03:15:00+00'],
    ['2026-04-28 05:15+0200', '2026-04-28 03:15:00+00'],
    ['2026-04-27 22:15:00.5 -05', '2026-04-28 03:15:00.500000+00'],
    ['2026-04-28T03:15:00.000001Z', '2026-04-28 03:15:00.000001+00'],
  ])('%s is %s', (text, shown) => {
    expect(parseInstant(text).text).toBe(shown);
  });

  it.each([
    '2026-04-28T03:15:00',
    '2026-04-28',
    '03:15Z',
    'yesterday',
    '',
    '2026-02-30T00:00:00Z',
    '2026-04-28T25:00:00Z',
    '2026-04-28T03:15:00 CET',
    '2026-04-28T03:15:00.1234567Z',
  ])('is refused: %j', (text) => {
    expect(() => parseTarget({ toTime: text })).toThrow('cannot be used');
  });

  it('is read as it is written, to the microsecond', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 4_102_444_800_000_000n }), (micros) => {
        expect(parseInstant(formatMicros(micros)).micros).toBe(micros);
      }),
    );
  });
});

describe('a target', () => {
  it.each([
    [{ toLsn: '16/B374D848' }, { recovery_target_lsn: '16/B374D848' }],
    [{ toName: 'before the upgrade' }, { recovery_target_name: 'before the upgrade' }],
    [{ toXid: '735' }, { recovery_target_xid: '735' }],
    // To Postgres, as it stands, 477.
    [{ toXid: '0735' }, { recovery_target_xid: '735' }],
    [{ immediate: true }, { recovery_target: 'immediate' }],
    [{ toLatest: true }, {}],
    [{ toTime: '2026-04-28T03:15:00Z' }, { recovery_target_time: '2026-04-28 03:15:00+00' }],
  ])('%j is what Postgres is told', (flags, settings) => {
    const target = parseTarget(flags);
    const always = { recovery_target_timeline: '3', recovery_target_action: 'promote' };
    expect(target && targetSettings(target, 3)).toEqual({ ...settings, ...always });
  });

  it.each([
    { toLsn: 'x' },
    { toXid: '1; DROP' },
    { toName: '' },
    { toName: 'ü'.repeat(32) },
    { toXid: '1', toLatest: true },
  ])('%j is refused', (flags) => {
    expect(() => parseTarget(flags)).toThrow('cannot be used');
  });

  it('need not be named', () => {
    expect(parseTarget({})).toBeUndefined();
  });
});

it('takes of two transactions with the same lower 32 bits the one that was', () => {
  const epoch = 2n ** 32n;
  expect([newestOf(700n, 740n), newestOf(epoch + 700n, 740n)]).toEqual([700n, 700n]);
  expect(newestOf(700n, epoch + 740n)).toBe(epoch + 700n);
  expect(newestOf(4_294_967_000n, epoch + 740n)).toBe(4_294_967_000n);
});

it('leaves room for two segments of any length, without which Postgres does not start', () => {
  for (let mib = 1; mib <= 1024; mib *= 2) {
    for (const size of Object.values(walSizes(mib * 2 ** 20)))
      expect(Number.parseInt(size, 10)).toBeGreaterThanOrEqual(2 * mib);
  }
  // As they are by default.
  expect(walSizes(2 ** 24)).toEqual({ min_wal_size: '80MB', max_wal_size: '1024MB' });
});
