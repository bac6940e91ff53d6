// Inflates a gzip stream member by member, and says of each where it lies and what it holds. Node's own gunzip reads
// over the seams between members, and takes a stream that was cut at one for whole.

import { createInflateRaw, crc32, type InflateRaw } from 'node:zlib';
import {
  crcText,
  gzipHeader,
  gzipTrailerBytes,
  readGzipTrailer,
  trailerFault,
} from '../core/gzip-members.ts';
import type { Member } from '../core/manifest.ts';
import { ByteSource } from './byte-source.ts';

export type InflateOptions = {
  /** More plain bytes than this are an error: a few bytes of gzip can hold any number. */
  readonly maxPlainBytes?: number | undefined;
  /**
   * After an error, reads the compressed stream on to its end all the same: for callers that count or hash all of its
   * bytes on the way.
   */
  readonly readToEnd?: boolean | undefined;
};

/** What a gzip stream turned out to be. */
export type InflateResult = {
  /** Bytes that the compressed stream gave: all of it, unless there is an error. */
  readonly compressedBytes: number;
  readonly plainBytes: number;
  /** The whole members, in order. */
  readonly members: readonly Member[];
  /** What is wrong and at which offset; then `gunzip -t` fails too. */
  readonly error?: string;
};

const plainChunkBytes = 262_144;

/**
 * Walks a gzip stream: iterate over it for the plain chunks, then ask for {@link GzipReader.result}.
 *
 * @remarks A damaged file is a value, not an exception: its plain bytes up to the damage are yielded, and the result
 *   says the rest. Memory is bounded by some chunks. Whatever ends the iteration, the compressed stream is let go.
 */
export class GzipReader implements AsyncIterable<Buffer> {
  readonly #source: ByteSource;
  readonly #options: InflateOptions;
  readonly #members: Member[] = [];
  #plainBytes = 0;
  #error: string | undefined;

  constructor(compressed: AsyncIterable<Uint8Array>, options: InflateOptions = {}) {
    this.#source = new ByteSource(compressed);
    this.#options = options;
  }

  /** What was found; complete once the iteration has ended. */
  get result(): InflateResult {
    return {
      compressedBytes: this.#source.givenBytes,
      plainBytes: this.#plainBytes,
      members: this.#members,
      ...(this.#error !== undefined && { error: this.#error }),
    };
  }

  /**
   * The plain text, once.
   *
   * @throws What the compressed stream throws; its own damage never.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      do yield* this.#member();
      while (this.#error === undefined && (await this.#another()));
      if (this.#error !== undefined && this.#options.readToEnd) await this.#source.drain();
    } finally {
      await this.#source.close();
    }
  }

  /** Whether a further member follows. Zero bytes may fill up the end, as on tapes; anything else may not. */
  async #another(): Promise<boolean> {
    const zerosAt = this.#source.offset;
    for (;;) {
      const chunk = await this.#source.peek();
      if (chunk === undefined) return false;
      const zeros = zeroRun(chunk);
      this.#source.take(zeros);
      if (zeros === chunk.length) continue;
      if (this.#source.offset === zerosAt) return true;
      this.#error = `garbage at offset ${this.#source.offset}, after the last member and zero bytes`;
      return false;
    }
  }

  async *#member(): AsyncGenerator<Buffer, void, undefined> {
    const { offset } = this.#source;
    const fault = await this.#header();
    if (fault !== undefined) return this.#fail(offset, fault);
    const plainBefore = this.#plainBytes;
    let crc = 0;
    const inflate = createInflateRaw({ chunkSize: plainChunkBytes });
    const feeding = feed(this.#source, inflate);
    try {
      for await (const chunk of inflate as AsyncIterable<Buffer>) {
        this.#plainBytes += chunk.length;
        if (this.#plainBytes > (this.#options.maxPlainBytes ?? Number.POSITIVE_INFINITY)) {
          return this.#fail(offset, `more than ${this.#options.maxPlainBytes} plain bytes`);
        }
        crc = crc32(chunk, crc);
        yield chunk;
      }
    } catch (error) {
      if (!isDamage(error, inflate)) throw error;
      return this.#fail(offset, `${error.message} at offset ${this.#source.offset}`);
    } finally {
      inflate.destroy();
    }
    await feeding;
    await this.#trailer(offset, crc, this.#plainBytes - plainBefore);
  }

  async #header(): Promise<string | undefined> {
    const header = gzipHeader();
    header.next();
    for (;;) {
      const chunk = await this.#source.peek();
      if (chunk === undefined) return this.#cut('in a header');
      for (const [index, byte] of chunk.entries()) {
        const { done, value } = header.next(byte);
        if (!done) continue;
        this.#source.take(index + 1);
        return value;
      }
      this.#source.take(chunk.length);
    }
  }
}
