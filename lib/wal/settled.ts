// What of a log says something of gaps: segments go side by side, and what is stored just now may be before what is on its way.

import { hoursBetween } from '../base/quantities.ts';
import type { ListedWal } from './fold.ts';

/**
 * Side by side, a later segment is stored before an earlier one, and S3 dates an upload by its beginning: what was stored within
 * the last minutes says nothing yet.
 */
export const settledMinutes = 15;

/** Whether a file was stored long enough ago. */
export function isSettled({ storedAt }: ListedWal, now: Date): boolean {
  return hoursBetween(storedAt, now) * 60 >= settledMinutes;
}

/**
 * What of a listing is held against those who ship: what was stored long enough ago; and a segment that came late, before one that was: it
 * is there, and no gap.
 */
export class Settled<File extends ListedWal> {
  readonly #now: Date;
  #waiting: File[] = [];

  constructor(now: Date) {
    this.#now = now;
  }

  /** @param file - In the order of the names. @returns Those that are sure by now, in their order. */
  next(file: File): File[] {
    this.#waiting.push(file);
    if (file.kind !== 'segment' || !isSettled(file, this.#now)) return [];
    return this.#waiting
      .splice(0)
      .filter((one) => one.timeline === file.timeline || isSettled(one, this.#now));
  }

  /** @returns Those behind the last segment that is. */
  end(): File[] {
    return this.#waiting.splice(0).filter((one) => isSettled(one, this.#now));
  }
}
