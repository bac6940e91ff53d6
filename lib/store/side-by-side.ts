// Stretches of one object, read by several connections and given in order. What is held is bounded: who reads slowly, or
// one connection that does, stops the others after some parts.

import { Readable } from 'node:stream';
import type { Width } from './width.ts';

export type SideBySide = {
  /** Brings the first part. */
  readonly first: Readable;
  /** Opens a further one. */
  readonly open: (from: number, to: number) => Readable;
  readonly from: number;
  /** The byte after the last. */
  readonly to: number;
  readonly width: Width;
};

/**
 * Reads an object side by side.
 *
 * @returns A stream to be consumed or destroyed. It fails with what the first part fails with that cannot be read, after
 *   all that comes before it.
 */
export function sideBySide({ first, open, from, to, width }: SideBySide): Readable {
  const parts: Part[] = [];
  let next = Math.min(from + width.partBytes, to);

  function begin(): void {
    // Half as many again as are read: connections are of different speed, and the quick ones need not wait for the slow one.
    const heldParts = Math.ceil(width.connections * 1.5);
    const coming = () => parts.filter(({ isOver }) => !isOver).length;
    while (next < to && parts.length < heldParts && coming() < width.connections) {
      const end = Math.min(next + width.partBytes, to);
      parts.push(new Part(open(next, end), came, begin));
      next = end;
    }
  }

  function came(bytes: number): void {
    const before = width.connections;
    width.came(bytes, performance.now());
    if (width.connections > before) begin();
  }

  async function* bytes(): AsyncGenerator<Buffer> {
    parts.push(new Part(first, came, begin));
    for (begin(); parts[0] !== undefined; begin()) {
      yield* parts[0].chunks();
      parts.shift();
    }
  }

  const stream = Readable.from(bytes(), { objectMode: false });
  stream.once('close', () => {
    next = to;
    for (const part of parts) part.close();
  });
  return stream;
}

/** Takes all that a connection brings, whether anybody asks for it yet or not. */
class Part {
  isOver = false;
  readonly #body: Readable;
  readonly #came: (bytes: number) => void;
  readonly #chunks: Buffer[] = [];
  #failure: { readonly error: unknown } | undefined;
  #news = Promise.withResolvers<void>();

  constructor(body: Readable, came: (bytes: number) => void, onOver: () => void) {
    this.#body = body;
    this.#came = came;
    void this.#take().then(onOver);
  }

  /** What it brings, once. */
  async *chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) yield chunk;
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.isOver) return;
      await this.#news.promise;
      this.#news = Promise.withResolvers();
    }
  }

  close(): void {
    this.#body.destroy();
  }

  async #take(): Promise<void> {
    try {
      for await (const chunk of this.#body as AsyncIterable<Buffer>) {
        this.#chunks.push(chunk);
        this.#came(chunk.length);
        this.#news.resolve();
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.isOver = true;
    this.#news.resolve();
  }
}
