// How quantities look to a person, and how one types them. Inside, everything is bytes, milliseconds and UTC.

import { OffsiteError } from './errors.ts';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1536` → `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** `20012` → `20,012`. */
export function formatCount(count: number): string {
  // Not by Intl, which takes longer to wake than most commands run.
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 table`, `1,204 tables`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `95000` → `1 min 35 s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 60_000) return `${(durationMs / 1000).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The time between two instants as a person says it: `3 h`, `2 days`. */
export function formatAge(from: Date, to: Date): string {
  return formatHours((to.getTime() - from.getTime()) / 3_600_000);
}

/** `26.2` → `26 h`, `80` → `3.3 days`. */
export function formatHours(hours: number): string {
  if (hours < 0) return 'in the future';
  if (hours < 1) return `${Math.round(hours * 60)} min`;
  if (hours < 48) return `${hours.toFixed(hours < 10 ? 1 : 0)} h`;
  return `${(hours / 24).toFixed(1)} days`;
}

/** `2026-11-23 03:15 UTC` */
export function formatInstant(instant: Date): string {
  return `${instant.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** Hours between two instants; negative when `to` is earlier. */
export function hoursBetween(from: Date, to: Date): number {
  return (to.getTime() - from.getTime()) / 3_600_000;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** setTimeout's own limit; a longer one would fire at once. */
const longestMs = 2 ** 31 - 1;

/**
 * Reads a duration as a person types it, for flags.
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
