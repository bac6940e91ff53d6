// The clock of a restore test: when each stage began and how long it took, also of those that feed each other.

import { formatDuration } from '../base/quantities.ts';
import type { RestoreStage, StageName } from '../report/report.ts';

/** Takes down stages. */
export class Stages {
  readonly list: RestoreStage[] = [];
  readonly #startedAt: Date;
  readonly #now: () => Date;
  readonly #log: (line: string) => void;

  constructor(startedAt: Date, now: () => Date, log: (line: string) => void) {
    this.#startedAt = startedAt;
    this.#now = now;
    this.#log = log;
  }

  /** Runs something as a stage of its own; a failure is a stage's end, too. */
  async measure<T>(stage: StageName, run: () => Promise<T>): Promise<T> {
    const began = this.#now();
    try {
      return await run();
    } finally {
      this.add(stage, began, this.#now());
    }
  }

  add(stage: StageName, from: Date, to: Date, more: Pick<RestoreStage, 'bytes'> = {}): void {
    const durationMs = to.getTime() - from.getTime();
    this.list.push({ stage, startMs: from.getTime() - this.#startedAt.getTime(), durationMs, ...more });
    this.#log(`restore-test: ${stage} took ${formatDuration(durationMs)}`);
  }
}
