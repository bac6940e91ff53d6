// Reads a tar stream as pg_basebackup writes it, chunk by chunk, and keeps none: the chunks' memory is given back on their way to the
// compressor, which no reader of streams from a package would bear.

import { OffsiteError } from '../base/errors.ts';

export type TarEntry = {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link';
  readonly bytes: number;
  readonly mode: number;
};

/** The bytes of an event change once the next one is asked for. */
export type TarEvent =
  | { readonly at: 'entry'; readonly entry: TarEntry; readonly header: Uint8Array }
  | { readonly at: 'bytes'; readonly bytes: Uint8Array }
  | { readonly at: 'end of entry' };

export const tarBlockBytes = 512;
const checksumAt = 148;
const checksumEnd = 156;
const kinds: Readonly<Record<string, TarEntry['kind']>> = { 0: 'file', '\0': 'file', 5: 'folder', 2: 'link' };

/** @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06 */
export class TarReader {
  readonly #header = Buffer.alloc(tarBlockBytes);
  #headerBytes = 0;
  #remaining = 0;
  #padding = 0;
  #entryIsOpen = false;
  #zeroBlocks = 0;
  #offset = 0;

  /** @throws {@link OffsiteError} `BASE_BACKUP_FAILED` at what is no tar, or of a kind that no base backup has. */
  *push(chunk: Uint8Array): Generator<TarEvent> {
    for (let at = 0; at < chunk.length; ) {
      const taken = yield* this.#take(chunk.subarray(at));
      at += taken;
      this.#offset += taken;
    }
  }

  /** @throws {@link OffsiteError} `BASE_BACKUP_FAILED` if the stream ended before the tar did. */
  finish(): void {
    if (this.#zeroBlocks < 2)
      throw tarError('its end marker', `the end of what came, at ${this.#offset} bytes`);
  }

  *#take(bytes: Uint8Array): Generator<TarEvent, number> {
    if (this.#remaining > 0) {
      const part = bytes.subarray(0, this.#remaining);
      this.#remaining -= part.length;
      yield { at: 'bytes', bytes: part };
      yield* this.#endEntry();
      return part.length;
    }
    if (this.#padding > 0) {
      const skipped = Math.min(this.#padding, bytes.length);
      this.#padding -= skipped;
      return skipped;
    }
    const part = bytes.subarray(0, tarBlockBytes - this.#headerBytes);
    this.#header.set(part, this.#headerBytes);
    this.#headerBytes += part.length;
    if (this.#headerBytes === tarBlockBytes) yield* this.#begin();
    return part.length;
  }

  *#begin(): Generator<TarEvent> {
    this.#headerBytes = 0;
    if (this.#header.every((byte) => byte === 0)) {
      this.#zeroBlocks += 1;
      return;
    }
    if (this.#zeroBlocks > 0) throw tarError('nothing after its end', `a header at ${this.#offset} bytes`);
    const entry = readHeader(this.#header, this.#offset);
    this.#remaining = entry.bytes;
    this.#padding = tarPadding(entry.bytes);
    this.#entryIsOpen = true;
    yield { at: 'entry', entry, header: this.#header };
    yield* this.#endEntry();
  }

  *#endEntry(): Generator<TarEvent> {
    if (this.#remaining > 0 || !this.#entryIsOpen) return;
    this.#entryIsOpen = false;
    yield { at: 'end of entry' };
  }
}

function readHeader(header: Buffer, offset: number): TarEntry {
  const text = (from: number, bytes: number) => {
    const field = header.subarray(from, from + bytes);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end < 0 ? bytes : end);
  };
  if (Number.parseInt(text(checksumAt, 8), 8) !== tarChecksum(header))
    throw tarError('a header', `other bytes at ${offset}`);
  const kind = kinds[String.fromCharCode(header[156] as number)];
  const prefix = text(345, 155);
  const name = `${prefix === '' ? '' : `${prefix}/`}${text(0, 100)}`.replace(/^\.\/|\/$/g, '');
  // It is written to a disk by and by: nothing may lead out of the folder.
  const isSafe =
    kind !== undefined && !name.split('/').some((part) => part === '' || part === '..' || part === '.');
  if (!isSafe) throw tarError('files and folders of a data directory', `'${text(0, 100)}' at ${offset}`);
  const bytes = kind === 'file' ? readNumber(header.subarray(124, 136)) : 0;
  return { name, kind, bytes, mode: Number.parseInt(text(100, 8), 8) & 0o777 };
}

/** Bytes that fill the last block of an entry. */
export function tarPadding(bytes: number): number {
  return (tarBlockBytes - (bytes % tarBlockBytes)) % tarBlockBytes;
}

/** The sum of a header, its own field read as spaces. */
export function tarChecksum(header: Uint8Array): number {
  return header.reduce((all, byte, at) => all + (at >= checksumAt && at < checksumEnd ? 0x20 : byte), 0);
}

/** Octal, or, where that has no room for it, binary behind a bit. */
function readNumber(field: Buffer): number {
  if (((field[0] as number) & 0x80) === 0)
    return Number.parseInt(field.toString('latin1').replace(/[\0 ].*$/s, ''), 8);
  return Number(field.subarray(4).readBigUInt64BE());
}

function tarError(expected: string, found: string): OffsiteError {
  return new OffsiteError('BASE_BACKUP_FAILED', 'the base backup is no whole tar', {
    expected,
    found,
    hint: "pg_basebackup and the server must be of one kind: see the server's log, and run the same command again",
  });
}
