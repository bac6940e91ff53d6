// Inflates an archive several members at once, on libuv's threads, cut where its manifest says that members lie. The
// manifest is only a guess here: what turns out to be another way is read by GzipReader, from that member on, so that
// nothing is judged differently for being read fast.

import { availableParallelism } from 'node:os';
import { freeNow } from '../base/read-blocks.ts';
import { ByteSource, type Taken } from './byte-source.ts';
import { crcText, type Member } from './gzip-members.ts';
import { GzipReader, type InflateOptions, type InflateResult } from './inflate.ts';
import { inflateWhole, trailerOf } from './whole-member.ts';

/** Longer members are read as they come: a manifest must not decide how much memory is taken. */
const memberBytesMax = 64 * 1024 * 1024;
/** Of compressed and plain bytes, of all members under way; a single one may have it all. */
const bytesInFlight = 128 * 1024 * 1024;
/** One more than there are threads to inflate: they work on while the oldest one's text is looked at. */
const membersInFlight = Math.min(availableParallelism(), 4) + 1;

type Expected = Pick<Member, 'compressedBytes' | 'plainBytes'>;

/** A member that is being inflated. */
type Task = {
  readonly taken: Taken;
  readonly expected: Expected;
  /** As its trailer says. */
  readonly crc32: number;
  /** `undefined` if it is not the whole member that was expected. */
  readonly plain: Promise<Buffer | undefined>;
};

/**
 * Walks a gzip stream whose members are known, or said to be: iterate over it for the plain text, member by member,
 * then ask for {@link MemberReader.result}, as of {@link GzipReader}.
 *
 * @remarks Gives exactly what GzipReader gives, for any bytes and any list of members. Memory is bounded by constants.
 */
export class MemberReader implements AsyncIterable<Buffer> {
  readonly #source: ByteSource;
  readonly #expected: readonly Expected[];
  readonly #options: InflateOptions;
  readonly #members: Member[] = [];
  #plainBytes = 0;
  #rest: GzipReader | undefined;

  constructor(
    compressed: AsyncIterable<Uint8Array>,
    expected: readonly Expected[],
    options: InflateOptions = {},
  ) {
    this.#source = new ByteSource(compressed);
    this.#expected = expected;
    this.#options = options;
  }

  /** What was found; complete once the iteration has ended. */
  get result(): InflateResult {
    if (this.#rest !== undefined) return this.#rest.result;
    return {
      compressedBytes: this.#source.givenBytes,
      plainBytes: this.#plainBytes,
      members: this.#members,
    };
  }

  /**
   * The plain text, once. A chunk is gone when the next one is asked for.
   *
   * @throws What the compressed stream throws; its own damage never.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    const queue = new TaskQueue(this.#source, this.#expected, this.#options.maxPlainBytes);
    try {
      for (let task = await queue.oldest(); task !== undefined; task = await queue.oldest()) {
        const plain = await task.plain;
        if (plain === undefined) break;
        queue.shift();
        freeTaken(task.taken);
        this.#note(task, plain);
        yield plain;
        freeNow(plain);
      }
      await queue.giveBack();
      // Also where all went well: whatever follows the last member is for GzipReader to judge.
      this.#rest = new GzipReader(this.#source.rest(), { ...this.#options, after: this.#members });
      yield* this.#rest;
    } finally {
      await this.#source.close();
      await queue.settled();
    }
  }

  #note({ taken, crc32 }: Task, plain: Buffer): void {
    const last = this.#members.at(-1);
    this.#members.push({
      offset: last === undefined ? 0 : last.offset + last.compressedBytes,
      compressedBytes: taken.length,
      plainBytes: plain.length,
      crc32: crcText(crc32),
    });
    this.#plainBytes += plain.length;
  }
}

/** Frees what came of a member that was read: left to the garbage collector, it is what most of its time goes to. */
function freeTaken({ pieces, splitsChunk }: Taken): void {
  const whole = splitsChunk ? pieces.slice(0, -1) : pieces;
  for (const piece of whole) {
    // What is longer than the piece is somebody else's, too.
    if (piece.length === piece.buffer.byteLength) freeNow(piece);
  }
}

/** Reads ahead, and keeps as many members under way as there may be. */
class TaskQueue {
  readonly #source: ByteSource;
  readonly #expected: readonly Expected[];
  readonly #tasks: Task[] = [];
  #plainBytesLeft: number;
  #begun = 0;
  #filling: Promise<void> | undefined;

  constructor(source: ByteSource, expected: readonly Expected[], maxPlainBytes = Number.POSITIVE_INFINITY) {
    this.#source = source;
    this.#expected = expected;
    this.#plainBytesLeft = maxPlainBytes;
  }

  /**
   * The oldest member under way, while further ones are read and begun.
   *
   * @returns `undefined` if none may be begun.
   * @throws What the compressed stream throws, after the members that came before that.
   */
  async oldest(): Promise<Task | undefined> {
    if (this.#filling === undefined) {
      const filling = this.#fill();
      this.#filling = filling;
      // Heard of where it is awaited, if it ever is.
      filling.then(
        () => {
          this.#filling = undefined;
        },
        () => undefined,
      );
    }
    if (this.#tasks.length === 0) await this.#filling;
    return this.#tasks[0];
  }

  shift(): void {
    this.#tasks.shift();
  }

  /** Gives the bytes of all tasks back to the source. */
  async giveBack(): Promise<void> {
    await this.#filling;
    this.#source.giveBack(this.#tasks.map(({ taken }) => taken));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#tasks.map(({ plain }) => plain));
  }

  async #fill(): Promise<void> {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#begun += 1;
      this.#plainBytesLeft -= next.plainBytes;
      const taken = await this.#source.upTo(next.compressedBytes);
      this.#tasks.push(begin(taken, next));
    }
  }

  #next(): Expected | undefined {
    const next = this.#expected[this.#begun];
    if (next === undefined || this.#tasks.length >= membersInFlight) return undefined;
    if (!isModest(next) || next.plainBytes > this.#plainBytesLeft) return undefined;
    const inFlight = this.#tasks.reduce((sum, task) => sum + weight(task.expected), 0);
    return this.#tasks.length === 0 || inFlight + weight(next) <= bytesInFlight ? next : undefined;
  }
}

/** An empty one has no text to tell it from others by. */
function isModest({ compressedBytes, plainBytes }: Expected): boolean {
  return compressedBytes <= memberBytesMax && plainBytes <= memberBytesMax && plainBytes > 0;
}

/** Its compressed bytes are there twice: as they came, and in one piece for zlib. */
function weight({ compressedBytes, plainBytes }: Expected): number {
  return 2 * compressedBytes + plainBytes;
}

function begin(taken: Taken, expected: Expected): Task {
  const bytes = Buffer.concat(taken.pieces);
  const { crc32 } = trailerOf(bytes);
  const plain = inflateWhole(bytes, expected).finally(() => freeNow(bytes));
  return { taken, expected, crc32, plain };
}
