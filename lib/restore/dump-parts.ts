// A dump on its way into a database, taken apart once for all who look at it: who asks for its head, who takes its inventory,
// who loads it.

import type { Inventory } from '../archive/inventory.ts';
import { DumpContents } from '../sql/contents.ts';
import { type DumpPart, DumpSplitter } from '../sql/splitter.ts';
import { type DumpHead, HeadReader } from './dump-head.ts';

export class DumpParts implements AsyncIterable<readonly DumpPart[]> {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #contents: DumpContents | undefined;
  readonly #splitter: DumpSplitter;
  /** Of the head, to be given on. */
  readonly #read: (readonly DumpPart[])[] = [];

  /** @param takesInventory - Whether {@link inventory} will be asked for. */
  constructor(dump: AsyncIterable<Uint8Array>, { takesInventory = false } = {}) {
    this.#chunks = dump[Symbol.asyncIterator]();
    this.#contents = takesInventory ? new DumpContents() : undefined;
    this.#splitter = new DumpSplitter(this.#contents);
  }

  static of(dump: AsyncIterable<Uint8Array> | DumpParts): DumpParts {
    return dump instanceof DumpParts ? dump : new DumpParts(dump);
  }

  /** Whether pg_dump's end marker was its end. */
  get ended(): boolean {
    return this.#splitter.ended;
  }

  /** What the dump holds, once it is over. */
  get inventory(): Inventory | undefined {
    return this.#contents && { ...this.#contents.inventory(), endMarker: this.#splitter.marker ?? 'absent' };
  }

  /**
   * Reads the beginning.
   *
   * @throws What the dump's stream fails with, `RESTORE_REFUSED` for what no restore takes, the signal's reason.
   */
  async readHead(signal?: AbortSignal): Promise<DumpHead> {
    const reader = new HeadReader();
    try {
      while (!reader.isRead) {
        const { done, value } = await orAborted(this.#chunks.next(), signal);
        if (done) break;
        const parts = this.#splitter.push(value);
        this.#read.push(parts);
        reader.push(parts, value.byteLength);
      }
      return reader.found();
    } catch (error) {
      void this.#chunks.return?.()?.then(undefined, () => undefined);
      throw error;
    }
  }

  /** All of it, the head too. */
  async *[Symbol.asyncIterator](): AsyncGenerator<readonly DumpPart[]> {
    try {
      while (this.#read.length > 0) yield this.#read.shift() as readonly DumpPart[];
      for (let next = await this.#chunks.next(); !next.done; next = await this.#chunks.next())
        yield this.#splitter.push(next.value);
      yield this.#splitter.finish();
    } finally {
      await this.#chunks.return?.();
    }
  }
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
