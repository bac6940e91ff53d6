// Quantities as an axis and a caption have them.

import { formatBytes } from '../base/quantities.ts';
import type { Quantity } from './plot.ts';

const dayMs = 86_400_000;
const thousands = ['', 'k', 'M', 'G'] as const;
const durationUnitsMs = [1, 1000, 60_000, 3_600_000] as const;

/** `1250000` → `1.25M`. */
export function shortCount(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < thousands.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))}${thousands[unit]}`;
}

/** `95000` → `1.6 min`. */
export function shortDuration(durationMs: number): string {
  if (durationMs === 0) return '0';
  if (durationMs < 1000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 60_000) return `${oneDigit(durationMs / 1000)} s`;
  if (durationMs < 3_600_000) return `${oneDigit(durationMs / 60_000)} min`;
  return `${oneDigit(durationMs / 3_600_000)} h`;
}

function oneDigit(value: number): number {
  return Number(value.toFixed(1));
}

/** `82000000` → `78.2 MiB`, and a round number without its point. */
function shortBytes(bytes: number): string {
  return bytes === 0 ? '0' : formatBytes(bytes).replace('.0 ', ' ');
}

export const counts: Quantity = { short: shortCount, unitFor: () => 1 };
export const bytes: Quantity = {
  short: shortBytes,
  unitFor: (largest) => 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(1, largest)) / 10)),
};
export const durations: Quantity = {
  short: shortDuration,
  unitFor: (largest) => durationUnitsMs.findLast((unit) => unit <= largest) ?? 1,
};

/** Whole steps of time for an axis of at most five. @returns Milliseconds, from 0 on. */
export function durationTicks(durationMs: number): number[] {
  const step =
    tickStepsMs.find((candidate) => durationMs / candidate <= 5) ?? Math.ceil(durationMs / 5 / dayMs) * dayMs;
  return Array.from({ length: Math.floor(durationMs / step) + 1 }, (_, index) => index * step);
}

const tickStepsMs = [
  ...[10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3_600_000),
];

/** A date as the span around it needs it: with its year, its day, or its hour. */
export function shortDate(date: Date, spanMs: number): string {
  const format =
    spanMs > 300 * dayMs ? dateFormats.month : spanMs >= dayMs ? dateFormats.day : dateFormats.hour;
  return format.format(date);
}

// Made once: that takes a hundred times as long as to use one, and a page has some hundred dates.
const dateFormats = {
  month: dateFormat({ month: 'short', year: 'numeric' }),
  day: dateFormat({ day: 'numeric', month: 'short' }),
  hour: dateFormat({ hour: '2-digit', minute: '2-digit' }),
} as const;

function dateFormat(parts: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', { ...parts, timeZone: 'UTC' });
}

/** `23 November 2026, 05:00 UTC` */
export function longDate(date: Date): string {
  const day = date.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
  return `${day}, ${date.toISOString().slice(11, 16)} UTC`;
}
