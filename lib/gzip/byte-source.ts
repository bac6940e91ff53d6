// A stream of chunks, read in pieces of whatever length the reader consumed: what follows a gzip member in the same
// chunk belongs to the next one.

import { Readable } from 'node:stream';

const nothing: Buffer = Buffer.alloc(0);

/** Unread bytes of a stream, and how many were read. */
export class ByteSource {
  /** Bytes that were taken; the offset of the next one. */
  offset = 0;
  /** Bytes that the stream gave, taken or not. */
  givenBytes = 0;
  readonly #stream: AsyncIterable<Uint8Array>;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk: Buffer = nothing;
  #ended = false;
  #reading = false;

  /** @param offset - Where the stream begins, if it is the rest of another. */
  constructor(stream: AsyncIterable<Uint8Array>, offset = 0) {
    this.offset = offset;
    this.givenBytes = offset;
    this.#stream = stream;
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** What is at hand, at least one byte, without taking it; `undefined` at the end. */
  async peek(): Promise<Buffer | undefined> {
    while (this.#chunk.length === 0 && !this.#ended) {
      this.#reading = true;
      const { done, value } = await this.#iterator.next();
      this.#reading = false;
      if (done) {
        this.#ended = true;
      } else {
        this.#chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
        this.givenBytes += value.byteLength;
      }
    }
    return this.#chunk.length === 0 ? undefined : this.#chunk;
  }

  /** Takes bytes of what {@link ByteSource.peek} showed. */
  take(count: number): void {
    this.#chunk = this.#chunk.subarray(count);
    this.offset += count;
  }

  /** Takes exactly so many bytes, or `undefined` and all there is if the stream ends before. */
  async exactly(count: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = [];
    for (let missing = count; missing > 0; missing -= pieces.at(-1)?.length ?? 0) {
      const chunk = await this.peek();
      if (chunk === undefined) return undefined;
      pieces.push(chunk.subarray(0, missing));
      this.take(Math.min(chunk.length, missing));
    }
    return Buffer.concat(pieces);
  }

  /** Reads to the end and counts. */
  async drain(): Promise<void> {
    for (let chunk = await this.peek(); chunk !== undefined; chunk = await this.peek())
      this.take(chunk.length);
  }

  /** Lets go of the stream, wherever it is. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#chunk = nothing;
    if (this.#stream instanceof Readable) {
      this.#stream.destroy();
      return;
    }
    const closing = this.#iterator.return?.();
    // A generator answers only after a read under way, and that one may never end.
    if (this.#reading) closing?.catch(() => {});
    else await closing;
  }
}
