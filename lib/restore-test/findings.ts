// What a restore test is about, and what it knows so far.

import { availableParallelism } from 'node:os';
import type { Manifest } from '../archive/manifest.ts';
import type { ArchiveId } from '../archive/names.ts';
import { freeBytesOf } from '../base/free-bytes.ts';
import { formatDuration } from '../base/quantities.ts';
import type { RestoreReport, RestoreStage, StageName } from '../report/report.ts';
import type { IntactVerdict } from './judged-archive.ts';

/** What is tested, as its manifest and verdict say. */
export type Subject = {
  readonly id: ArchiveId;
  readonly manifest: Manifest;
  readonly verdict: IntactVerdict;
};

/** A failure reports as much of it as there is. */
export type Findings = {
  -readonly [Key in
    | 'archive'
    | 'serverVersion'
    | 'torrents'
    | 'restoration'
    | 'resources'
    | 'lacks'
    | 'skipped']?: RestoreReport[Key];
} & {
  comparisons: RestoreReport['comparisons'];
  checks: RestoreReport['checks'];
};

/** Takes down when each stage began and how long it took, also of those that feed each other. */
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

const lookEveryMs = 2000;

type ResourcesUsed = NonNullable<RestoreReport['resources']>;

/**
 * Looks at a disk every two seconds.
 *
 * @param directory - On that disk; `undefined` where it is not to be seen.
 * @returns A function that ends the watch and says what was seen.
 */
export async function watchResources(directory: string | undefined): Promise<() => Promise<ResourcesUsed>> {
  if (directory === undefined) return async () => ownUse();
  const before = await freeBytesOf(directory);
  let leastFree = before;
  const look = async () => {
    // The directory may be gone by now; then what was seen counts.
    leastFree = Math.min(leastFree, await freeBytesOf(directory).catch(() => before));
  };
  const timer = setInterval(() => void look(), lookEveryMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await look();
    return { ...ownUse(), peakDiskBytes: before - leastFree, diskBytes: before };
  };
}

function ownUse(): ResourcesUsed {
  return { peakMemoryBytes: process.resourceUsage().maxRSS * 1024, cpus: availableParallelism() };
}
