// What a running back-up, or the reading of an archive, shows: one line on a terminal, a line a minute elsewhere. Times and
// bytes come in, text goes out; who draws, and when, is not known here.

import { formatBytes, formatDuration } from '../base/quantities.ts';

export type ProgressWords = {
  /** Before the first byte. */
  readonly waiting: string;
  /** What happens to the bytes, as it is said of those to which it has happened. */
  readonly done: string;
  /** What remains to be done after the last byte. */
  readonly ended: string;
};

export const dumpWords: ProgressWords = {
  waiting: 'waiting for the first byte of the dump',
  done: 'dumped',
  ended: 'storing the last of it',
};

/** Where a back-up stands. */
export type Reading = {
  readonly elapsedMs: number;
  readonly plainBytes: number;
  /** How fast the dump comes now; see {@link Pace}. */
  readonly bytesPerSecond: number;
  /** From the previous archive or the database's own figure; left out where nothing is known. */
  readonly expectedPlainBytes?: number | undefined;
  /** All of the dump came; the last parts and the manifest are on their way. */
  readonly dumpEnded?: boolean | undefined;
};

/** How fast something comes, over the last while: a stall shows, and the wait for the first byte does not count. */
export class Pace {
  readonly #windowMs: number;
  #readings: { readonly atMs: number; readonly bytes: number }[] = [{ atMs: 0, bytes: 0 }];

  constructor(windowMs = 30_000) {
    this.#windowMs = windowMs;
  }

  /** Takes a reading; they must come in the order of time. */
  push(atMs: number, bytes: number): void {
    // Before the first byte there is no pace.
    if (bytes === 0) this.#readings = [];
    this.#readings.push({ atMs, bytes });
    const from = atMs - this.#windowMs;
    while ((this.#readings[1]?.atMs ?? Number.POSITIVE_INFINITY) <= from) this.#readings.shift();
  }

  /** Bytes per second over the window; 0 before the second reading. */
  get bytesPerSecond(): number {
    const first = this.#readings[0];
    const last = this.#readings.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return ((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000;
  }
}

const barCells = 10;

/**
 * The line for a terminal.
 *
 * @param columns - The terminal's width; the line is always shorter, so that it can be rewritten.
 */
export function terminalLine(reading: Reading, columns = 80, words = dumpWords): string {
  const { elapsedMs, plainBytes, bytesPerSecond, expectedPlainBytes, dumpEnded } = reading;
  const clock = formatClock(elapsedMs).padStart(7);
  const rate = `${formatBytes(bytesPerSecond)}/s`.padStart(10);
  const bytes = formatBytes(plainBytes);
  let line: string;
  if (dumpEnded)
    line = `${fitted(`${bytes} ${words.done}, ${words.ended}`, columns - clock.length - 3)}  ${clock}`;
  else if (plainBytes === 0) line = `${words.waiting}  ${clock}`;
  else if (expectedPlainBytes === undefined) line = `${bytes.padStart(8)} ${words.done}  ${rate}  ${clock}`;
  else if (plainBytes > expectedPlainBytes) {
    line = `${bytes.padStart(8)} ${words.done}, about ${formatBytes(expectedPlainBytes)} expected  ${rate}  ${clock}`;
  } else {
    const share = plainBytes / expectedPlainBytes;
    const filled = '#'.repeat(Math.round(share * barCells)).padEnd(barCells, '.');
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    const amounts = `${bytes} of ~${formatBytes(expectedPlainBytes)}`.padStart(21);
    const left = rest(reading, formatClock);
    line = `[${filled}] ${percent}  ${amounts}  ${rate}  ${clock}${left && `  ~${left} left`}`;
  }
  return line.slice(0, Math.max(0, columns - 1));
}

function fitted(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}

/** The line for a log, complete in itself. */
export function logLine(source: string, reading: Reading, words = dumpWords): string {
  const { elapsedMs, plainBytes, bytesPerSecond, expectedPlainBytes, dumpEnded } = reading;
  const elapsed = formatDuration(elapsedMs);
  if (dumpEnded) return `${source}: ${formatBytes(plainBytes)} ${words.done}, ${words.ended}, ${elapsed}`;
  if (plainBytes === 0) return `${source}: ${words.waiting}, ${elapsed}`;
  const known = expectedPlainBytes !== undefined && plainBytes <= expectedPlainBytes;
  const share = known ? ` (${Math.floor((plainBytes / expectedPlainBytes) * 100)} %)` : '';
  const expected = expectedPlainBytes === undefined ? '' : ` of about ${formatBytes(expectedPlainBytes)}`;
  const left = known ? rest(reading, formatDuration) : '';
  return `${source}: ${formatBytes(plainBytes)}${expected}${share}, ${formatBytes(bytesPerSecond)}/s, ${elapsed}${left && `, about ${left} left`}`;
}

/** `58000` → `0:58`, `3723000` → `1:02:03`. */
export function formatClock(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1000);
  const two = (number: number) => String(number).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** The time that is left, or nothing where it is anybody's guess. */
function rest(reading: Reading, format: (durationMs: number) => string): string {
  const { plainBytes, expectedPlainBytes = 0, bytesPerSecond } = reading;
  if (bytesPerSecond < 1) return '';
  const leftMs = ((expectedPlainBytes - plainBytes) / bytesPerSecond) * 1000;
  // Above two days nobody plans by it, and the line would grow.
  return leftMs > 172_800_000 ? '' : format(leftMs);
}
