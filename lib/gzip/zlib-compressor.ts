// Node's own zlib on libuv's threads, for hosts without igzip or pigz: a member is gathered, and compressed in one call
// while the next one is gathered.

import { promisify } from 'node:util';
import { gzip, type ZlibOptions } from 'node:zlib';
import type { Compressor, MemberStream } from './member-stream.ts';

const gzipAsync = promisify<Uint8Array, ZlibOptions, Buffer>(gzip);

/** Half of a child's: three members' plain text is held at once, and 8 MiB each took 15 MiB more (docs/performance.md). */
const memberPlainBytes = 4 * 1024 * 1024;

/**
 * What each member is compressed with, in turn. One in four at level 4 makes a back-up 1 % smaller than level 3 alone, and
 * takes no time that can be measured (docs/performance.md).
 */
const levelsOf = { fast: [3, 3, 3, 4], small: [6] } as const;

/**
 * Makes a compressor of zlib.
 *
 * @param pace - `fast` keeps up with pg_dump on some cores; `small` gives fewer bytes than gzip's default.
 */
export function zlibCompressor(pace: keyof typeof levelsOf): Compressor {
  const levels = levelsOf[pace];
  /** Buffers of members that have ended, used again. */
  const free: Buffer[] = [];
  let opened = 0;
  return {
    name: `node-zlib-${levels[0]}`,
    memberPlainBytes,
    open: () => new ZlibMember(free, levels[opened++ % levels.length] as number),
  };
}

class ZlibMember implements MemberStream {
  readonly #free: Buffer[];
  readonly #level: number;
  readonly #block: Buffer;
  #filledBytes = 0;
  #compressed: Promise<Buffer> | undefined;

  constructor(free: Buffer[], level: number) {
    this.#free = free;
    this.#level = level;
    this.#block = free.pop() ?? Buffer.allocUnsafeSlow(memberPlainBytes);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#block.set(chunk, this.#filledBytes);
    this.#filledBytes += chunk.length;
  }

  async end(): Promise<Buffer[]> {
    const text = this.#block.subarray(0, this.#filledBytes);
    // Longer blocks of one code: a little smaller and a little faster. Most members fit into one chunk.
    const options = { level: this.#level, memLevel: 9, chunkSize: memberPlainBytes / 2 };
    this.#compressed = gzipAsync(text, options);
    const member = await this.#compressed;
    this.#free.push(this.#block);
    return [member];
  }

  async abort(): Promise<void> {
    await this.#compressed?.catch(() => undefined);
  }
}
