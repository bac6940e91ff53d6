// Inflates a gzip stream member by member, and says of each where it lies and what it holds. Node's own gunzip reads
// over the seams between members, and takes a stream that was cut at one for whole.

import { crc32, createInflateRaw, type InflateRaw } from 'node:zlib';
import { ByteSource } from './byte-source.ts';
import {
  crcText,
  gzipHeader,
  gzipTrailerBytes,
  type Member,
  readGzipTrailer,
  trailerFault,
} from './gzip-members.ts';

export type InflateOptions = {
  /** More plain bytes than this are an error: a few bytes of gzip can hold any number. */
  readonly maxPlainBytes?: number | undefined;
  /**
   * After an error, reads the compressed stream on to its end all the same: for callers that count or hash all of its
   * bytes on the way.
   */
  readonly readToEnd?: boolean | undefined;
  /** Members that were read before; the stream is what follows them. */
  readonly after?: readonly Member[] | undefined;
};

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
/** Some chunks ahead of the reader: the thread that inflates then hardly waits for the one that reads. */
const inflating = { chunkSize: plainChunkBytes, readableHighWaterMark: 4 * plainChunkBytes };

/**
 * Walks a gzip stream: iterate over it for the plain chunks, then ask for {@link GzipReader.result}.
 *
 * @remarks A damaged file is a value, not an exception: its plain bytes up to the damage are yielded, and the result
 *   says the rest. Memory is bounded by some chunks. Whatever ends the iteration, the compressed stream is let go.
 */
export class GzipReader implements AsyncIterable<Buffer> {
  readonly #source: ByteSource;
  readonly #options: InflateOptions;
  readonly #members: Member[];
  #plainBytes: number;
  #error: string | undefined;

  constructor(compressed: AsyncIterable<Uint8Array>, options: InflateOptions = {}) {
    this.#options = options;
    this.#members = [...(options.after ?? [])];
    this.#plainBytes = this.#members.reduce((sum, member) => sum + member.plainBytes, 0);
    const last = this.#members.at(-1);
    this.#source = new ByteSource(compressed, last === undefined ? 0 : last.offset + last.compressedBytes);
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

  /** The plain text, once. @throws What the compressed stream throws; its own damage never. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      let more = this.#members.length === 0 || (await this.#another());
      while (more) {
        yield* this.#member();
        more = this.#error === undefined && (await this.#another());
      }
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
    const plainBefore = this.#plainBytes;
    const fault = await this.#header();
    if (fault !== undefined) return this.#fail(offset, fault);
    let crc = 0;
    const inflate = createInflateRaw(inflating);
    const feeding = feed(this.#source, inflate);
    try {
      for await (const chunk of inflate as AsyncIterable<Buffer>) {
        if (this.#plainBytes + chunk.length > this.#limit) {
          return this.#fail(offset, `more than ${this.#limit} plain bytes`);
        }
        this.#plainBytes += chunk.length;
        crc = crc32(chunk, crc);
        yield chunk;
      }
    } catch (error) {
      return this.#fail(offset, damageOf(error));
    } finally {
      inflate.destroy();
    }
    await feeding;
    await this.#trailer(offset, crc, this.#plainBytes - plainBefore);
  }

  get #limit(): number {
    return this.#options.maxPlainBytes ?? Number.POSITIVE_INFINITY;
  }

  async #header(): Promise<string | undefined> {
    const header = gzipHeader();
    header.next();
    for (;;) {
      const chunk = await this.#source.peek();
      if (chunk === undefined) return `the file ends in the header, at ${this.#source.offset} bytes`;
      const { done, value, read } = pushBytes(header, chunk);
      this.#source.take(read);
      if (done) return value;
    }
  }

  async #trailer(offset: number, crc: number, plainBytes: number): Promise<void> {
    const bytes = await this.#source.exactly(gzipTrailerBytes);
    if (bytes === undefined) {
      return this.#fail(offset, `the file ends in the trailer, at ${this.#source.offset} bytes`);
    }
    const fault = trailerFault(readGzipTrailer(bytes), crc, plainBytes);
    if (fault !== undefined) return this.#fail(offset, fault);
    this.#members.push({
      offset,
      compressedBytes: this.#source.offset - offset,
      plainBytes,
      crc32: crcText(crc),
    });
  }

  #fail(offset: number, fault: string): void {
    this.#error = `member ${this.#members.length} at offset ${offset}: ${fault}`;
  }
}

/** The compressed stream failed: not the file's fault, so it must come through as it is. */
class SourceFailure extends Error {}

/** Gives the inflater what there is until it has the member's end, and takes from the source what it consumed. */
async function feed(source: ByteSource, inflate: InflateRaw): Promise<void> {
  for (;;) {
    let chunk: Buffer | undefined;
    try {
      chunk = await source.peek();
    } catch (cause) {
      inflate.destroy(new SourceFailure('', { cause }));
      return;
    }
    if (chunk === undefined) {
      inflate.end();
      return;
    }
    const before = inflate.bytesWritten;
    // An inflater that failed, or was given up, never answers again or answers with an error: whoever reads knows.
    if (!(await written(inflate, chunk))) return;
    const consumed = inflate.bytesWritten - before;
    source.take(consumed);
    if (consumed < chunk.length) return;
  }
}

function written(inflate: InflateRaw, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    inflate.write(chunk, (error) => resolve(!error));
  });
}

/** What an inflater's error says of the file; throws those that say nothing of it. */
function damageOf(error: unknown): string {
  if (error instanceof SourceFailure) throw error.cause;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'Z_DATA_ERROR' && code !== 'Z_BUF_ERROR' && code !== 'Z_NEED_DICT') throw error;
  return code === 'Z_BUF_ERROR' ? 'the file ends in the compressed text' : message;
}

function pushBytes(
  header: ReturnType<typeof gzipHeader>,
  chunk: Buffer,
): { done: boolean; value: string | undefined; read: number } {
  for (let read = 1; read <= chunk.length; read += 1) {
    const step = header.next(chunk[read - 1] as number);
    if (step.done) return { done: true, value: step.value, read };
  }
  return { done: false, value: undefined, read: chunk.length };
}

function zeroRun(chunk: Buffer): number {
  let count = 0;
  while (count < chunk.length && chunk[count] === 0) count += 1;
  return count;
}
