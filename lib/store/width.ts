// How many connections read an object side by side: more, as long as more of them bring more. Where the line or the
// processor is what binds, further ones only cost.

const mib = 1024 * 1024;

/** Connections to begin with, and to add at a time. */
const step = 16;

/** What each connection brings, about, until it is known how fast they are. */
const roundBytes = 2 * mib;

/** How much faster it must become, at least, with those that were added. */
const worthwhile = 1.15;

/** Feed all that comes to {@link Width.came}; {@link Width.connections} is how many may read from then on. */
export class Width {
  connections: number;
  readonly #most: number;
  readonly #partBytes: number | undefined;
  /** In the round that runs. */
  #bytes = 0;
  #sinceMs: number | undefined;
  /** Of the best round so far, and with how many. */
  #best = { connections: 0, bytesPerMs: 0 };

  /**
   * @param most - How many may read at once; up to 16 of them do from the beginning.
   * @param partBytes - In place of what {@link Width.partBytes} says.
   */
  constructor(most: number, partBytes?: number) {
    this.connections = Math.min(step, most);
    this.#most = most;
    this.#partBytes = partBytes;
  }

  /**
   * What one request asks for: much longer than the wait for its first byte takes, and less the more there are, for half as
   * many again are held in memory.
   */
  get partBytes(): number {
    return this.#partBytes ?? Math.max(2 * mib, Math.min(8 * mib, Math.floor(64 / this.connections) * mib));
  }

  /** Takes note of bytes that came. */
  came(bytes: number, atMs: number): void {
    // Settled: all of them read, or the last that were added brought nothing.
    if (this.connections === this.#most || this.connections === this.#best.connections) return;
    this.#sinceMs ??= atMs;
    this.#bytes += bytes;
    if (this.#bytes < this.connections * roundBytes) return;
    const bytesPerMs = this.#bytes / (atMs - this.#sinceMs);
    if (bytesPerMs < this.#best.bytesPerMs * worthwhile) {
      this.connections = this.#best.connections;
      return;
    }
    this.#best = { connections: this.connections, bytesPerMs };
    this.connections = Math.min(this.connections + step, this.#most);
    this.#bytes = 0;
    this.#sinceMs = atMs;
  }
}
