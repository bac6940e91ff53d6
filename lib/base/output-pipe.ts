// A child's stdout, read into buffers that are used again. pg_dump writes 4 KiB at a time; the stream that `spawn` makes has
// a buffer and an event of each, which costs more than compressing them costs igzip (docs/performance.md).

import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmdirSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBlockBytes, takeBlock } from './read-blocks.ts';

/** A block with less room than this is given on. */
const roomBytes = 65_536;
/** Further blocks stay in the pipe, and the child waits. */
const waitingBlocks = 2;

/** `O_PATH`: holds a pipe and is neither of its ends. */
const asPath = 0o10000000;
/** Pipes that can be opened again: igzip has a child for each member. */
const free: number[] = [];
/** Of a back-up: pg_dump's, and those of two compressors. Starting mkfifo costs 3 ms, whatever it makes. */
const madeAtOnce = ['1', '2', '3'];
let isPossible = true;

/** Named ones, whose names are gone before anybody writes. */
function makePipes(): void {
  const folder = mkdtempSync(join(tmpdir(), 'offsite-pipe-'));
  const names = madeAtOnce.map((name) => join(folder, name));
  try {
    execFileSync('mkfifo', names, { stdio: 'ignore' });
    for (const name of names) free.push(openSync(name, asPath));
  } finally {
    // One after the other: to look into a folder is to open a file, and there may be none left to open.
    for (const name of names) rmSync(name, { force: true });
    rmdirSync(folder);
  }
}

/**
 * A pipe for a child's stdout that is read into our own buffers, as `net.Socket` can and `spawn`'s streams cannot.
 *
 * @remarks 1 GiB in writes of 4 KiB costs the agent 0.37 s of CPU; 0.41 s by the private handle of `child.stdout`, 0.71 s
 *   by `child.stdout` itself.
 */
export class OutputPipe {
  /** For the child's `stdio`. */
  readonly writing: number;
  readonly #socket: Socket;
  readonly #gatherMs: number | undefined;
  readonly #waiting: Buffer[] = [];
  #block = takeBlock();
  #filledBytes = 0;
  /** What of the block was given on already. */
  #givenBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /**
   * Opens a pipe.
   *
   * @param gatherMs - How long a chunk may wait to be filled; without it, as long as that takes.
   * @returns `undefined` where there is no mkfifo, no folder for it, or no /proc: `child.stdout` does the same, for more.
   */
  static open(gatherMs?: number): OutputPipe | undefined {
    if (!isPossible) return undefined;
    try {
      if (free.length === 0) makePipes();
      const pipe = free.pop() as number;
      // Without a writer, whoever opens it to read would wait for one.
      const reading = openSync(`/proc/self/fd/${pipe}`, constants.O_RDONLY | constants.O_NONBLOCK);
      const writing = openSync(`/proc/self/fd/${pipe}`, constants.O_WRONLY);
      return new OutputPipe(pipe, reading, writing, gatherMs);
    } catch {
      isPossible = false;
      return undefined;
    }
  }

  private constructor(pipe: number, reading: number, writing: number, gatherMs: number | undefined) {
    this.writing = writing;
    this.#gatherMs = gatherMs;
    const onread = {
      buffer: () => this.#block.subarray(this.#filledBytes),
      callback: (bytes: number) => this.#read(bytes),
    };
    this.#socket = new Socket({ fd: reading, readable: true, writable: false, onread });
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    let isEmpty = false;
    this.#socket.on('end', () => {
      isEmpty = true;
    });
    this.#socket.on('close', () => {
      // Nobody holds its other end then; else a child might yet write into what is another's.
      if (isEmpty) free.push(pipe);
      else closeSync(pipe);
      this.#ended = true;
      this.#giveSome();
    });
  }

  /** To be called once the child has its end: only then does the end of what it writes come to us. */
  handedOver(): void {
    closeSync(this.writing);
  }

  /**
   * Reads from the child's first byte to the end that it or the kernel makes.
   *
   * @remarks Each chunk may be given back with `giveBack`. The child's exit code is another question.
   */
  async *read(): AsyncGenerator<Buffer> {
    try {
      for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) yield chunk;
    } finally {
      this.close();
    }
  }

  /** Ends the reading, though the child holds the pipe: it gets SIGPIPE when it writes again. */
  close(): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
  }

  async #next(): Promise<Buffer | undefined> {
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
