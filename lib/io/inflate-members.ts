// Inflates an archive several members at once, on libuv's threads, cut where its manifest says that members lie. The
// manifest is only a guess here: what turns out to be another way is read by GzipReader, from that member on, so that
// nothing is judged differently for being read fast.

import { availableParallelism } from 'node:os';
import { crc32, type InflateRaw, inflateRaw } from 'node:zlib';
import {
  crcText,
  gzipHeader,
  gzipTrailerBytes,
  readGzipTrailer,
  trailerFault,
} from '../core/gzip-members.ts';
import type { Member } from '../core/manifest.ts';
import { ByteSource, type Taken } from './byte-source.ts';
import { GzipReader, type InflateOptions, type InflateResult } from './inflate.ts';
import { freeNow } from './read-blocks.ts';

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
  /** `undefined` if it is not the whole member that was expected. */
  readonly plain: Promise<PlainMember | undefined>;
};

type PlainMember = { readonly plain: Buffer; readonly crc: number };

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
    const tasks: Task[] = [];
    try {
      yield* this.#proven(tasks);
      // Also where all went well: whatever follows the last member is for GzipReader to judge.
      this.#source.giveBack(tasks.map(({ taken }) => taken));
      this.#rest = new GzipReader(this.#source.rest(), { ...this.#options, after: this.#members });
      yield* this.#rest;
    } finally {
      await this.#source.close();
      await Promise.all(tasks.map(({ plain }) => plain));
    }
  }

  /** The members that are what was expected, up to the first that is not; that one is left in the tasks. */
  async *#proven(tasks: Task[]): AsyncGenerator<Buffer, void, undefined> {
    let begun = 0;
    let plainBegun = 0;
    const mayBegin = (expected: Expected | undefined): expected is Expected => {
      if (expected === undefined || tasks.length >= membersInFlight || !isModest(expected)) return false;
      if (plainBegun + expected.plainBytes > (this.#options.maxPlainBytes ?? Number.POSITIVE_INFINITY))
        return false;
      const inFlight = tasks.reduce((sum, task) => sum + weight(task.expected), 0);
      return tasks.length === 0 || inFlight + weight(expected) <= bytesInFlight;
    };
    for (;;) {
      for (let expected = this.#expected[begun]; mayBegin(expected); expected = this.#expected[begun]) {
        const taken = await this.#source.upTo(expected.compressedBytes);
        tasks.push({ taken, expected, plain: inflateMember(Buffer.concat(taken.pieces), expected) });
        begun += 1;
        plainBegun += expected.plainBytes;
      }
      const oldest = tasks[0];
      const inflated = await oldest?.plain;
      if (oldest === undefined || inflated === undefined) return;
      tasks.shift();
      this.#note(oldest.taken.length, inflated);
      yield inflated.plain;
      freeNow(inflated.plain);
    }
  }

  #note(compressedBytes: number, { plain, crc }: PlainMember): void {
    const last = this.#members.at(-1);
    const offset = last === undefined ? 0 : last.offset + last.compressedBytes;
    this.#members.push({ offset, compressedBytes, plainBytes: plain.length, crc32: crcText(crc) });
    this.#plainBytes += plain.length;
  }
}

function isModest({ compressedBytes, plainBytes }: Expected): boolean {
  return compressedBytes <= memberBytesMax && plainBytes <= memberBytesMax;
}

/** Its compressed bytes are there twice: as they came, and in one piece for zlib. */
function weight({ compressedBytes, plainBytes }: Expected): number {
  return 2 * compressedBytes + plainBytes;
}

/**
 * @param bytes - Only we have them; they are freed.
 * @returns The plain text, if the bytes are one whole member of the expected length; never rejects.
 */
async function inflateMember(bytes: Buffer, expected: Expected): Promise<PlainMember | undefined> {
  const headerBytes = readHeader(bytes);
  if (bytes.length < expected.compressedBytes || headerBytes === undefined) return undefined;
  const text = bytes.subarray(headerBytes, -gzipTrailerBytes);
  const textBytes = text.length;
  const trailer = readGzipTrailer(bytes.subarray(-gzipTrailerBytes));
  const inflated = await inflateText(text, expected.plainBytes);
  freeNow(bytes);
  if (inflated === undefined || inflated.consumedBytes !== textBytes) return undefined;
  const { plain } = inflated;
  const crc = crc32(plain);
  const isWhole =
    plain.length === expected.plainBytes && trailerFault(trailer, crc, plain.length) === undefined;
  return isWhole ? { plain, crc } : undefined;
}

function readHeader(bytes: Buffer): number | undefined {
  const header = gzipHeader();
  header.next();
  for (let read = 1; read <= bytes.length - gzipTrailerBytes; read += 1) {
    const step = header.next(bytes[read - 1] as number);
    if (step.done) return step.value === undefined ? read : undefined;
  }
  return undefined;
}

function inflateText(
  text: Buffer,
  plainBytes: number,
): Promise<{ plain: Buffer; consumedBytes: number } | undefined> {
  // One output buffer, with room to see that nothing follows: a bomb ends there.
  const options = { chunkSize: plainBytes + 64, maxOutputLength: plainBytes + 64, info: true };
  return new Promise((resolve) => {
    inflateRaw(text, options, (error, result) => {
      if (error !== null) return resolve(undefined);
      // What `info` gives, which the types do not know.
      const { buffer, engine } = result as unknown as { buffer: Buffer; engine: InflateRaw };
      resolve({ plain: buffer, consumedBytes: engine.bytesWritten });
    });
  });
}
