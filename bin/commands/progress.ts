// How what takes long is drawn: on a terminal one line that is rewritten, elsewhere a line a minute.

import { dumpWords, logLine, Pace, type Reading, terminalLine } from '../../lib/backup/progress.ts';
import { tell } from './print.ts';

const redrawMs = 500;
const logMs = 60_000;

export type ProgressDisplay = {
  update(plainBytes: number): void;
  /** How many may come; may be told at any time. */
  expect(plainBytes: number | undefined): void;
  dumpEnded(): void;
  /** Says something aloud in between. */
  interject(said: string): void;
  /** Takes the line away. Idempotent. */
  clear(): void;
};

/** Shows nothing. */
export const noProgress: ProgressDisplay = {
  update: () => undefined,
  expect: () => undefined,
  dumpEnded: () => undefined,
  interject: () => undefined,
  clear: () => undefined,
};

/** Shows how a back-up, or what else the words say, goes on, on stderr, until it is cleared. */
export function showProgress(source: string, words = dumpWords): ProgressDisplay {
  const began = performance.now();
  // A dumb one rewrites no line.
  const terminal = process.stderr.isTTY && process.env.TERM !== 'dumb';
  const pace = new Pace();
  let plainBytes = 0;
  let expectedPlainBytes: number | undefined;
  let dumpEnded = false;
  let drawn = false;
  // By a timer, not by the bytes: it must go on when nothing comes.
  const timer = setInterval(draw, terminal ? redrawMs : logMs).unref();

  function draw(): void {
    const elapsedMs = performance.now() - began;
    pace.push(elapsedMs, plainBytes);
    const { bytesPerSecond } = pace;
    const reading: Reading = { elapsedMs, plainBytes, bytesPerSecond, expectedPlainBytes, dumpEnded };
    if (terminal)
      process.stderr.write(`\r\x1b[K${terminalLine(reading, process.stderr.columns || 80, words)}`);
    else process.stderr.write(`offsite: ${logLine(source, reading, words)}\n`);
    drawn = true;
  }

  function erase(): void {
    if (terminal && drawn) process.stderr.write('\r\x1b[K');
    drawn = false;
  }

  return {
    update(bytes) {
      plainBytes = bytes;
    },
    expect(bytes) {
      expectedPlainBytes = bytes;
    },
    dumpEnded() {
      dumpEnded = true;
    },
    interject(said) {
      erase();
      tell(`offsite: ${said}`);
    },
    clear() {
      clearInterval(timer);
      erase();
    },
  };
}
