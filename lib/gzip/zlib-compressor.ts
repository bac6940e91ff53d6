// Node's own zlib on libuv's threads, for hosts without igzip or pigz. A member is cut into blocks that are compressed
// two at once, each with the 32 KiB before it as its dictionary: deflate streams that end on a byte can be put one
// after the other, which is how pigz does it too. So memory depends on the block and not on the member.

import { promisify } from 'node:util';
import { constants, crc32, deflateRaw, type ZlibOptions } from 'node:zlib';
import type { Compressor, MemberStream } from './member-stream.ts';

const deflateRawAsync = promisify<Uint8Array, ZlibOptions, Buffer>(deflateRaw);

const blockBytes = 1_048_576;
const dictionaryBytes = 32_768;
/** Most blocks fit in; others take several. */
const outputBytes = 393_216;
/** Of all members together. */
const blocksInFlight = 3;

/** Magic, deflate, no flags, no time, no extra flags, Unix. */
const header = Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3);

/**
 * What each block of a member is compressed with, in turn. One in four at level 4 makes a back-up 1 % smaller than level
 * 3 alone, and takes no time that can be measured (docs/performance.md).
 */
const levelsOf = { fast: [3, 3, 3, 4], small: [6] } as const;

/**
 * Makes a compressor of zlib.
 *
 * @param pace - `fast` keeps up with pg_dump on some cores; `small` gives fewer bytes than gzip's default.
 */
export function zlibCompressor(pace: keyof typeof levelsOf): Compressor {
  const pool = new BlockPool();
  const levels = levelsOf[pace];
  return { name: `node-zlib-${levels[0]}`, open: () => new ZlibMember(pool, levels) };
}

/** Buffers for blocks, used again: as many as may be under way. */
class BlockPool {
  readonly #free: Buffer[] = [];
  readonly #running: Promise<unknown>[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(dictionaryBytes + blockBytes);
  }

  /** Begins a task on a block, which is free again after it. */
  run<T>(block: Buffer, task: () => Promise<T>): Promise<T> {
    const result = task().finally(() => {
      this.#free.push(block);
      this.#running.splice(this.#running.indexOf(settled), 1);
    });
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    this.#running.push(settled);
    return result;
  }

  /** Resolves when a further block may begin. */
  get room(): Promise<unknown> | undefined {
    return this.#running.length < blocksInFlight ? undefined : Promise.race(this.#running);
  }
}

class ZlibMember implements MemberStream {
  readonly #pool: BlockPool;
  readonly #levels: readonly number[];
  readonly #blocks: Promise<Buffer>[] = [];
  /** The dictionary, then the block's own bytes. */
  #block: Buffer | undefined;
  #historyBytes = 0;
  #filledBytes = 0;
  #plainBytes = 0;
  #crc = 0;

  constructor(pool: BlockPool, levels: readonly number[]) {
    this.#pool = pool;
    this.#levels = levels;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length; ) {
      if (this.#filledBytes === blockBytes) {
        while (this.#pool.room !== undefined) await this.#pool.room;
        this.#compress(false);
      }
      this.#block ??= this.#pool.take();
      const part = chunk.subarray(taken, taken + blockBytes - this.#filledBytes);
      this.#block.set(part, dictionaryBytes + this.#filledBytes);
      this.#filledBytes += part.length;
      taken += part.length;
    }
  }

  async end(): Promise<Buffer[]> {
    while (this.#pool.room !== undefined) await this.#pool.room;
    this.#compress(true);
    const texts = await Promise.all(this.#blocks);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#plainBytes % 2 ** 32, 4);
    return [header, ...texts, trailer];
  }

  async abort(): Promise<void> {
    await Promise.allSettled(this.#blocks);
  }

  #compress(isLast: boolean): void {
    const block = this.#block ?? this.#pool.take();
    const text = block.subarray(dictionaryBytes, dictionaryBytes + this.#filledBytes);
    const dictionary = block.subarray(dictionaryBytes - this.#historyBytes, dictionaryBytes);
    this.#crc = crc32(text, this.#crc);
    this.#plainBytes += text.length;
    if (isLast) this.#block = undefined;
    else this.#inherit(text);
    const options = {
      level: this.#levels[this.#blocks.length % this.#levels.length],
      // Longer blocks of one code: a little smaller and a little faster.
      memLevel: 9,
      chunkSize: outputBytes,
      finishFlush: isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
      ...(dictionary.length > 0 && { dictionary }),
    };
    const compressed = this.#pool.run(block, () => deflateRawAsync(text, options));
    // Awaited at the member's end; until then a failure must not count as unheard.
    compressed.catch(() => undefined);
    this.#blocks.push(compressed);
  }

  /** Begins the next block with the end of this one before it. */
  #inherit(text: Buffer): void {
    const next = this.#pool.take();
    text.copy(next, 0, text.length - dictionaryBytes);
    this.#block = next;
    this.#historyBytes = dictionaryBytes;
    this.#filledBytes = 0;
  }
}
