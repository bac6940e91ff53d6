// One tar of several: pg_basebackup has one of each tablespace, whose names begin at its own root. Here they stand where the server's own
// list, and a data directory, have them.

import { TarReader, tarBlockBytes, tarChecksum, tarPadding } from './tar.ts';

const field = { name: 0, mode: 100, bytes: 124, checksum: 148, kind: 156, magic: 257, prefix: 345 } as const;

export const tarEnd: Uint8Array = new Uint8Array(2 * tarBlockBytes);

/** Entries of a tar on their way into another. */
export class MovedTar {
  readonly #reader = new TarReader();
  readonly #folder: string;
  #padding = 0;

  /** @param folder - Where they come to stand, as `pg_tblspc/16384`; empty for where they stood. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns What the bytes become, in memory of its own. @throws As {@link TarReader.push}. */
  push(chunk: Uint8Array): Buffer {
    const pieces: Uint8Array[] = [];
    for (const event of this.#reader.push(chunk)) {
      if (event.at === 'bytes') pieces.push(event.bytes);
      else if (event.at === 'end of entry') pieces.push(new Uint8Array(this.#padding));
      else {
        pieces.push(this.#moved(event.header));
        this.#padding = tarPadding(event.entry.bytes);
      }
    }
    return Buffer.concat(pieces);
  }

  /** @throws As {@link TarReader.finish}. */
  finish(): void {
    this.#reader.finish();
  }

  /** By the prefix, which the server leaves empty: no name becomes too long. */
  #moved(original: Uint8Array): Buffer {
    const header = Buffer.from(original);
    return this.#folder === '' ? header : withChecksum(write(header, field.prefix, this.#folder));
  }
}

export function tarFile(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(tarBlockBytes);
  write(header, field.name, name);
  write(header, field.mode, '0000600');
  write(header, field.bytes, content.length.toString(8).padStart(11, '0'));
  write(header, field.kind, '0');
  write(header, field.magic, 'ustar\x0000');
  return Buffer.concat([withChecksum(header), content, Buffer.alloc(tarPadding(content.length))]);
}

function withChecksum(header: Buffer): Buffer {
  return write(header, field.checksum, `${tarChecksum(header).toString(8).padStart(6, '0')}\0 `);
}

function write(header: Buffer, at: number, text: string): Buffer {
  header.write(text, at, 'latin1');
  return header;
}
