// What lib-storage makes its parts of: the stream, in pieces of a part's length, in one buffer that is used again.

import { crc32 } from 'node:zlib';
import { archiveOutgrown, type PartPlan } from './part-size.ts';
import type { Provider } from './provider.ts';

/** Counts a stream while it is cut. */
export class PartSource {
  readonly #plan: PartPlan;
  readonly #limits: Provider['parts'];
  /** Of the stream so far, as its source gave it. */
  bytes = 0;
  crc32 = 0;

  constructor(plan: PartPlan, limits: Provider['parts']) {
    this.#plan = plan;
    this.#limits = limits;
  }

  /**
   * Cuts a stream: a single byte, then pieces of a part's length, then what is left.
   *
   * @returns Pieces that are gone once the next is asked for. lib-storage gives a part on when a byte follows it, so
   *   that single byte makes it copy each piece as soon as it comes, once, and need it no more.
   * @throws {@link ArchiveTooLargeError} At the first byte too many, before any part with it is given.
   */
  async *cut(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(1 + this.#plan.partBytes);
    let [from, to, filled] = [0, 1, 0];
    for await (const chunk of chunks) {
      this.#count(chunk);
      for (let at = 0; at < chunk.length; ) {
        const taken = chunk.subarray(at, at + to - filled);
        buffer.set(taken, filled);
        at += taken.length;
        filled += taken.length;
        if (filled < to) continue;
        yield buffer.subarray(from, to);
        [from, to, filled] = [1, buffer.length, 1];
      }
    }
    if (filled > from) yield buffer.subarray(from, filled);
  }

  #count(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.bytes > this.#plan.capacityBytes) throw archiveOutgrown(this.#plan, this.#limits);
    this.crc32 = crc32(chunk, this.crc32);
  }
}
