// What a running back-up shows, at every size and speed: always one line that an 80-column terminal does not break.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatClock, logLine, Pace, type Reading, terminalLine } from '../../lib/backup/progress.ts';

const gib = 1024 ** 3;
const half: Reading = {
  elapsedMs: 58_400,
  plainBytes: 1.25 * gib,
  bytesPerSecond: 20 * 1024 ** 2,
  expectedPlainBytes: 4.5 * gib,
};

describe('the line on a terminal', () => {
  it('has share, bytes, rate, elapsed and the expected rest', () => {
    expect(terminalLine(half)).toBe(
      '[###.......]  27 %    1.3 GiB of ~4.5 GiB  20.0 MiB/s     0:58  ~2:46 left',
    );
  });

  it('says no share and no rest where nothing is known, or more came than was expected', () => {
    const { expectedPlainBytes: _, ...unknown } = half;
    expect(terminalLine(unknown)).toBe(' 1.3 GiB dumped  20.0 MiB/s     0:58');
    expect(terminalLine({ ...half, expectedPlainBytes: gib })).toBe(
      ' 1.3 GiB dumped, about 1.0 GiB expected  20.0 MiB/s     0:58',
    );
  });

  it('says what it waits for', () => {
    expect(terminalLine({ ...half, plainBytes: 0, bytesPerSecond: 0 })).toBe(
      'waiting for the first byte of the dump     0:58',
    );
    expect(terminalLine({ ...half, dumpEnded: true })).toBe(
      '1.3 GiB dumped, storing the last of it     0:58',
    );
  });

  it('has no rest while nothing comes', () => {
    expect(terminalLine({ ...half, bytesPerSecond: 0 })).toMatch(/ 0 B\/s +0:58$/);
  });

  it('is shorter than the terminal is wide, whatever the figures are', () => {
    const bytes = fc.integer({ min: 0, max: 2 ** 50 });
    const readings = fc.record({
      elapsedMs: fc.integer({ min: 0, max: 100 * 3_600_000 }),
      plainBytes: bytes,
      bytesPerSecond: fc.double({ min: 0, max: 2 ** 40, noNaN: true }),
      expectedPlainBytes: fc.option(bytes, { nil: undefined }),
      dumpEnded: fc.boolean(),
    });
    fc.assert(
      fc.property(readings, fc.integer({ min: 20, max: 300 }), (reading, columns) => {
        expect(terminalLine(reading, columns).length).toBeLessThan(columns);
        expect(terminalLine(reading) + logLine('x', reading)).not.toMatch(/NaN|Infinity|undefined|\n/);
      }),
    );
  });

  it('fits 80 columns uncut for everything up to 1023 GiB in 99 hours', () => {
    const widest = {
      elapsedMs: 99 * 3_600_000,
      plainBytes: 1000 * 1024 ** 2,
      bytesPerSecond: 6100,
      expectedPlainBytes: 1023 * 1024 ** 2,
    };
    expect(terminalLine(widest)).toBe(terminalLine(widest, 300));
    expect(terminalLine(widest)).toMatch(/ left$/);
  });
});

describe('the line in a log', () => {
  it('stands for itself', () => {
    expect(logLine('bitagent', half)).toBe(
      'bitagent: 1.3 GiB of about 4.5 GiB (27 %), 20.0 MiB/s, 58.4 s, about 2 min 46 s left',
    );
    expect(logLine('bitagent', { ...half, expectedPlainBytes: gib })).toBe(
      'bitagent: 1.3 GiB of about 1.0 GiB, 20.0 MiB/s, 58.4 s',
    );
    expect(logLine('bitagent', { ...half, plainBytes: 0 })).toBe(
      'bitagent: waiting for the first byte of the dump, 58.4 s',
    );
    expect(logLine('bitagent', { ...half, dumpEnded: true })).toBe(
      'bitagent: 1.3 GiB dumped, storing the last of it, 58.4 s',
    );
  });
});

describe('the pace', () => {
  it('is that of the last while: a stall shows, and the wait for the first byte does not count', () => {
    const pace = new Pace(10_000);
    expect(pace.bytesPerSecond).toBe(0);
    pace.push(60_000, 0);
    expect(pace.bytesPerSecond).toBe(0);
    for (let second = 61; second <= 75; second += 1) {
      pace.push(second * 1000, (second - 60) * 500);
      expect(pace.bytesPerSecond).toBe(500);
    }
    for (let second = 76; second <= 86; second += 1) pace.push(second * 1000, 7500);
    expect(pace.bytesPerSecond).toBe(0);
  });

  it('is the mean when readings are further apart than the window', () => {
    const pace = new Pace(10_000);
    pace.push(60_000, 6000);
    expect(pace.bytesPerSecond).toBe(100);
    pace.push(120_000, 18_000);
    expect(pace.bytesPerSecond).toBe(200);
  });
});

describe('durations', () => {
  it.each([
    [0, '0:00'],
    [58_999, '0:58'],
    [3_723_000, '1:02:03'],
  ])('%i ms are %s on the clock', (durationMs, text) => expect(formatClock(durationMs)).toBe(text));
});
