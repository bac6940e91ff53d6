// How a figure stands against the one before it, in words.

import { formatDuration } from '../base/quantities.ts';

/** How a figure has changed: `+4.1 %`, `unchanged`. */
export function describeChange(from: number, to: number): string {
  if (from === to) return 'unchanged';
  if (from === 0) return 'from none';
  const percent = ((to - from) / from) * 100;
  const digits = Math.abs(percent) < 10 ? 1 : 0;
  if (Math.abs(percent) < 0.05) return 'nearly unchanged';
  return `${percent > 0 ? '+' : '\u2212'}${Math.abs(percent).toFixed(digits)} %`;
}

/** A duration against an earlier one: `12.0 s longer`. */
export function describeDelay(from: number, to: number): string {
  const delta = to - from;
  if (Math.abs(delta) < Math.max(1, from * 0.005)) return 'as long as';
  return `${formatDuration(Math.abs(delta))} ${delta > 0 ? 'longer than' : 'shorter than'}`;
}
