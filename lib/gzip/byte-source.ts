// A stream of chunks, read in pieces of whatever length the reader consumed: what follows a gzip member in the same
// chunk belongs to the next one.

import { Readable } from 'node:stream';

const nothing: Buffer = Buffer.alloc(0);

/** Bytes that were taken and may be given back. */
export type Taken = {
  readonly pieces: readonly Buffer[];
  readonly length: number;
  /** Whether the last piece's chunk goes on after it. */
  readonly splitsChunk: boolean;
};

/** Unread bytes of a stream, and how many were read. */
export class ByteSource {
  /** Bytes that were taken; the offset of the next one. */
  offset = 0;
  /** Bytes that the stream gave, taken or not. */
  givenBytes = 0;
  readonly #stream: AsyncIterable<Uint8Array>;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk: Buffer = nothing;
  /** Chunks that were given back and follow the current one. */
  #waiting: Buffer[] = [];
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
    if (this.#chunk.length === 0) this.#chunk = this.#waiting.shift() ?? nothing;
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
    const { pieces, length } = await this.upTo(count);
    return length === count ? Buffer.concat(pieces) : undefined;
  }

  /** Takes so many bytes, or all there is if the stream ends before. */
  async upTo(count: number): Promise<Taken> {
    const pieces: Buffer[] = [];
    let length = 0;
    while (length < count) {
      const chunk = await this.peek();
      if (chunk === undefined) break;
      const piece = chunk.subarray(0, count - length);
      pieces.push(piece);
      length += piece.length;
      this.take(piece.length);
    }
    return { pieces, length, splitsChunk: this.#chunk.length > 0 };
  }

  /** Gives back what was taken last, in chunks as they were: how far a damaged text inflates depends on them. */
  giveBack(taken: readonly Taken[]): void {
    const chunks: Buffer[] = [];
    let isSplit = false;
    for (const { pieces, splitsChunk } of [
      ...taken.filter(({ length }) => length > 0),
      { pieces: [this.#chunk], splitsChunk: false },
    ]) {
      for (const piece of pieces) {
        const before = isSplit ? chunks.pop() : undefined;
        isSplit = false;
        chunks.push(before === undefined ? piece : joined(before, piece));
      }
      isSplit = splitsChunk;
    }
    this.offset -= taken.reduce((sum, { length }) => sum + length, 0);
    this.#waiting = [...chunks.filter(({ length }) => length > 0), ...this.#waiting];
    this.#chunk = nothing;
  }

  /** All that follows, chunk by chunk. */
  async *rest(): AsyncGenerator<Buffer, void, undefined> {
    for (let chunk = await this.peek(); chunk !== undefined; chunk = await this.peek()) {
      this.take(chunk.length);
      yield chunk;
    }
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
    this.#waiting = [];
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

/** Two neighbours in one buffer. */
function joined(one: Buffer, next: Buffer): Buffer {
  return Buffer.from(one.buffer, one.byteOffset, one.length + next.length);
}
