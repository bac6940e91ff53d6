// Compresses to gzip in independent members of a fixed plain length: any gunzip reads the archive as one stream,
// several threads can work on it, and the manifest can list what is where. What a compressor gives is not believed:
// each member's frame is held against the plain text that went in.

import { promisify } from 'node:util';
import { crc32, inflateRaw, type ZlibOptions } from 'node:zlib';
import { OffsiteError } from '../base/errors.ts';
import { findProgram } from '../base/find-program.ts';
import { giveBack } from '../base/read-blocks.ts';
import { childCompressor } from './child-compressor.ts';
import {
  crcText,
  gzipHeader,
  gzipTrailerBytes,
  type Member,
  readGzipTrailer,
  trailerFault,
} from './gzip-members.ts';
import { type Compressor, compressorError, type compressors, type MemberStream } from './member-stream.ts';
import { zlibCompressor } from './zlib-compressor.ts';

/** Members that are being compressed at once: one takes plain text while the one before gives its last bytes. */
const membersInFlight = 2;

const inflateRawAsync = promisify<Uint8Array, ZlibOptions, Buffer>(inflateRaw);

export type CompressorChoice = (typeof compressors)[number];

export type CompressedMember = { readonly pieces: readonly Buffer[]; readonly member: Member };

/**
 * Chooses a compressor.
 *
 * @param choice - `auto` takes the fastest that is installed: igzip, then pigz, then Node's own zlib; `small` is zlib at
 *   level 6, for uplinks that are slower than it.
 * @param path - Directories to look in, as PATH has them.
 * @throws {@link OffsiteError} `PROGRAM_MISSING` if the one that was named is not installed.
 */
export function chooseCompressor(
  choice: CompressorChoice = 'auto',
  path: string = process.env.PATH ?? '',
): Compressor {
  if (choice === 'node') return zlibCompressor('fast');
  if (choice === 'small') return zlibCompressor('small');
  for (const name of choice === 'auto' ? (['igzip', 'pigz'] as const) : [choice]) {
    const program = findProgram(name, path);
    if (program !== undefined) return childCompressor(name, program);
  }
  if (choice === 'auto') return zlibCompressor('fast');
  throw new OffsiteError('PROGRAM_MISSING', `the compressor '${choice}' is not installed`, {
    expected: `${choice} on the PATH`,
    found: 'none',
    hint: `install it (Debian, Ubuntu: apt-get install ${choice === 'igzip' ? 'isal' : choice}), or leave --compress out`,
  });
}

export type CompressOptions = {
  /** Ends the compressor, also one that hangs; what it interrupts throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Of every member but the last, in place of the compressor's own. */
  readonly plainBytesEach?: number;
};

/**
 * Compresses a stream.
 *
 * @param plain - The dump; if it fails, so does the result, and nothing of the last member is given. Its chunks are ours:
 *   their bytes may change once they were taken.
 * @returns Members in order. An empty stream gives none.
 * @throws {@link OffsiteError} If the compressor fails, or gives what is not the plain text's member. Leaving the
 *   iteration early, or failing, ends all that still runs.
 */
export async function* compressMembers(
  plain: AsyncIterable<Uint8Array>,
  compressor: Compressor,
  options: CompressOptions = {},
): AsyncGenerator<CompressedMember> {
  const { signal, plainBytesEach = compressor.memberPlainBytes } = options;
  const running = new Set<MemberStream>();
  const ending: Promise<EndedMember>[] = [];
  let offset = 0;
  let index = 0;
  const begin = (): OpenMember => {
    const stream = compressor.open();
    running.add(stream);
    index += 1;
    return { stream, index: index - 1, plainBytes: 0, crc: 0 };
  };
  const end = (member: OpenMember): void => {
    const ended = endMember(member, compressor).finally(() => running.delete(member.stream));
    // Awaited in its turn; until then a failure must not count as unheard.
    ended.catch(() => undefined);
    ending.push(ended);
  };
  const oldest = async (): Promise<CompressedMember> => {
    const { pieces, ...rest } = await (ending.shift() as (typeof ending)[number]);
    const member = { offset, ...rest };
    offset += member.compressedBytes;
    return { pieces, member };
  };
  const abort = () => Promise.all([...running].map((stream) => stream.abort()));
  const onAbort = () => void abort();
  let current: OpenMember | undefined;
  signal?.addEventListener('abort', onAbort);
  try {
    for await (const chunk of plain) {
      for (let taken = 0; taken < chunk.length; ) {
        current ??= begin();
        const part = chunk.subarray(taken, taken + plainBytesEach - current.plainBytes);
        taken += part.length;
        await give(current, part);
        if (current.plainBytes < plainBytesEach) continue;
        end(current);
        current = undefined;
        if (ending.length >= membersInFlight) yield await oldest();
      }
      giveBack(chunk);
    }
    if (current !== undefined) end(current);
    while (ending.length > 0) yield await oldest();
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await abort();
  }
}

type OpenMember = { readonly stream: MemberStream; readonly index: number; plainBytes: number; crc: number };
type EndedMember = Omit<Member, 'offset'> & { readonly pieces: readonly Buffer[] };

async function give(member: OpenMember, part: Uint8Array): Promise<void> {
  member.plainBytes += part.length;
  member.crc = crc32(part, member.crc);
  await member.stream.write(part);
}

async function endMember(
  { stream, index, plainBytes, crc }: OpenMember,
  compressor: Compressor,
): Promise<EndedMember> {
  const pieces = await stream.end();
  const isKnown = index > 0 || known.has(compressor);
  const fault =
    frameFault(pieces, crc, plainBytes) ?? (isKnown ? undefined : await textFault(pieces, plainBytes, crc));
  if (fault !== undefined) {
    throw compressorError(
      compressor.name,
      `the plain text's own length and CRC-32 in member ${index}`,
      fault,
    );
  }
  if (!isKnown) known.add(compressor);
  const compressedBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { pieces, compressedBytes, plainBytes, crc32: crcText(crc) };
}

/** Whether header and trailer are those of the plain text's member. */
function frameFault(pieces: readonly Buffer[], crc: number, plainBytes: number): string | undefined {
  const { fault, headerBytes } = readHeader(pieces);
  const compressedBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (fault !== undefined) return fault;
  if (compressedBytes <= headerBytes + gzipTrailerBytes)
    return `${compressedBytes} bytes, which is no member`;
  return trailerFault(readGzipTrailer(lastBytes(pieces, gzipTrailerBytes)), crc, plainBytes);
}

function readHeader(pieces: readonly Buffer[]): { fault: string | undefined; headerBytes: number } {
  const header = gzipHeader();
  header.next();
  let headerBytes = 0;
  for (const piece of pieces) {
    for (const byte of piece) {
      headerBytes += 1;
      const step = header.next(byte);
      if (step.done) return { fault: step.value, headerBytes };
    }
  }
  return { fault: `${headerBytes} bytes, which is not even a header`, headerBytes };
}

/** Those that have given a member whose text was the plain one. */
const known = new WeakSet<Compressor>();

/**
 * Whether the compressed text is the plain one. Asked of a compressor's first member only: it finds a program that is not
 * the compressor it is taken for, and costs milliseconds; every byte is inflated by the verifier, minutes later.
 */
async function textFault(
  pieces: readonly Buffer[],
  plainBytes: number,
  crc: number,
): Promise<string | undefined> {
  const { headerBytes } = readHeader(pieces);
  try {
    const text = Buffer.concat(pieces).subarray(headerBytes, -gzipTrailerBytes);
    // In one piece; 512 of 16 KiB each take 50 ms of a back-up's beginning (docs/performance.md).
    const plain = await inflateRawAsync(text, { chunkSize: plainBytes + 64 });
    const found = crc32(plain);
    return found === crc ? undefined : `inflated, it has CRC-32 ${crcText(found)}`;
  } catch (error) {
    return `it cannot be inflated: ${(error as Error).message}`;
  }
}

function lastBytes(pieces: readonly Buffer[], count: number): Buffer {
  const last = pieces.at(-1);
  if (last !== undefined && last.length >= count) return last.subarray(-count);
  return Buffer.concat(pieces).subarray(-count);
}
