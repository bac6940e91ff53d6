// The frame of a gzip member, RFC 1952: a header before the deflate stream and eight bytes after it. What is accepted
// here is what `gunzip -t` accepts, so that nothing is called whole that a plain gunzip refuses.

import { crc32 } from 'node:zlib';

/** A member as archives list them: where it lies and what it holds. */
export type Member = {
  /** Where it begins. */
  readonly offset: number;
  readonly compressedBytes: number;
  readonly plainBytes: number;
  /** Of the plain text, as {@link crcText} writes it. */
  readonly crc32: string;
};

/** CRC-32 and length of a member's plain text, as its trailer has them. */
export type GzipTrailer = {
  readonly crc32: number;
  /** Modulo 2^32. */
  readonly plainBytes: number;
};

export const gzipTrailerBytes = 8;

const [firstMagic, secondMagic, oldSecondMagic, deflate] = [0x1f, 0x8b, 0x9e, 8];
const flag = { headerCrc: 0x02, extra: 0x04, name: 0x08, comment: 0x10, encrypted: 0x20, reserved: 0xc0 };

/** What a member's header turned out to be: `undefined` if it is whole, else what is wrong with it. */
export type GzipHeaderFault = string | undefined;

/**
 * Reads one member's header, byte by byte: call `next()` once to start it and then `next(byte)` until it is done. It is
 * done with the header's last byte, or with the first byte that cannot be in one.
 *
 * @returns `undefined` for a whole header, else what is wrong with it.
 * @see https://www.rfc-editor.org/rfc/rfc1952#section-2.3
 */
export function* gzipHeader(): Generator<undefined, GzipHeaderFault, number> {
  if ((yield) !== firstMagic) return 'not in gzip format';
  const second = yield;
  if (second !== secondMagic && second !== oldSecondMagic) return 'not in gzip format';
  const method = yield;
  if (method !== deflate) return `unknown compression method ${method}`;
  const flags = yield;
  if (flags & flag.encrypted) return 'encrypted, which is not supported';
  if (flags & flag.reserved) return `reserved flags 0x${flags.toString(16)} are set`;
  let sum = crc32(Uint8Array.of(firstMagic, second, method, flags));
  const count = (byte: number) => {
    sum = crc32(Uint8Array.of(byte), sum);
    return byte;
  };
  // Time, extra flags and operating system say nothing that matters here.
  for (let skipped = 0; skipped < 6; skipped += 1) count(yield);
  if (flags & flag.extra) {
    let length = count(yield);
    length += count(yield) * 256;
    for (; length > 0; length -= 1) count(yield);
  }
  if (flags & flag.name) while (count(yield) !== 0);
  if (flags & flag.comment) while (count(yield) !== 0);
  if (flags & flag.headerCrc) {
    const expected = sum & 0xffff;
    const found = (yield) + (yield) * 256;
    if (found !== expected)
      return `the header's checksum is ${hex(found, 4)}, its bytes have ${hex(expected, 4)}`;
  }
  return undefined;
}

/** Reads a member's trailer from its eight bytes. */
export function readGzipTrailer(bytes: Uint8Array): GzipTrailer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { crc32: view.getUint32(0, true), plainBytes: view.getUint32(4, true) };
}

/**
 * Compares a member's trailer with what was inflated.
 *
 * @param plainBytes - The whole length, however large.
 * @returns `undefined` if they agree, else what differs.
 */
export function trailerFault(trailer: GzipTrailer, crc: number, plainBytes: number): string | undefined {
  if (trailer.crc32 !== crc) {
    return `the plain text has CRC-32 ${crcText(crc)}, the trailer says ${crcText(trailer.crc32)}`;
  }
  if (trailer.plainBytes !== plainBytes % 2 ** 32) {
    return `the plain text has ${plainBytes} bytes, the trailer says ${trailer.plainBytes} (modulo 2^32)`;
  }
  return undefined;
}

/** A CRC-32 as manifests have it: 8 hex digits. */
export function crcText(crc: number): string {
  return hex(crc, 8);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
