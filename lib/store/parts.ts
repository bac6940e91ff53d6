// Cuts a stream into parts of one length, in buffers that are used again: memory stays the same from the first part to
// the last.

/** A part of a stream; only the last one may be shorter. */
export type Part = {
  /** Counted from 1, as S3 does. */
  readonly number: number;
  readonly bytes: Buffer;
  readonly isLast: boolean;
};

/** Cuts a stream; whoever is done with a part gives its buffer back. */
export class PartCutter {
  readonly #partBytes: number;
  readonly #free: Buffer[] = [];

  constructor(partBytes: number) {
    this.#partBytes = partBytes;
  }

  /** @returns At least one part, an empty one for an empty stream. */
  async *cut(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
    let bytes = this.#lend();
    let number = 1;
    let filledBytes = 0;
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        // A full part is given on only when a byte follows, so that it is known whether it is the last.
        if (filledBytes === this.#partBytes) {
          yield { number, bytes, isLast: false };
          bytes = this.#lend();
          number += 1;
          filledBytes = 0;
        }
        const taken = chunk.subarray(at, at + this.#partBytes - filledBytes);
        bytes.set(taken, filledBytes);
        filledBytes += taken.length;
        at += taken.length;
      }
    }
    yield { number, bytes: bytes.subarray(0, filledBytes), isLast: true };
  }

  /** Takes a part's buffer back, to be filled again. */
  release({ bytes }: Part): void {
    if (bytes.length === this.#partBytes) this.#free.push(bytes);
  }

  #lend(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#partBytes);
  }
}
