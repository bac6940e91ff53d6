// A child's stdout, read into buffers that are used again. pg_dump writes 4 KiB at a time; a stream of Node makes a
// buffer and an event of each, which costs more than compressing them costs igzip (docs/performance.md).

import type { ChildProcess } from 'node:child_process';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { readBlockBytes, takeBlock } from './read-blocks.ts';

/** A block with less room than this is given on. */
const roomBytes = 65_536;
/** What has come is given on after so long, however little, where somebody waits for it. */
export const gatherMs = 10;
/** Further blocks stay in the pipe, and the child waits. */
const waitingBlocks = 2;

/**
 * Reads what a child writes to stdout, from its first byte to the end that it or the kernel makes.
 *
 * @param gatherMs - How long a chunk may wait to be filled; without it, as long as that takes.
 * @remarks Each chunk may be given back with `giveBack`. The child's exit code is another question. Nobody else may
 *   read `child.stdout`, and its `close` does not come.
 */
export async function* outputOf(child: ChildProcess, gatherMs?: number): AsyncGenerator<Buffer> {
  const reader = new OutputReader(takeHandle(child), gatherMs);
  try {
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) yield chunk;
  } finally {
    reader.close();
  }
}

class OutputReader {
  readonly #socket: Socket;
  readonly #waiting: Buffer[] = [];
  #block = takeBlock();
  #filledBytes = 0;
  /** What of the block was given on already. */
  #givenBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;
  readonly #gatherMs: number | undefined;

  constructor(handle: object, gatherMs: number | undefined) {
    this.#gatherMs = gatherMs;
    const onread = {
      buffer: () => this.#block.subarray(this.#filledBytes),
      callback: (bytes: number) => this.#read(bytes),
    };
    this.#socket = new Socket({ handle, readable: true, writable: false, onread } as SocketConstructorOpts);
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    this.#socket.on('close', () => {
      this.#ended = true;
      this.#giveSome();
    });
    this.#socket.resume();
  }

  /** @returns `undefined` at the end. */
  async next(): Promise<Buffer | undefined> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#waiting.shift();
    if (chunk === undefined && this.#error !== undefined) throw this.#error;
    if (!this.#ended && this.#waiting.length < waitingBlocks) this.#socket.resume();
    return chunk;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
  }

  /** @returns Whether to read on. Only here may the block be changed: Node asks for the next room right after it. */
  #read(bytes: number): boolean {
    this.#filledBytes += bytes;
    if (readBlockBytes - this.#filledBytes < roomBytes) {
      this.#push(this.#block.subarray(this.#givenBytes, this.#filledBytes));
      this.#block = takeBlock();
      this.#filledBytes = 0;
      this.#givenBytes = 0;
    } else if (this.#gatherMs !== undefined) {
      this.#timer ??= setTimeout(() => this.#giveSome(), this.#gatherMs);
    }
    return this.#waiting.length < waitingBlocks;
  }

  /** Gives on what has come, as a copy: the next read goes on in this block. */
  #giveSome(): void {
    if (this.#filledBytes > this.#givenBytes) {
      this.#push(Buffer.from(this.#block.subarray(this.#givenBytes, this.#filledBytes)));
      this.#givenBytes = this.#filledBytes;
    }
    this.#wake?.();
  }

  #push(chunk: Buffer): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.push(chunk);
    this.#wake?.();
  }
}

/**
 * Takes the connection to the child away from the stream that Node made of it.
 *
 * @remarks `spawn` has no option for a stream of one's own buffers, `net.Socket` has; `_handle` is what joins them. It
 *   is no public API: the exact version of Node is pinned by package-lock.json, and a test reads through it.
 */
function takeHandle(child: ChildProcess): object {
  const stream = child.stdout as unknown as { _handle?: object | null };
  const handle = stream._handle;
  if (!handle) throw new Error('this Node gives no access to the output of a child');
  stream._handle = null;
  return handle;
}
