// A duration as a person types it, for flags.

import { OffsiteError } from './errors.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** setTimeout's own limit; a longer one would fire at once. */
const longestMs = 2 ** 31 - 1;

/**
 * Reads a duration.
 *
 * @param text - `90s`, `15m`, `1.5h`, `500ms`; `0` stays zero.
 * @param flag - Whose value it is, for the error.
 * @returns Milliseconds.
 * @throws {@link OffsiteError} `USAGE` if it is of another form: `15` alone could be seconds or minutes.
 */
export function parseDuration(text: string, flag: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)$/.exec(text.trim()) ?? [];
  const durationMs = text.trim() === '0' ? 0 : Number(number || Number.NaN) * (unitMs[unit] ?? Number.NaN);
  if (durationMs <= longestMs) return durationMs;
  throw new OffsiteError('USAGE', `${flag} is not a duration`, {
    expected: 'a number and its unit, up to 596h: 90s, 15m, 1h; 0 for never',
    found: `'${text}'`,
    hint: `say for example ${flag} 15m`,
  });
}
