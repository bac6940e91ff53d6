// Durations as people type them: one that could mean two things is refused.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCount, parseDuration } from '../../lib/base/quantities.ts';

describe('a duration that is typed', () => {
  it.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['15 min', 900_000],
    ['1.5h', 5_400_000],
    ['500ms', 500],
    ['0', 0],
    ['0s', 0],
  ])('%s is %i ms', (text, durationMs) => expect(parseDuration(text, '--x')).toBe(durationMs));

  it.each(['', '15', '-1s', '15 days', 'm', '1e3s', '600h', 'Infinityh'])('%j is refused', (text) => {
    expect(() => parseDuration(text, '--stall-timeout')).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: 'say for example --stall-timeout 15m' }),
    );
  });
});

it('a count reads as English has it', () => {
  fc.assert(fc.property(fc.integer(), (count) => formatCount(count) === count.toLocaleString('en-US')));
});
