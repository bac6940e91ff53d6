// What a segment was when less of it had been written: the same bytes up to there, and zeros behind. A copy of it from then is held against
// that by its sum, and need not be read.

import { createHash, type Hash } from 'node:crypto';

const zeros = Buffer.alloc(256 * 1024);

/** Sums of a file while it passes: of all of it, and of its beginnings. */
export class Beginnings {
  readonly #hash = createHash('sha256');
  readonly #lengths: number[];
  readonly #upTo = new Map<number, Hash>();
  #bytes = 0;

  /** @param lengths - Of the beginnings, in bytes. */
  constructor(lengths: readonly number[]) {
    this.#lengths = [...new Set(lengths)].sort((one, other) => one - other);
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    for (
      let [next] = this.#lengths;
      next !== undefined && next <= this.#bytes + rest.length;
      [next] = this.#lengths
    ) {
      rest = this.#take(rest, next - this.#bytes);
      this.#upTo.set(next, this.#hash.copy());
      this.#lengths.shift();
    }
    this.#take(rest, rest.length);
  }

  /** To be asked for once, at the end. @returns SHA-256 in hex: of all, and of a beginning with zeros up to the whole length. */
  sums(): { readonly whole: string; readonly of: (length: number) => string | undefined } {
    const whole = this.#hash.digest('hex');
    return { whole, of: (length) => this.#filled(length) };
  }

  #take(bytes: Uint8Array, count: number): Uint8Array {
    this.#hash.update(bytes.subarray(0, count));
    this.#bytes += count;
    return bytes.subarray(count);
  }

  #filled(length: number): string | undefined {
    const hash = this.#upTo.get(length)?.copy();
    for (let missing = this.#bytes - length; missing > 0; missing -= zeros.length)
      hash?.update(zeros.subarray(0, missing));
    return hash?.digest('hex');
  }
}
